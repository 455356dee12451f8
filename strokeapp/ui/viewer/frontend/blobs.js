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

// Inflate bytes piece by piece into `take(piece, offset)`; resolves to their number. Streaming keeps a large
// volume from standing in memory twice.
async function inflate(bytes, take) {
  let at = 0;
  const source = new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + 1048576));
      at += 1048576;
      return undefined;
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("gzip")).getReader();
  let offset = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return offset;
    take(value, offset);
    offset += value.length;
  }
}

// Inflate a blob to { header, values }: Uint8Array or Int16Array, (slices, rows, columns) in C order.
async function unpackBlob(bytes) {
  try {
    const { header, payload } = blobHeader(bytes);
    const count = header.shape.reduce((product, size) => product * size, 1);
    const values = header.dtype === "uint8" ? new Uint8Array(count) : new Int16Array(count);
    let from = 0;
    const jobs = header.parts.map(([plane, start, length]) => {
      const part = payload.subarray(from, from + length);
      from += length;
      // int16 comes as all low bytes, then all high bytes.
      return inflate(part, (piece, offset) => {
        if (start + offset + piece.length > count) throw new Error("length");
        for (let i = 0, at = start + offset; i < piece.length; i++, at++) values[at] |= piece[i] << (8 * plane);
      });
    });
    const found = (await Promise.all(jobs)).reduce((sum, size) => sum + size, 0);
    if (found !== count * values.BYTES_PER_ELEMENT) throw new Error("length");
    return { header, values };
  } catch (error) {
    throw new Error("The image data is damaged. Open the scan again.", { cause: error });
  }
}
