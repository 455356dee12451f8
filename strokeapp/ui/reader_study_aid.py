"""Draw the network's reading beside the picture, in the readings with AI only."""

from __future__ import annotations

import streamlit as st

from strokeapp.inference.words import NAMES, decision, sentence
from strokeapp.records.network_store import NetworkResult
from strokeapp.types import Finding, Reading
from strokeapp.ui.theme import FINDING_COLORS
from strokeapp.ui.viewer import Overlay, Strip

MAP_COLORS = {Finding.HEMORRHAGIC: "hot", Finding.ISCHEMIC: "cool"}


def show_aid(result: NetworkResult) -> None:
    """Draw probabilities and decision, or why the network abstained."""
    with st.container(border=True):
        if result.reading is None:
            st.markdown("**The network abstained**")
            st.caption(result.message)
            return
        st.markdown(f"**Network: {decision(result.reading)}**")
        for finding in result.reading.findings:
            st.caption(f"{NAMES[finding]}: {sentence(result.reading, finding)}")
        st.caption(f"{result.reading.model} {result.reading.version}")


def aid_for_viewer(reading: Reading) -> tuple[tuple[Overlay, ...], tuple[Strip, ...]]:
    """Return lesion maps and probability strips of a stored reading for the viewer."""
    overlays = tuple(
        Overlay(f"{NAMES[finding]} map", values, None, MAP_COLORS[finding])
        for finding, values in reading.lesion_maps.items()
    )
    if len(reading.slices) < 2:
        return overlays, ()
    return overlays, tuple(_strip(reading, finding) for finding in reading.findings)


def _strip(reading: Reading, finding: Finding) -> Strip:
    from strokeapp.models.registry import find

    values = tuple(getattr(item, finding.value) for item in reading.slices)
    threshold = find(reading.model).findings[finding].threshold
    return Strip(NAMES[finding], values, threshold, FINDING_COLORS[finding])
