"""Draw the network's reading beside the picture, in the readings with AI only."""

from __future__ import annotations

import streamlit as st

from strokeapp.inference.words import NAMES, decision, sentence
from strokeapp.records.network_store import NetworkResult
from strokeapp.ui.plain import plain


def show_aid(result: NetworkResult) -> None:
    """Draw probabilities and decision, or why the network abstained."""
    with st.container(border=True):
        if result.reading is None:
            st.markdown("**The network abstained**")
            st.caption(plain(result.message))
            return
        st.markdown(f"**Network: {decision(result.reading)}**")
        for finding in result.reading.findings:
            st.caption(f"{NAMES[finding]}. {sentence(result.reading, finding)}")
        st.caption(f"{result.reading.model} {result.reading.version}")
