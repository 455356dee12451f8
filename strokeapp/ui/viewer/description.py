"""Describe a scan to the browser: everything but the pixels, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from strokeapp.imaging.windows import WindowPreset
from strokeapp.reading.time_points import one_of
from strokeapp.types import Geometry, Scan, Severity, Units
from strokeapp.ui.viewer.model import Comparison, Overlay, Strip
from strokeapp.ui.viewer.orientation import edge_letters


def describe_scan(scan: Scan, presets: Sequence[WindowPreset]) -> dict[str, Any]:
    """Return what the viewer prints around the picture.

    Geometry is None where none is claimed, the letters of the edges where the patient's directions are not known.
    """
    geometry = scan.geometry
    return {
        "title": _title(scan),
        "units": scan.units.value,
        "edges": dict(edge_letters(geometry)) if geometry is not None and scan.oriented else None,
        "geometry": None if geometry is None else describe_geometry(geometry),
        "time": None if scan.time_point is None else scan.time_point + 1,
        "timeWords": _time(scan),
        "synthetic": scan.synthetic,
        "notes": [flag.message for flag in scan.flags if flag.severity is not Severity.INFO],
        "presets": [_describe_preset(preset, scan.units) for preset in presets],
    }


def describe_geometry(geometry: Geometry) -> dict[str, Any]:
    """Return where every slice lies (LPS, mm), to the micrometer: the browser cuts the volume by these numbers."""
    return {
        "origins": np.round(geometry.slice_origins, 6).tolist(),
        "rowStep": [float(mm) for mm in geometry.row_step],
        "columnStep": [float(mm) for mm in geometry.column_step],
    }


def describe_comparison(
    comparison: Comparison, presets: Sequence[WindowPreset], volume: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the series shown beside the first; ``volume`` as ``PackedVolume.describe`` gives it."""
    return {
        "volume": volume,
        "scan": describe_scan(comparison.scan, presets),
        "sameFrame": comparison.same_frame,
    }


def describe_overlay(overlay: Overlay, blob_id: str) -> dict[str, Any]:
    """Return an overlay's entry in the chooser."""
    indices = None if overlay.slice_indices is None else list(overlay.slice_indices)
    quantity = overlay.quantity or ("probability" if overlay.kind == "map" else "relative attribution")
    return {
        "label": overlay.label,
        "blob": blob_id,
        "slices": indices,
        "colormap": overlay.colormap,
        "kind": overlay.kind,
        "quantity": quantity,
        "shown": overlay.shown,
    }


def describe_strip(strip: Strip) -> Mapping[str, Any]:
    """Return a strip as drawn."""
    values = [None if value is None else round(float(value), 4) for value in strip.values]
    return {"label": strip.label, "values": values, "threshold": float(strip.threshold), "color": strip.color}


def _describe_preset(preset: WindowPreset, units: Units) -> dict[str, Any]:
    """Return a preset with its button's label; only HU windows are known by their numbers."""
    label = preset.name
    if units is Units.HU:
        label = f"{preset.name.rstrip('0123456789 ')} {preset.width:g}/{preset.level:g}"
    return {"name": preset.name, "label": label, "width": preset.width, "level": preset.level}


def _title(scan: Scan) -> str:
    kind = {"picture": "Picture", "other": ""}.get(scan.modality.value, scan.modality.value)
    sequence = scan.sequence.value if scan.sequence.value != "unknown" else ""
    description = "" if scan.description.casefold() == sequence.casefold() else scan.description
    title = " · ".join(part for part in (kind, sequence, description) if part)
    return title[:1].upper() + title[1:]


def _time(scan: Scan) -> str:
    """Say which of several images at each position is shown; it has a line of its own, which nothing cuts short."""
    if scan.time_point is None:
        return ""
    return f"{one_of(scan.sequence).capitalize()} {scan.time_point + 1} of {scan.frames}"
