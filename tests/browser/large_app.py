"""Streamlit script that opens a large synthetic CT (240 slices of 512 × 512); see tools/measure_viewer.py.

``?with=image`` and ``?with=plotly`` show it as Streamlit pages usually do, for comparison.
"""

from __future__ import annotations

import numpy as np
import plotly.express as px
import streamlit as st

from strokeapp.imaging.windows import CT_PRESETS, apply_window
from strokeapp.types import Geometry, Modality, Plane, Scan, Sequence, Units
from strokeapp.ui import viewer

SHAPE = (240, 512, 512)


def large_voxels() -> np.ndarray:
    """Return int16 HU: a head with the noise of a CT, so that it packs no better than a real one; padded air."""
    k, r, c = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    radius = np.sqrt(((k - 120) / 115) ** 2 + ((r - 256) / 220) ** 2 + ((c - 256) / 180) ** 2)
    voxels = np.where(radius < 1, 35, -1000).astype(np.int16)
    voxels[(radius >= 0.93) & (radius < 1)] = 1200
    voxels += np.random.default_rng(0).normal(0, 6, SHAPE).astype(np.int16)
    voxels[radius > 1.15] = -1024
    return voxels


@st.cache_resource(max_entries=1)
def large_scan() -> Scan:
    """Return the head with 0.45 mm pixels and slices of 0.7 mm."""
    voxels = large_voxels()
    voxels.flags.writeable = False
    origins = np.stack([np.full(SHAPE[0], -115.0), np.full(SHAPE[0], -115.0), 0.7 * np.arange(SHAPE[0])], axis=1)
    geometry = Geometry(origins, np.array([0, 0.45, 0]), np.array([0.45, 0, 0]))
    return Scan(voxels, geometry, Modality.CT, Sequence.NCCT, Units.HU, Plane.AXIAL, "Large", synthetic=True)


@st.fragment
def show_usual(scan: Scan, *, how: str) -> None:
    """Show a slice and a slider, which come back to the server for every slice."""
    index = st.slider("Slice", 0, SHAPE[0] - 1, SHAPE[0] // 2)
    gray = np.round(255 * apply_window(scan.voxels[index], CT_PRESETS[0])).astype(np.uint8)
    if how == "image":
        st.image(gray)
    else:
        st.plotly_chart(px.imshow(gray, color_continuous_scale="gray", binary_string=True), key="chart")


def main() -> None:
    """Wait for the button, then show."""
    st.set_page_config(layout="wide")
    scan = large_scan()
    how = st.query_params.get("with", "viewer")
    if st.button("Open") or "opened" in st.session_state:
        st.session_state.opened = True
        if how == "viewer":
            viewer.show(scan, explain=False, key="large")
        else:
            show_usual(scan, how=how)
    st.text("Volume made")


if __name__ == "__main__":
    main()
