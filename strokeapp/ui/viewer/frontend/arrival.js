// A series that fills block by block, in the order in which the server sends them.

// Calls `each` after every block; rejects at the first that is damaged or does not come.
async function receiveBlocks(source, { blocks }, signal, each) {
  await Promise.all(blocks.map(async ({ id, start }) => {
    const { values } = await unpackBlob(await waitForBlob(id, { signal }));
    if (signal.aborted) return;
    source.accept(start, values);
    each();
  }));
}

// How far the series on show are, in words; empty when everything is there.
function arrivalWords(sources) {
  const open = sources.filter((source) => !source.complete);
  if (!open.length) return "";
  const share = open.reduce((sum, source) => sum + source.share, 0) / open.length;
  return `Loading slices, ${Math.floor(100 * share)} %`;
}
