"""Streamlit script for browser tests of cuts, measuring and comparing: a phantom whose every mm is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from strokeapp.types import Geometry, Modality, Plane, QualityFlag, Scan, Sequence, Severity, Units
from strokeapp.ui import viewer

MARKER = np.array([20.0, -10.0, 30.0])
BLOCK = np.array([-25.0, 10.0, 30.0])


def phantom(*, slices: int, gap: float, pixel: float, side: int, tilt: float, uneven: bool, start: float) -> Scan:
    """Return a scan of a ball of 1000 HU, 6 mm in radius, at MARKER and a block of 50 HU, 24 mm wide, at BLOCK.

    Args:
        slices: Number of slices.
        gap: Along the table, mm; doubled above the middle where ``uneven``.
        pixel: mm.
        side: Rows and columns.
        tilt: Gantry tilt in degrees.
        uneven: Two slice spacings in one series.
        start: z of the table where the first slice's middle lies, mm.
    """
    angle = np.radians(tilt)
    row_step = pixel * np.array([0, np.cos(angle), np.sin(angle)])
    column_step = pixel * np.array([1.0, 0, 0])
    steps = np.where(np.arange(slices) > slices // 2, 2.0 if uneven else 1.0, 1.0) * gap
    heights = start + np.concatenate([[0], np.cumsum(steps[1:])])
    corner = -(side - 1) / 2 * (row_step + column_step)
    origins = corner + heights[:, None] * np.array([0, 0, 1.0])
    rows, columns = np.arange(side)[:, None, None] * row_step, np.arange(side)[None, :, None] * column_step
    points = origins[:, None, None] + rows[None] + columns[None]
    voxels = np.zeros(points.shape[:3], np.int16)
    voxels[(np.abs(points - BLOCK)[..., :2] < 12).all(axis=-1)] = 50
    voxels[np.linalg.norm(points - MARKER, axis=-1) <= 6] = 1000
    voxels.flags.writeable = False
    geometry = Geometry(origins, row_step, column_step)
    return Scan(voxels, geometry, Modality.CT, Sequence.NCCT, Units.HU, Plane.AXIAL, "Phantom")


@st.cache_resource(max_entries=4)
def first(tilt: float, uneven: bool) -> Scan:
    """Return the phantom in 40 slices of 2.5 mm."""
    return phantom(slices=40, gap=2.5, pixel=1.0, side=128, tilt=tilt, uneven=uneven, start=-20.0)


@st.cache_resource(max_entries=2)
def beside(shift: float) -> Scan:
    """Return the phantom in 24 slices of 4 mm, its table moved."""
    scan = phantom(slices=24, gap=4.0, pixel=0.8, side=100, tilt=0.0, uneven=False, start=-14.0)
    origins = scan.geometry.slice_origins + np.array([0, 0, shift])
    geometry = Geometry(origins, scan.geometry.row_step, scan.geometry.column_step)
    return Scan(scan.voxels, geometry, Modality.CT, Sequence.NCCT, Units.HU, Plane.AXIAL, "Second")


st.set_page_config(layout="wide")
asked = st.query_params
second = None
if "beside" in asked:
    same = {"same": True, "other": False, "unknown": None}[asked["beside"]]
    second = viewer.Comparison(beside(500.0 if asked["beside"] == "other" else 0.0), same)
scan = first(float(asked.get("tilt", 0)), "uneven" in asked)
if "unoriented" in asked:
    scan = replace(scan, flags=(QualityFlag("unknown_orientation", Severity.WARNING, "Sides may be exchanged."),))
overlays = []
if "overlay" in asked:
    maps = np.zeros((40, 32, 32), np.uint8)
    maps[:, 16:20, 4:8] = 255
    overlays = [viewer.Overlay("Map", maps, colormap="cool"), viewer.Overlay("Why", maps[:1], (20,), "viridis")]
viewer.show(scan, second=second, overlays=overlays, initial_slice=20, height=700, explain=False, key="planes")
st.text("Event: none")
