// Packed arrays on their way from the carrier elements to the viewers. Two modules share them, hence the global.
const BLOBS = (globalThis[Symbol.for("strokeapp.blobs")] ??= { held: new Map(), listeners: new Set() });

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

// Wait for a blob; rejects after the given time or when the signal aborts.
function waitForBlob(id, { signal, timeoutMs = 60000 }) {
  const present = BLOBS.held.get(id);
  if (present) return Promise.resolve(present.bytes);
  return new Promise((resolve, reject) => {
    const done = (settle) => {
      clearTimeout(timer);
      BLOBS.listeners.delete(listener);
      settle();
    };
    const listener = (arrived) => {
      if (arrived === id) done(() => resolve(BLOBS.held.get(id).bytes));
    };
    const timer = setTimeout(
      () => done(() => reject(new Error("The image data did not arrive. Reload the page."))), timeoutMs);
    signal.addEventListener("abort", () => done(() => reject(signal.reason)), { once: true });
    BLOBS.listeners.add(listener);
  });
}

// Read the JSON header of a blob.
function blobHeader(bytes) {
  const text = new TextDecoder();
  if (!(bytes instanceof Uint8Array) || text.decode(bytes.subarray(0, 4)) !== "SAB1") throw new Error("not a blob");
  const length = new DataView(bytes.buffer, bytes.byteOffset + 4, 4).getUint32(0, true);
  return { header: JSON.parse(text.decode(bytes.subarray(8, 8 + length))), payload: bytes.subarray(8 + length) };
}

// Inflate a blob to { header, values }: Uint8Array or Int16Array, (slices, rows, columns) in C order.
async function unpackBlob(bytes) {
  try {
    const { header, payload } = blobHeader(bytes);
    const stream = new Blob([payload]).stream().pipeThrough(new DecompressionStream("gzip"));
    const octets = new Uint8Array(await new Response(stream).arrayBuffer());
    const count = header.shape.reduce((product, size) => product * size, 1);
    if (header.dtype === "uint8" && octets.length === count) return { header, values: octets };
    if (header.dtype !== "int16" || octets.length !== 2 * count) throw new Error("length");
    const values = new Int16Array(count);
    for (let i = 0; i < count; i++) values[i] = octets[i] | (octets[count + i] << 8);
    return { header, values };
  } catch (error) {
    throw new Error("The image data is damaged. Open the scan again.", { cause: error });
  }
}
