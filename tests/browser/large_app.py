"""Streamlit script that opens a large synthetic CT (240 slices of 512 × 512); see tools/measure_viewer.py."""

from __future__ import annotations

import numpy as np
import streamlit as st

from strokeapp.types import Geometry, Modality, Plane, Scan, Sequence, Units
from strokeapp.ui import viewer

SHAPE = (240, 512, 512)


@st.cache_resource(max_entries=1)
def large_scan() -> Scan:
    """Return a head with the noise of a CT, so that it packs no better than a real one; air around it is padded."""
    k, r, c = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    radius = np.sqrt(((k - 120) / 115) ** 2 + ((r - 256) / 220) ** 2 + ((c - 256) / 180) ** 2)
    voxels = np.where(radius < 1, 35, -1000).astype(np.int16)
    voxels[(radius >= 0.93) & (radius < 1)] = 1200
    voxels += np.random.default_rng(0).normal(0, 6, SHAPE).astype(np.int16)
    voxels[radius > 1.15] = -1024
    voxels.flags.writeable = False
    origins = np.stack([np.full(SHAPE[0], -115.0), np.full(SHAPE[0], -115.0), 0.7 * np.arange(SHAPE[0])], axis=1)
    geometry = Geometry(origins, np.array([0, 0.45, 0]), np.array([0.45, 0, 0]))
    return Scan(voxels, geometry, Modality.CT, Sequence.NCCT, Units.HU, Plane.AXIAL, "Large", synthetic=True)


st.set_page_config(layout="wide")
scan = large_scan()
if st.button("Open") or "opened" in st.session_state:
    st.session_state.opened = True
    viewer.show(scan, explain=False, key="large")
st.text("Volume made")
