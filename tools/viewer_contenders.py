"""What tools/measure_viewer.py compares: the viewer, st.image, px.imshow and NiiVue, each opened and scrolled alike."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_VIEWER = """[...document.querySelectorAll("*")].map((node) => node.shadowRoot?.querySelector(".viewer"))
  .find(Boolean) ?? document.querySelector(".viewer")"""
_SLIDER = "document.querySelector('[data-testid=stSlider] input[type=range]')"
_IMAGE = 'document.querySelector(".stImage img, [data-testid=stImage] img")'
_CHART = 'document.querySelector(".js-plotly-plot .imagelayer image, .js-plotly-plot .heatmaplayer image")'
NIIVUE_PAGE = """<!doctype html><meta charset="utf-8"><title>NiiVue</title>
<style>html, body { margin: 0; height: 100%; background: #000; } canvas { width: 100%; height: 580px; }</style>
<button>Open</button><canvas tabindex="0"></canvas>
<script type="module">
import { Niivue } from "./niivue.js";
const canvas = document.querySelector("canvas");
const viewer = new Niivue({ isResizeCanvas: true, show3Dcrosshair: false });
await viewer.attachToCanvas(canvas, false);
viewer.setSliceType(viewer.sliceTypeAxial);
// Reading a pixel back waits until the picture is really drawn.
const finish = () => viewer.gl.readPixels(0, 0, 1, 1, viewer.gl.RGBA, viewer.gl.UNSIGNED_BYTE, new Uint8Array(4));
let [moved, drawn] = [0, 0];
document.querySelector("button").onclick = async () => {
  await viewer.loadVolumes([{ url: "./volume.nii", cal_min: 0, cal_max: 80 }]);
  viewer.drawScene();
  finish();
  document.body.dataset.ready = "true";
};
addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  event.stopPropagation();
  viewer.moveCrosshairInVox(0, 0, 1);
  moved += 1;
}, true);
const watch = () => {
  if (moved !== drawn) {
    finish();
    drawn = moved;
    document.body.dataset.frames = String(Number(document.body.dataset.frames ?? 0) + 1);
  }
  requestAnimationFrame(watch);
};
requestAnimationFrame(watch);
document.body.dataset.attached = "true";
</script>"""


@dataclass(frozen=True, slots=True)
class Contender:
    """Say how a way of showing the volume is opened and scrolled.

    Args:
        name: As printed.
        address: Of the page with a button "Open".
        prepared: CSS selector or text that is there when the page is ready for the click.
        drawn: JavaScript expression that is true when the first slice is drawn.
        complete: The same for all slices; empty where slices come one by one.
        focus: JavaScript expression of the element that takes the keys.
        key: Next slice.
        shown: JavaScript expression that changes with every slice that is shown.
        flags: More for Chromium; replace ``--disable-gpu`` where there are any.
    """

    name: str
    address: str
    prepared: str
    drawn: str
    complete: str
    focus: str
    key: str
    shown: str
    flags: tuple[str, ...] = ()


def viewer(address: str, *, name: str = "viewer") -> Contender:
    """Return our viewer; older versions have no ``complete``, there the first slice comes with all of them."""
    root = f"({_VIEWER})"
    return Contender(
        name, address, "text=Volume made", f"{root}?.dataset.ready === 'true' && {root}.dataset.frames > 0",
        f"({root}?.dataset.complete ?? {root}?.dataset.ready) === 'true'",
        f"{root}.querySelector('.panel.active .image')", "ArrowDown", f"{root}.dataset.frames",
    )  # fmt: skip


def image(address: str) -> Contender:
    """Return a slider and ``st.image``."""
    drawn = f"Boolean({_IMAGE}?.complete && {_IMAGE}.naturalWidth)"
    return Contender(
        "st.image", f"{address}/?with=image", "text=Volume made", drawn, "", _SLIDER, "ArrowRight",
        f"{_IMAGE}?.complete ? {_IMAGE}.src : null",
    )  # fmt: skip


def chart(address: str) -> Contender:
    """Return a slider and ``px.imshow``."""
    source = f"({_CHART}?.getAttribute('href') ?? {_CHART}?.getAttribute('xlink:href'))"
    return Contender(
        "px.imshow", f"{address}/?with=plotly", "text=Volume made", f"Boolean({source})", "", _SLIDER, "ArrowRight",
        source,
    )  # fmt: skip


def niivue(address: str) -> Contender:
    """Return NiiVue on a page of its own."""
    ready = "document.body.dataset.ready === 'true'"
    return Contender(
        "NiiVue", address, "body[data-attached=true]", ready, ready, "document.querySelector('canvas')", "ArrowDown",
        "document.body.dataset.frames", SOFTWARE_WEBGL,
    )  # fmt: skip


def niivue_script(path: Path | None) -> str | None:
    """Return NiiVue's code out of the package ipyniivue; None where it is not installed.

    Args:
        path: Of ``ipyniivue/static/widget.js``; looked for among the installed packages unless given.

    Raises:
        SystemExit: If the file is not the widget that it should be.
    """
    if path is None:
        found = importlib.util.find_spec("ipyniivue")
        if found is None or found.origin is None:
            return None
        path = Path(found.origin).parent / "static" / "widget.js"
    code = path.read_text(encoding="utf-8")
    # The widget keeps the class for itself; its short name stands where the widget makes its viewer.
    name = re.search(r"Creating new Niivue instance.{0,200}?=new (\w+)\(", code, re.DOTALL)
    if name is None:
        sys.exit(f"{path} does not look like the widget of ipyniivue 2.4.")
    return f"{code}\nexport {{ {name[1]} as Niivue }};\n"


def serve_folder(folder: Path) -> tuple[http.server.ThreadingHTTPServer, str]:
    """Serve a folder on this machine only; return the server, to be shut down, and its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing: the figures stand alone."""
