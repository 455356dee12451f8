// An element without a face: it brings one packed array, which names itself in its header.
const releases = new WeakMap();

export default function carrier({ data, parentElement }) {
  releases.get(parentElement)?.();
  const release = holdBlob(blobHeader(data).header.id, data);
  releases.set(parentElement, release);
  return () => {
    if (releases.get(parentElement) === release) releases.delete(parentElement);
    release();
  };
}
