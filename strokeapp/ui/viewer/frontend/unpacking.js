// Inflate blobs beside the page: a few workers, made when there is something to do and ended when there is not.

const WORKERS_MOST = 2;
const WORKER_IDLE_MS = 5000;

// The next three run in a worker too, from their source text; they know nothing else of this file.

// Make a function that gives the memory of an array back at once. As garbage it would wait for a collector that does not
// see how large it is, and `transfer(0)` leaves it to the browser's own reference; what is posted to a closed port goes.
function makeDrain() {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return ({ buffer }) => port1.postMessage(null, [buffer]);
}

// Read a gzip stream piece by piece. It is fed in pieces as well: whatever is fed at once is inflated at once.
function inflate(part) {
  let from = 0;
  const pull = (controller) => {
    controller.enqueue(part.subarray(from, (from += 32768)));
    if (from >= part.length) controller.close();
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 }).pipeThrough(new DecompressionStream("gzip")).getReader();
}

// Typed array of `count` values; int16 comes as all low bytes, then all high bytes. Each piece goes straight to its
// place, so that a block never stands in memory twice.
async function unpackParts({ parts, dtype, count }) {
  const values = dtype === "uint8" ? new Uint8Array(count) : new Int16Array(count);
  if (parts.length !== values.BYTES_PER_ELEMENT) throw new Error("parts");
  const discard = makeDrain();
  for (const [place, part] of parts.entries()) {
    const reader = inflate(part);
    let at = 0;
    for (let next; !(next = await reader.read()).done; ) {
      const piece = next.value;
      if (at + piece.length > count) throw new Error("length");
      for (let i = 0; i < piece.length; i++) values[at + i] |= piece[i] << (8 * place);
      at += piece.length;
      discard(piece);
    }
    if (at !== count) throw new Error("length");
  }
  return values;
}

const WORKER_SOURCE = `${makeDrain}\n${inflate}\n${unpackParts}
onmessage = async ({ data }) => {
  try {
    const values = await unpackParts(data);
    postMessage({ values }, [values.buffer]);
  } catch (error) {
    postMessage({ error: String(error) });
  }
  data.parts.forEach(makeDrain());
};`;

const UNPACKING = { waiting: [], workers: [], forbidden: false };

// Unpack parts in the first worker that is free; here, where the page may have no worker.
function unpackAside(task) {
  return new Promise((resolve, reject) => {
    UNPACKING.waiting.push({ task, resolve, reject });
    giveWork();
  });
}

function giveWork() {
  const { waiting, workers } = UNPACKING;
  while (waiting.length) {
    let free = workers.find(({ job }) => !job);
    if (!free && !UNPACKING.forbidden && workers.length < WORKERS_MOST) free = startWorker();
    if (!free && !UNPACKING.forbidden) return;
    const job = waiting.shift();
    if (!free) unpackParts(job.task).then(job.resolve, job.reject);
    else runIn(free, job);
  }
}

function runIn(entry, job) {
  clearTimeout(entry.ending);
  entry.job = job;
  // Copies of the parts alone, given away: their bytes stay with the page, should the worker not start.
  const parts = job.task.parts.map((part) => part.slice());
  entry.worker.postMessage({ ...job.task, parts }, parts.map((part) => part.buffer));
}

function startWorker() {
  try {
    const address = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
    const entry = { worker: new Worker(address), job: null };
    entry.worker.onmessage = ({ data }) => finishJob(entry, data);
    entry.worker.onerror = () => loseWorker(entry);
    UNPACKING.workers.push(entry);
    return entry;
  } catch {
    UNPACKING.forbidden = true; // by the page's security policy
    return null;
  }
}

function finishJob(entry, { values, error }) {
  const { job } = entry;
  entry.job = null;
  entry.ending = setTimeout(() => endWorker(entry), WORKER_IDLE_MS);
  if (error) job.reject(new Error(error));
  else job.resolve(values);
  giveWork();
}

function endWorker(entry) {
  entry.worker.terminate();
  UNPACKING.workers = UNPACKING.workers.filter((each) => each !== entry);
}

// A worker that does not start (a policy may also be told this way) leaves its work to the page.
function loseWorker(entry) {
  UNPACKING.forbidden = true;
  endWorker(entry);
  if (entry.job) UNPACKING.waiting.unshift(entry.job);
  giveWork();
}

// Unpack a blob to { header, values }: Uint8Array or Int16Array, (n, rows, columns) in C order.
async function unpackBlob(bytes) {
  try {
    const { header, payload } = blobHeader(bytes);
    let from = 0;
    const parts = header.parts.map((length) => payload.subarray(from, (from += length)));
    if (from !== payload.length) throw new Error("length");
    const count = header.shape.reduce((product, size) => product * size, 1);
    return { header, values: await unpackAside({ parts, dtype: header.dtype, count }) };
  } catch (error) {
    throw new Error(DAMAGED, { cause: error });
  }
}
