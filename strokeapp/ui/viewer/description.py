"""Describe a scan to the browser: everything but the pixels, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strokeapp.imaging.windows import WindowPreset
from strokeapp.types import Scan, Severity
from strokeapp.ui.viewer.model import Overlay, Strip
from strokeapp.ui.viewer.orientation import edge_letters


def describe_scan(scan: Scan, presets: Sequence[WindowPreset]) -> dict[str, Any]:
    """Return what the viewer prints around the picture; geometry entries are None where none is claimed."""
    geometry = scan.geometry
    spacing = None if geometry is None else geometry.spacing_mm
    return {
        "title": _title(scan),
        "units": scan.units.value,
        "edges": None if geometry is None else dict(edge_letters(geometry)),
        "positions": None if geometry is None else [round(float(mm), 2) for mm in geometry.positions_mm],
        "pixel": None if spacing is None else [spacing[1], spacing[2]],
        "synthetic": scan.synthetic,
        "notes": [flag.message for flag in scan.flags if flag.severity is not Severity.INFO],
        "presets": [{"name": p.name, "width": p.width, "level": p.level} for p in presets],
    }


def describe_overlay(overlay: Overlay, blob_id: str) -> dict[str, Any]:
    """Return an overlay's entry in the chooser."""
    indices = None if overlay.slice_indices is None else list(overlay.slice_indices)
    return {"label": overlay.label, "blob": blob_id, "slices": indices, "colormap": overlay.colormap}


def describe_strip(strip: Strip) -> Mapping[str, Any]:
    """Return a strip as drawn."""
    values = [None if value is None else round(float(value), 4) for value in strip.values]
    return {"label": strip.label, "values": values, "threshold": float(strip.threshold), "color": strip.color}


def _title(scan: Scan) -> str:
    kind = scan.modality.value if scan.modality.value != "picture" else "Picture"
    sequence = scan.sequence.value if scan.sequence.value != "unknown" else ""
    return " · ".join(part for part in (kind, sequence, scan.description) if part)
