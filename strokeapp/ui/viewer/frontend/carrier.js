// An element without a face: it brings one packed array, which names itself in its header.
const releases = new WeakMap();

function nameOf(data) {
  try {
    return blobHeader(data).header.id;
  } catch {
    return UNREADABLE; // the viewer that waits for it says so
  }
}

export default function carrier({ data, parentElement }) {
  releases.get(parentElement)?.();
  const release = holdBlob(nameOf(data), data);
  releases.set(parentElement, release);
  return () => {
    if (releases.get(parentElement) === release) releases.delete(parentElement);
    release();
  };
}
