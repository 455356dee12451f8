"""Measure how long a 512 × 512 × 240 volume takes to open in the viewer, and the memory of its tab.

    python tools/measure_viewer.py [--chromium PATH]

Prints seconds from the click to the drawn slice, the processor seconds of packing, the memory of the tab's
process (proportional set size, MB; at the peak and at rest), and the frames that 30 keys in a second show.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPT = REPOSITORY / "tests" / "browser" / "large_app.py"
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
)
KEYS = """() => new Promise((done) => {
  const hidden = [...document.querySelectorAll("*")].map((node) => node.shadowRoot?.querySelector(".viewer"));
  const root = hidden.find(Boolean) ?? document.querySelector(".viewer");
  const canvas = root.querySelector(".panel.active .image");
  const frames = new Set();
  let [pressed, running] = [0, true];
  const watch = () => { frames.add(root.dataset.frames); if (running) requestAnimationFrame(watch); };
  requestAnimationFrame(watch);
  const timer = setInterval(() => {
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, composed: true }));
    if (++pressed < 30) return;
    clearInterval(timer);
    setTimeout(() => { running = false; done(frames.size - 1); }, 100);
  }, 1000 / 30);
})"""


class TabMemory(threading.Thread):
    """Watch the largest renderer process below a browser."""

    def __init__(self, profile: str) -> None:
        super().__init__(daemon=True)
        self.profile, self.peak, self.now, self.running = profile, 0.0, 0.0, True

    def run(self) -> None:
        """Sample until told to stop."""
        while self.running:
            self.now = max((_pss(process) for process in _renderers(profile=self.profile)), default=0.0)
            self.peak = max(self.peak, self.now)
            time.sleep(0.1)


def _renderers(*, profile: str) -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if b"--type=renderer" in command and _below(process, profile):
            found.append(process)
    return found


def _below(process: Path, profile: str) -> bool:
    """Tell whether a process descends from the browser that uses a profile."""
    while process.name not in ("0", "1"):
        try:
            if f"--user-data-dir={profile}".encode() in (process / "cmdline").read_bytes():
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


def main() -> None:
    """Serve, open, press keys, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    chromium = parser.parse_args().chromium
    if chromium is None:
        sys.exit("No Chromium found; name one with --chromium.")
    _measure_packing()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port), "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(SCRIPT), *options],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(port)
        _measure_tab(chromium, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()


def _wait(port: int, *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    sys.exit("The server did not start.")


def _measure_packing() -> None:
    sys.path[:0] = [str(REPOSITORY), str(SCRIPT.parent)]
    from large_app import large_scan

    from strokeapp.ui.viewer.packing import pack_volume

    voxels = large_scan().voxels
    wall, processor = time.perf_counter(), time.process_time()
    blob = pack_volume(voxels)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"packing: {wall:.2f} s, {processor:.2f} s of processor; {len(blob.data) / 1e6:.1f} MB sent once")


def _measure_tab(chromium: str, address: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=chromium, args=list(FLAGS))
        context.set_default_timeout(300_000)
        page = context.pages[0]
        page.goto(address)
        page.get_by_text("Volume made").wait_for()
        memory = TabMemory(profile)
        memory.start()
        page.wait_for_timeout(3000)  # a fresh profile is busy with itself at first
        start = time.perf_counter()
        page.get_by_role("button", name="Open").click()
        page.wait_for_selector('.viewer[data-ready="true"]')
        print(f"click to drawn slice: {time.perf_counter() - start:.2f} s")
        page.wait_for_timeout(3000)
        print(f"tab: {memory.peak:.0f} MB at the peak, {memory.now:.0f} MB at rest")
        print(f"30 keys in a second: {page.evaluate(KEYS)} frames in one panel")
        page.keyboard.press("g")
        page.wait_for_timeout(3000)
        print(f"four panels: {page.evaluate(KEYS)} frames; tab {memory.now:.0f} MB")
        memory.running = False
        context.close()


if __name__ == "__main__":
    main()
