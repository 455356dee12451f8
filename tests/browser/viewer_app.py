"""Streamlit script for the viewer's browser tests: a head of ellipsoids with known voxels."""

from __future__ import annotations

import numpy as np
import streamlit as st

from strokeapp.imaging.windows import CT_PRESETS
from strokeapp.types import Geometry, Modality, Plane, QualityFlag, Scan, Sequence, Severity, Units
from strokeapp.ui import viewer
from strokeapp.ui.viewer.assets import carrier_component, viewer_component
from strokeapp.ui.viewer.description import describe_scan
from strokeapp.ui.viewer.volume import PackedVolume

SLICES, ROWS, COLUMNS = 24, 256, 256


def head() -> np.ndarray:
    """Return (24, 256, 256) int16 HU.

    Noisy air (so that it packs no better than a real scan), skull 1200, brain 35, a bleed of 70 in slices 10 to
    14, and in rows 120 to 135, columns 90 to 105 the slice's index.
    """
    k, r, c = np.mgrid[:SLICES, :ROWS, :COLUMNS].astype(np.float32)
    radius = np.sqrt(((k - 11.5) / 15) ** 2 + ((r - 128) / 105) ** 2 + ((c - 128) / 85) ** 2)
    air = np.random.default_rng(0).normal(-1000, 8, radius.shape)
    volume = np.where(radius < 1, 35, air).astype(np.int16)
    volume[(radius >= 0.93) & (radius < 1)] = 1200
    bleed = np.sqrt(((k - 12) / 2.5) ** 2 + ((r - 120) / 22) ** 2 + ((c - 160) / 18) ** 2) < 1
    volume[bleed] = 70
    volume[:, 120:136, 90:106] = np.arange(SLICES, dtype=np.int16)[:, None, None]
    return volume


@st.cache_resource(max_entries=2)
def scan(without_geometry: bool = False) -> Scan:
    """Return the head as a synthetic CT, 0.9 mm pixels, 5 mm slices, tilted flag set."""
    voxels = head()
    voxels.flags.writeable = False
    origins = np.stack([np.full(SLICES, -115.0), np.full(SLICES, -115.0), 5.0 * np.arange(SLICES) - 60], axis=1)
    geometry = Geometry(origins, np.array([0, 0.9, 0]), np.array([0.9, 0, 0]))
    flags = (
        QualityFlag("gantry_tilt", Severity.WARNING, "Gantry tilt 12.0°."),
        QualityFlag("noted", Severity.INFO, "Not to be shown."),
    )
    return Scan(
        voxels=voxels,
        geometry=None if without_geometry else geometry,
        modality=Modality.CT,
        sequence=Sequence.NCCT,
        units=Units.HU,
        plane=Plane.AXIAL,
        description="Head 5.0",
        flags=flags,
        synthetic=True,
    )


@st.cache_resource(max_entries=1)
def lesion_map() -> np.ndarray:
    """Return (24, 64, 64) uint8: 1 in a square around the bleed, at a quarter of the resolution."""
    values = np.zeros((SLICES, 64, 64), np.uint8)
    values[10:15, 25:36, 35:46] = 255
    return values


def explained(index: int) -> viewer.Overlay:
    """Return a whole-picture explanation of one slice."""
    return viewer.Overlay(f"Grad-CAM slice {index + 1}", np.full((1, 16, 16), 255, np.uint8), (index,), "viridis")


@st.cache_resource(max_entries=1)
def mr_scan() -> Scan:
    """Return an MR of float values 0 to 2.55 rising with the column, missing in row 0; pixels twice as high as wide."""
    voxels = np.broadcast_to(np.linspace(0, 2.55, 256, dtype=np.float32), (3, 128, 256)).copy()
    voxels[:, 0] = np.nan
    voxels.flags.writeable = False
    origins = np.array([[4.0 * k, 0, 0] for k in range(3)])
    geometry = Geometry(origins, np.array([0, 0, -1.0]), np.array([0, 0.5, 0]))
    return Scan(voxels, geometry, Modality.MR, Sequence.DWI, Units.ARBITRARY, Plane.SAGITTAL)


def show_broken(how: str) -> None:
    """Mount the viewer as a broken transfer would."""
    volume = PackedVolume(head())
    blob = next(volume.blocks())
    halfway = len(blob.data) // 2
    sent = {
        "truncated": blob.data[:halfway],
        "changed": blob.data[:halfway] + bytes([blob.data[halfway] ^ 1]) + blob.data[halfway + 1 :],
        "unreadable": blob.data[halfway:],
    }
    description = describe_scan(scan(), CT_PRESETS)
    data = {"key": "x", "height": 500, "volume": volume.describe(), "scan": description, "overlays": [], "strips": []}
    viewer_component()(key="x", data={} if how == "empty" else {**data, "initialSlice": 0})
    carrier_component()(key="y", data=sent.get(how, b""))


def show_arriving(*, blocks: int) -> None:
    """Mount the viewer with the first blocks of six; the others come when a button is pressed."""
    volume = PackedVolume(head(), first_slice=5, block_voxels=4 * ROWS * COLUMNS)
    description = describe_scan(scan(), CT_PRESETS)
    data = {"key": "x", "height": 500, "volume": volume.describe(), "scan": description, "overlays": [], "strips": []}
    viewer_component()(key="x", data={**data, "initialSlice": 5, "explain": False})
    everything = st.button("More")
    st.text("Event: none")
    for number, blob in enumerate(volume.blocks()):
        if everything or number < blocks:
            carrier_component()(key=f"y{number}", data=blob.data)


st.set_page_config(layout="wide")
if "arriving" in st.query_params:
    show_arriving(blocks=int(st.query_params["arriving"]))
    st.stop()
if "broken" in st.query_params:
    show_broken(st.query_params["broken"])
    st.stop()
if "mr" in st.query_params:
    viewer.show(mr_scan(), explain=False, key="mr")
    st.text("Event: none")
    st.stop()
if st.toggle("Hide"):
    st.stop()
shown = scan("nogeometry" in st.query_params)
overlays = [viewer.Overlay("Lesion map", lesion_map())]
if "explained" in st.session_state:
    overlays.append(explained(st.session_state.explained))
bleed = tuple(0.9 if 10 <= k <= 14 else 0.05 + 0.01 * k for k in range(SLICES))
strips = [
    viewer.Strip("Hemorrhagic", bleed, 0.5, "#e0a458"),
    viewer.Strip("Ischemic", tuple(None if k < 3 else 0.2 for k in range(SLICES)), 0.4),
]
event = viewer.show(shown, overlays=overlays, strips=strips, initial_slice=5, height=600, key="head")
if event is not None:
    st.session_state.explained = event.slice_index
    st.session_state.event = f"{event.action} {event.slice_index}"
    st.rerun()
st.text(f"Event: {st.session_state.get('event', 'none')}")
