"""Register the viewer's two components: the one that draws and the one that carries bytes.

Streamlit sends an element again whenever anything in it changes, and remembers elements that did not change.
So pixels travel in elements of their own, one per array, that draw nothing: a new overlay or a rerun then
costs its own bytes and the viewer's code (about 120 kB) only.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_FRONTEND = Path(__file__).parent / "frontend"
_CARRIER = ("blobs.js", "carrier.js")
_VIEWER = (
    "blobs.js",
    "unpacking.js",
    "vectors.js",
    "colormaps.js",
    "frame.js",
    "planes.js",
    "reslice.js",
    "projection.js",
    "raster.js",
    "source.js",
    "arrival.js",
    "strips.js",
    "measure.js",
    "measuring.js",
    "overlays.js",
    "painting.js",
    "gestures.js",
    "keys.js",
    "panel.js",
    "arrangement.js",
    "navigation.js",
    "readouts.js",
    "snapshot.js",
    "toolbar.js",
    "controls.js",
    "viewer.js",
    "row.js",
    "main.js",
)


def _joined(names: tuple[str, ...]) -> str:
    # An inline component is one module; the files share its scope, in this order.
    return "\n".join((_FRONTEND / name).read_text(encoding="utf-8") for name in names)


@cache
def viewer_component() -> ComponentRenderer:
    """Return the component that draws."""
    html = (_FRONTEND / "viewer.html").read_text(encoding="utf-8")
    css = (_FRONTEND / "viewer.css").read_text(encoding="utf-8")
    return st.components.v2.component("strokeapp_viewer", html=html, css=css, js=_joined(_VIEWER))


@cache
def carrier_component() -> ComponentRenderer:
    """Return the component that brings one packed array to the browser."""
    return st.components.v2.component("strokeapp_carrier", html="<span hidden></span>", js=_joined(_CARRIER))
