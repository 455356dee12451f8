"""Drive the app as a user does: a Streamlit server and a headless Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from viewer_driver import Viewer, viewers

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 90_000
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
)


def _refuse(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser():
    """Give a headless Chromium; skip with the instruction where there is none, but fail under CI."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        _refuse("no Chromium found: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _refuse("Playwright is not installed: pip install playwright")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Give the folder for pictures of the app; git ignores it."""
    folder = REPOSITORY / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Give a function that serves a Streamlit script and returns its address; servers stop with the session.

    The function takes the script's path and, as keywords, environment variables for the server.
    """
    processes: list[subprocess.Popen[bytes]] = []

    def start(script: Path | str, **environment: str) -> str:
        port = _free_port()
        log = tmp_path_factory.mktemp("server") / "log.txt"
        process = _start_server(Path(script), port, log, environment)
        processes.append(process)
        _wait_until_healthy(port, process, log)
        return f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start_server(script: Path, port: int, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    options = {"headless": "true", "port": str(port), "address": "127.0.0.1", "fileWatcherType": "none"}
    flags = [part for name, value in options.items() for part in (f"--server.{name}", value)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script), *flags],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait_until_healthy(port: int, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"Streamlit did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="module")
def address(serve: Callable[..., str]) -> str:
    """Serve the app itself."""
    return serve(REPOSITORY / "app.py")


@pytest.fixture
def page(browser, address: str) -> Iterator:
    """Give the first screen in a browser window of its own."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    opened.set_default_timeout(PATIENCE)
    opened.goto(address)
    opened.get_by_text("Or open a demonstration study").wait_for()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def planes_address(serve: Callable[..., str]) -> str:
    """Serve the viewer with a phantom in all planes."""
    return serve(Path(__file__).with_name("planes_app.py"))


@pytest.fixture
def open_phantom(browser, planes_address: str) -> Iterator[Callable[..., Viewer]]:
    """Give a function that opens the phantom's viewer."""
    with viewers(browser, planes_address, height=900, patience=PATIENCE) as opened:
        yield opened
