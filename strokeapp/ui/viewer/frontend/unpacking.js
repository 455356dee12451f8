// Inflate blobs beside the page: a few workers, made when there is something to do and ended when there is not.

const WORKERS_MOST = 2;
const WORKER_IDLE_MS = 5000;

// The next two run in a worker, from their source text; they know nothing of this file.
async function inflatePart(bytes) {
  const stream = new Response(bytes).body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Typed array of `count` values; int16 comes as all low bytes, then all high bytes.
async function unpackParts({ parts, dtype, count }) {
  const planes = await Promise.all(parts.map(inflatePart));
  if (planes.length !== (dtype === "uint8" ? 1 : 2)) throw new Error("parts");
  for (const plane of planes) if (plane.length !== count) throw new Error("length");
  if (dtype === "uint8") return planes[0];
  const [low, high] = planes;
  const values = new Int16Array(count);
  for (let i = 0; i < count; i++) values[i] = low[i] | (high[i] << 8);
  // Given back at once: garbage of this size would wait long for its collector.
  for (const plane of planes) plane.buffer.transfer?.(0);
  return values;
}

const WORKER_SOURCE = `${inflatePart}\n${unpackParts}
onmessage = async ({ data }) => {
  try {
    const values = await unpackParts(data);
    postMessage({ values }, [values.buffer]);
  } catch (error) {
    postMessage({ error: String(error) });
  }
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
    throw new Error("The image data is damaged. Open the scan again.", { cause: error });
  }
}
