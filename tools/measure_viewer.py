"""Measure opening and scrolling a 512 × 512 × 240 volume: the viewer beside st.image, px.imshow and NiiVue.

    python tools/measure_viewer.py [--rounds 3] [--against OTHER_CHECKOUT] [--niivue WIDGET_JS] [--chromium PATH]

Per round and contender: seconds from the click to the first slice and to the last, processor seconds of server and
browser meanwhile, memory of the tab's process (proportional set size, MB; at the peak and at rest), how many frames
30 keys in a second show (and how long sending them really took: more than a second, and the machine is too busy to
tell), and the median of the milliseconds from single key presses to their pixels. Contenders alternate, so that a busy
machine is busy for all of them. NiiVue comes out of the package ipyniivue and draws by WebGL in software here, as a
headless Chromium has no graphics card.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import viewer_contenders as contenders
from viewer_contenders import Contender

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPT = Path("tests") / "browser" / "large_app.py"
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
TICKS = os.sysconf("SC_CLK_TCK")
# Counts the frames that show another slice, and times the way from a key to the end of the frame that shows it: a
# message posted in an animation frame arrives when that frame has been painted.
WATCH_FRAMES = """() => {
  const painted = new MessageChannel();
  let before = %(shown)s;
  Object.assign(globalThis, { shownFrames: 0, keyAt: null, keyToPixels: null });
  addEventListener("keydown", (event) => { globalThis.keyAt = event.timeStamp; }, true);
  painted.port1.onmessage = () => { globalThis.keyToPixels ??= performance.now() - globalThis.keyAt; };
  const watch = () => {
    const now = %(shown)s;
    if (now && now !== before) {
      globalThis.shownFrames += 1;
      painted.port2.postMessage(0);
    }
    before = now || before;
    requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
}"""
COLUMNS = (
    "first slice s", "all slices s", "processor s", "tab peak MB", "tab rest MB",
    "frames of 30 keys", "keys took s", "key to pixels ms",
)  # fmt: skip


class TabMemory(threading.Thread):
    """Watch the largest renderer process below a browser."""

    def __init__(self, profile: str) -> None:
        super().__init__(daemon=True)
        self.profile, self.peak, self.now, self.running = profile, 0.0, 0.0, True

    def run(self) -> None:
        """Sample until told to stop."""
        while self.running:
            self.now = max((_pss(process) for process in _renderers(self.profile)), default=0.0)
            self.peak = max(self.peak, self.now)
            time.sleep(0.1)


def _renderers(profile: str) -> list[Path]:
    return [process for process in _browser(profile) if b"--type=renderer" in _command(process)]


def _browser(profile: str) -> list[Path]:
    """Return every process of a browser; the one that draws WebGL in software is among them."""
    chromes = [process for process in Path("/proc").glob("[0-9]*") if b"chrom" in _command(process)]
    return [process for process in chromes if _below(process, profile)]


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""  # ended meanwhile


def _below(process: Path, profile: str) -> bool:
    """Tell whether a process descends from the browser that uses a profile."""
    while process.name not in ("0", "1"):
        try:
            if f"--user-data-dir={profile}".encode() in _command(process):
                return True
            status = (process / "stat").read_text()
        except OSError:
            return False  # ended meanwhile
        process = process.parent / status.rsplit(")", 1)[1].split()[1]
    return False


def _pss(process: Path) -> float:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # ended meanwhile
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def _processor(processes: Sequence[Path]) -> float:
    """Return the processor seconds of processes; those that ended count nothing."""
    total = 0
    for process in processes:
        try:
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # ended meanwhile
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def main() -> None:
    """Serve everything, measure in rounds, print a table of medians and ranges."""
    options = _options()
    _print_packing()
    with ExitStack() as stack:
        entered = _enter(stack, options)
        measured: dict[str, list[list[float]]] = {contender.name: [] for contender, _ in entered}
        for turn in range(options.rounds):
            for contender, server in entered:
                figures = _measure(contender, server=server, chromium=options.chromium)
                measured[contender.name].append(figures)
                print(f"round {turn + 1}, {contender.name}: {figures}", flush=True)
    print(f"\n| way | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for name, rounds in measured.items():
        print(f"| {name} | {' | '.join(_summary(column) for column in zip(*rounds, strict=True))} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout, whose viewer is measured in alternation")
    parser.add_argument("--niivue", type=Path, help="widget.js of ipyniivue, where the package is not installed")
    parser.add_argument("--only", help="names of contenders, separated by commas")
    options = parser.parse_args()
    if options.chromium is None:
        sys.exit("No Chromium found; name one with --chromium.")
    return options


def _print_packing() -> None:
    sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / SCRIPT.parent)]
    from large_app import large_voxels

    from strokeapp.ui.viewer.volume import PackedVolume

    voxels = large_voxels()
    wall, processor = time.perf_counter(), time.process_time()
    volume = PackedVolume(voxels, first_slice=len(voxels) // 2)
    size, first = 0, 0.0
    for blob in volume.blocks():
        first = first or time.perf_counter() - wall
        size += len(blob.data)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"packing: first block after {first:.2f} s, all after {wall:.2f} s, {processor:.2f} s of processor")
    print(f"sent once: {size / 1e6:.1f} MB in {len(volume.describe()['blocks'])} blocks")


def _enter(stack: ExitStack, options: argparse.Namespace) -> list[tuple[Contender, Path | None]]:
    """Start what serves the contenders; return them with the process of their server."""
    entered: list[tuple[Contender, Path | None]] = []
    address, process = stack.enter_context(_streamlit(REPOSITORY))
    entered += [(make(address), process) for make in (contenders.viewer, contenders.image, contenders.chart)]
    if options.against is not None:
        address, process = stack.enter_context(_streamlit(options.against.resolve()))
        entered.insert(1, (contenders.viewer(address, name="viewer before"), process))
    script = contenders.niivue_script(options.niivue)
    if script is None:
        print("NiiVue is left out: pip install ipyniivue, or name its widget.js with --niivue.")
    else:
        entered.append((contenders.niivue(stack.enter_context(_niivue(script))), None))
    wanted = None if options.only is None else options.only.split(",")
    return [pair for pair in entered if wanted is None or pair[0].name in wanted]


@contextmanager
def _streamlit(repository: Path) -> Iterator[tuple[str, Path]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = {"headless": "true", "port": str(port), "address": "127.0.0.1", "fileWatcherType": "none"}
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(repository / SCRIPT)]
        + [part for name, value in flags.items() for part in (f"--server.{name}", value)],
        cwd=repository, env={**os.environ, "PYTHONPATH": str(repository)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}", Path("/proc") / str(server.pid)
    finally:
        server.terminate()
        server.wait()


def _wait(port: int, *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    sys.exit("The server did not start.")


@contextmanager
def _niivue(script: str) -> Iterator[str]:
    """Serve NiiVue and the volume as an unpacked NIfTI, which it opens fastest; writing it is not measured."""
    import nibabel
    import numpy as np
    from large_app import large_voxels

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "index.html").write_text(contenders.NIIVUE_PAGE, encoding="utf-8")
        (folder / "niivue.js").write_text(script, encoding="utf-8")
        affine = np.diag([-0.45, -0.45, 0.7, 1])
        nibabel.save(nibabel.Nifti1Image(large_voxels().transpose(2, 1, 0), affine), folder / "volume.nii")
        server, address = contenders.serve_folder(folder)
        try:
            yield address
        finally:
            server.shutdown()


def _measure(contender: Contender, *, server: Path | None, chromium: str) -> list[float]:
    """Open in a fresh browser, press 30 keys in a second; the figures in the order of ``COLUMNS``."""
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS, *(contender.flags or ("--disable-gpu",))]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=chromium, args=flags)
        context.set_default_timeout(300_000)
        page = context.pages[0]
        page.goto(contender.address)
        page.wait_for_selector(contender.prepared)
        memory = TabMemory(profile)
        memory.start()
        page.wait_for_timeout(3000)  # a fresh profile is busy with itself at first
        processes = [*_browser(profile), *([server] if server else [])]
        busy, start = _processor(processes), time.perf_counter()
        page.get_by_role("button", name="Open").click()
        page.wait_for_function(contender.drawn)
        first = time.perf_counter() - start
        if contender.complete:
            page.wait_for_function(contender.complete)
        last = time.perf_counter() - start
        busy = _processor(processes) - busy
        page.wait_for_timeout(3000)
        page.evaluate(WATCH_FRAMES % {"shown": contender.shown})
        page.evaluate(f"{contender.focus}.focus()")
        scrolled = [*_scroll(page, contender), _delay(page, contender)]
        memory.running = False
        context.close()
    nothing = float("nan")
    return [first, last if contender.complete else nothing, busy, memory.peak, memory.now, *scrolled]


def _scroll(page, contender: Contender, *, keys: int = 30) -> tuple[int, float]:
    """Press keys for a second; return the number of frames that showed another slice, and the seconds it took."""
    start = time.perf_counter()
    for number in range(keys):
        page.keyboard.press(contender.key)
        page.wait_for_timeout(max(0.0, 1000 * (start + (number + 1) / keys - time.perf_counter())))
    seconds = time.perf_counter() - start
    page.wait_for_timeout(200)
    return page.evaluate("globalThis.shownFrames"), seconds


def _delay(page, contender: Contender, *, presses: int = 15, pause: int = 300) -> float:
    """Press single keys; return the median of the milliseconds until the next slice is painted.

    Args:
        page: Of Playwright, watched.
        contender: Whose key is pressed.
        presses: How many keys.
        pause: Milliseconds of rest before each, so that none waits for another.
    """
    page.wait_for_timeout(3000)  # slow ways still show the keys of before
    delays = []
    for _ in range(presses):
        page.evaluate("globalThis.keyToPixels = null")
        page.keyboard.press(contender.key)
        page.wait_for_function("globalThis.keyToPixels !== null")
        delays.append(page.evaluate("globalThis.keyToPixels"))
        page.wait_for_timeout(pause)
    return statistics.median(delays)


def _summary(values: Sequence[float]) -> str:
    """Return the median with the range, or a dash."""
    if values[0] != values[0]:
        return "–"
    whole = max(values) >= 20 or all(value == round(value) for value in values)
    digits = 0 if whole else 2
    middle, low, high = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
