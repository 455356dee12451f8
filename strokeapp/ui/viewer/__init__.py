"""Show a scan: a viewer that holds the whole volume in the browser.

Scrolling, cutting along other planes, windowing, zooming, measuring and choosing an overlay happen in the browser
alone. Only "Explain this slice" comes back to Python. Pixels travel over the session's websocket; nothing gets an
address of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.imaging.windows import WindowPreset, presets_for
from strokeapp.types import Scan
from strokeapp.ui.viewer.assets import carrier_component, viewer_component
from strokeapp.ui.viewer.cache import RunCache
from strokeapp.ui.viewer.description import describe_comparison, describe_overlay, describe_scan, describe_strip
from strokeapp.ui.viewer.model import Comparison, Overlay, Strip, ViewerEvent, check_overlay, check_strip
from strokeapp.ui.viewer.packing import Blob, pack_overlay
from strokeapp.ui.viewer.volume import PackedVolume

__all__ = ["Comparison", "Overlay", "Strip", "ViewerEvent", "show"]


def show(
    scan: Scan,
    *,
    overlays: Sequence[Overlay] = (),
    strips: Sequence[Strip] = (),
    second: Comparison | None = None,
    initial_slice: int | None = None,
    height: int = 640,
    explain: bool = True,
    key: str,
) -> ViewerEvent | None:
    """Show a scan and return what the reader asked for in this run, or None.

    A rerun with other overlays or strips keeps slice, window and zoom; another scan starts afresh.

    Args:
        scan: Voxels must stay unwritten while shown.
        overlays: Labels must differ. A new one made for only some slices, the one on show among
            them, is put on show (it was asked for); others wait in the chooser.
        strips: One probability per slice each.
        second: A series to show beside the first; the viewer opens it when it is new.
        initial_slice: Slice to open with; the middle one unless given.
        height: Of the whole viewer in CSS pixels, at least 360; lower where the browser window is lower.
        explain: Offer the button "Explain this slice".
        key: Unique on the page; names the viewer between reruns.

    Raises:
        StrokeAppError: If something does not belong to the scan or cannot be shown.
    """
    _check(scan, overlays, strips, initial_slice, height)
    cache = _session_cache(key)
    opens_with = len(scan.voxels) // 2 if initial_slice is None else initial_slice
    volume, presets = _packed(cache, scan, first_slice=opens_with)
    beside = None if second is None else _packed(cache, second.scan, first_slice=len(second.scan.voxels) // 2)
    packed = [cache.get(overlay.values, lambda values: (pack_overlay(values), ()))[0] for overlay in overlays]
    cache.finish_run()
    data = {
        "key": key,
        "height": height,
        "explain": explain,
        "volume": volume.describe(),
        "scan": describe_scan(scan, presets),
        "overlays": [describe_overlay(overlay, blob.id) for overlay, blob in zip(overlays, packed, strict=True)],
        "second": None if beside is None else describe_comparison(second, beside[1], beside[0].describe()),
        "strips": [describe_strip(strip) for strip in strips],
        "initialSlice": opens_with,
    }
    with st.container(gap=None):
        result = viewer_component()(key=key, data=data, on_explain_change=_nothing)
        _carry(chain(volume.blocks(), packed, () if beside is None else beside[0].blocks()), key=key)
    return _event(result.explain, slices=len(scan.voxels))


def _check(
    scan: Scan, overlays: Sequence[Overlay], strips: Sequence[Strip], initial_slice: int | None, height: int
) -> None:
    for overlay in overlays:
        check_overlay(overlay, scan)
    for strip in strips:
        check_strip(strip, scan)
    labels = [overlay.label for overlay in overlays]
    slice_fits = initial_slice is None or 0 <= initial_slice < len(scan.voxels)
    if len(set(labels)) != len(labels) or not slice_fits or height < 360:
        raise StrokeAppError(
            "The viewer cannot show this series as asked.",
            detail=f"labels must differ: {labels}; slice {initial_slice} of {len(scan.voxels)}; height {height} >= 360",
            code="bad_viewer_request",
        )


def _packed(cache: RunCache, scan: Scan, *, first_slice: int) -> tuple[PackedVolume, tuple[WindowPreset, ...]]:
    return cache.get(scan.voxels, lambda voxels: (PackedVolume(voxels, first_slice=first_slice), presets_for(scan)))


def _session_cache(key: str) -> RunCache:
    name = f"_viewer_cache_{key}"
    if name not in st.session_state:
        st.session_state[name] = RunCache()
    return st.session_state[name]


def _carry(blobs: Iterable[Blob], *, key: str) -> None:
    carried: set[str] = set()
    for blob in blobs:
        if blob.id not in carried:
            carrier_component()(key=f"{key}_blob_{blob.id}", data=blob.data)
        carried.add(blob.id)


def _nothing() -> None:
    """Let the trigger exist; the value is read from the result."""


def _event(explain: object, *, slices: int) -> ViewerEvent | None:
    # The number comes from a browser: it is checked like any other input.
    if isinstance(explain, bool) or not isinstance(explain, int) or not 0 <= explain < slices:
        return None
    return ViewerEvent("explain", explain)
