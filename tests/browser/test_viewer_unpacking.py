"""What the browser unpacks: bit for bit what Python packed, refused where damaged, and never in memory twice.

No server: the viewer's modules are evaluated in an empty tab, which fetches the packed blocks of a volume.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from strokeapp.ui.viewer import assets
from strokeapp.ui.viewer.packing import pack_overlay
from strokeapp.ui.viewer.volume import PackedVolume

pytestmark = pytest.mark.browser

PATIENCE = 90_000
# Browsers hash on safe origins alone; this one is never asked, its answers are made here.
ORIGIN = "http://localhost/"
MODULES = ("blobs", "unpacking", "vectors", "colormaps", "frame", "planes", "reslice", "projection", "raster", "source",
           "arrival")  # fmt: skip
HELPERS = """
const fetched = async (number) => new Uint8Array(await (await fetch(`blob/${number}`)).arrayBuffer());
const hashOf = async (bytes) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
  .map((octet) => octet.toString(16).padStart(2, "0")).join("");
const failure = (promise) => promise.then(() => "", (error) => error.message);
"""
# Blocks come in another order than they lie, some before anybody waits for them, the others late.
RECEIVE = """
const scan = { geometry: null, presets: [{ width: 80, level: 40 }], units: "HU", title: "" };
const source = new Source(given, scan);
const blobs = await Promise.all(given.blocks.map((_, number) => fetched(number)));
const before = await Promise.all(blobs.map(hashOf));
blobs.slice(2).forEach((bytes) => holdBlob(blobHeader(bytes).header.id, bytes));
const received = receiveBlocks(source, given, new AbortController().signal, () => {});
blobs.slice(0, 2).forEach((bytes) => holdBlob(blobHeader(bytes).header.id, bytes));
await received;
const kept = String(await Promise.all(blobs.map(hashOf))) === String(before);
const whole = new Blob(source.grid.layers);
return { complete: source.complete, kept, hash: await hashOf(await whole.arrayBuffer()) };
"""
NO_WORKERS = "globalThis.Worker = class { constructor() { throw new Error('refused by a policy'); } };"


@pytest.fixture
def page(browser) -> Iterator:
    opened = browser.new_page()
    opened.set_default_timeout(PATIENCE)
    _answer(opened, "", b"")
    opened.goto(ORIGIN)
    yield opened
    opened.close()


def _answer(page, path: str, body: bytes) -> None:
    page.route(ORIGIN + path, lambda route: route.fulfill(body=body, content_type="text/html"))


@pytest.fixture
def calculate(page) -> Callable:
    """Give a function that runs a script's text with the viewer's modules; it fetches the blobs by number."""
    modules = assets._joined(tuple(f"{name}.js" for name in MODULES)) + HELPERS

    def run(body: str, *blobs: bytes, given: object = None):
        for number, data in enumerate(blobs):
            _answer(page, f"blob/{number}", data)
        return page.evaluate(f"async (given) => {{ {modules}\n{body} }}", given)

    return run


def whole_range() -> NDArray[np.int16]:
    """Return (23, 131, 257) int16 with every value there is, in an order that packs badly, and flat parts."""
    values = np.random.default_rng(3).permutation(np.arange(23 * 131 * 257) % 65536 - 32768)
    volume = values.astype(np.int16).reshape(23, 131, 257)
    volume[9:14] = -1024
    return volume


def gappy() -> NDArray[np.float32]:
    """Return (5, 64, 65) float32 with gaps, which the browser holds as int16."""
    volume = np.random.default_rng(4).normal(0, 300, (5, 64, 65)).astype(np.float32)
    volume[2, 10:20] = np.nan
    return volume


@pytest.mark.parametrize("prelude", ["", NO_WORKERS], ids=["in workers", "in the page"])
@pytest.mark.parametrize("make", [whole_range, gappy, lambda: (whole_range() & 255).astype(np.uint8)])
def test_array_in_the_page_is_the_one_packed_bit_for_bit(calculate, make: Callable, prelude: str) -> None:
    voxels = make()
    volume = PackedVolume(voxels, first_slice=3, block_voxels=2 * voxels[0].size)
    blobs = [blob.data for blob in volume.blocks()]
    assert len(blobs) > 2
    stored = volume._storage.store(voxels)
    found = calculate(prelude + RECEIVE, *blobs, given=dict(volume.describe()))
    assert found == {"complete": True, "kept": True, "hash": hashlib.sha256(stored.tobytes()).hexdigest()}


def test_damaged_bytes_are_refused_with_a_sentence(calculate) -> None:
    blob = pack_overlay((whole_range() & 255).astype(np.uint8)).data
    changed = bytearray(blob)
    changed[len(blob) // 2] ^= 1
    parts = blob.index(b'"parts":[') + len(b'"parts":[')
    shape = blob.index(b"[23,131,257]")
    one_slice_less = blob[:shape] + b"[22,131,257]" + blob[shape + 12 :]
    one_slice_more = blob[:shape] + b"[24,131,257]" + blob[shape + 12 :]
    other_length = blob[:parts] + b"9" + blob[parts + 1 :]
    cut = blob[:-1]
    damaged = [cut, blob[:40], b"", blob[1:], bytes(changed), one_slice_less, one_slice_more, other_length, blob + b"x"]
    script = """const messages = [];
    for (let number = 0; number < given; number++) {
      messages.push(await failure(unpackBlob(await fetched(number))));
    }
    return messages;"""
    messages = calculate(script, *damaged, given=len(damaged))
    assert messages == ["The image data is damaged. Open the scan again."] * len(damaged)
    # Damage leaves the workers fit for what comes next.
    assert calculate("return (await unpackBlob(await fetched(0))).values.length", blob) == 23 * 131 * 257


def test_unpacked_blocks_leave_no_garbage_of_their_size(browser, page, calculate) -> None:
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    tabs = [Path("/proc") / str(process["id"]) for process in processes if process["type"] == "renderer"]
    if not all((tab / "smaps_rollup").exists() for tab in tabs):
        pytest.skip("the memory of a process is read from /proc")
    noise = np.random.default_rng(5).normal(35, 6, (16, 512, 512)).astype(np.int16)
    block = next(PackedVolume(noise).blocks())
    calculate("Object.assign(globalThis, { packed: await fetched(0), kept: [] })", block.data)
    script = "globalThis.kept.push((await unpackBlob(globalThis.packed)).values)"
    before, wasted = memory(tabs), []
    for number in range(6):
        calculate(script)
        wasted.append(memory(tabs) - before - (number + 1) * noise.nbytes / 1e6)
    # Workers take some MB each. Where pieces are left to the collector, six blocks waste 146 MB.
    assert max(wasted) < 60, wasted


def memory(processes: list[Path]) -> float:
    """Return the proportional set size of processes, MB."""
    lines = [line for process in processes for line in (process / "smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
