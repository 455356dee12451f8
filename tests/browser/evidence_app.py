"""Serve the performance page as ``streamlit run`` does: two networks with made-up predictions, or a shipped one.

``EVIDENCE_NETWORK`` names the shipped one.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import streamlit as st
from factories_networks import abstaining, network, predictions

from strokeapp.models.registry import find
from strokeapp.ui.performance_view import show_performance

CALIBRATION = {"temperature": 1.5, "shift": -0.2, "study_temperature": 2.0, "study_shift": 0.3}


@st.cache_resource
def networks() -> tuple:
    """Write both once per server."""
    folder = Path(tempfile.mkdtemp(prefix="evidence-"))
    good, poor = predictions(noise=0.12), predictions(seed=5, noise=0.4)
    first = network(folder, good, name="good", **CALIBRATION)
    abstaining(first, good)
    return first, network(folder, poor, name="poor", **CALIBRATION)


st.set_page_config(layout="wide")
shipped = os.environ.get("EVIDENCE_NETWORK")
show_performance((find(shipped),) if shipped else networks())
