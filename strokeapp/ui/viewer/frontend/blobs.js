// Packed arrays on their way from the carrier elements to the viewers. Two modules share them, hence the global.
const BLOBS = (globalThis[Symbol.for("strokeapp.blobs")] ??= { held: new Map(), listeners: new Set() });
const UNREADABLE = null; // stands for the name of a blob that does not tell its own
const DAMAGED = "The image data is damaged. Open the scan again.";

// Hold a blob until the returned function is called.
function holdBlob(id, bytes) {
  const entry = BLOBS.held.get(id) ?? { bytes, holders: 0 };
  entry.holders += 1;
  BLOBS.held.set(id, entry);
  for (const listener of [...BLOBS.listeners]) listener(id);
  return () => {
    entry.holders -= 1;
    if (entry.holders === 0) BLOBS.held.delete(id);
  };
}

// Wait for a blob; rejects when the signal aborts, when one has come that cannot be read (it may be this one), or when
// no blob at all has arrived for the given time: the blocks of a volume come one after the other, and on a slow line the
// last one late.
function waitForBlob(id, { signal, timeoutMs = 60000 }) {
  const present = BLOBS.held.get(id);
  if (present) return Promise.resolve(present.bytes);
  if (BLOBS.held.has(UNREADABLE)) return Promise.reject(new Error(DAMAGED));
  return new Promise((resolve, reject) => {
    let timer;
    const done = (settle) => {
      clearTimeout(timer);
      BLOBS.listeners.delete(listener);
      settle();
    };
    const late = () => done(() => reject(new Error("The image data did not arrive. Reload the page.")));
    const listener = (arrived) => {
      clearTimeout(timer);
      timer = setTimeout(late, timeoutMs);
      if (arrived === UNREADABLE) done(() => reject(new Error(DAMAGED)));
      if (arrived === id) done(() => resolve(BLOBS.held.get(id).bytes));
    };
    timer = setTimeout(late, timeoutMs);
    signal.addEventListener("abort", () => done(() => reject(signal.reason)), { once: true });
    BLOBS.listeners.add(listener);
  });
}

// Read the JSON header of a blob.
function blobHeader(bytes) {
  const text = new TextDecoder();
  if (!(bytes instanceof Uint8Array) || text.decode(bytes.subarray(0, 4)) !== "SAB2") throw new Error("not a blob");
  const length = new DataView(bytes.buffer, bytes.byteOffset + 4, 4).getUint32(0, true);
  return { header: JSON.parse(text.decode(bytes.subarray(8, 8 + length))), payload: bytes.subarray(8 + length) };
}
