"""Do once per server what would make the first reader wait."""

from __future__ import annotations

import logging
import threading

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.reading.decoder_process import SHARED
from strokeapp.ui.workspace import sweep_abandoned

logger = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Sweep what a killed server left, start a decoder, and load the networks in the background, for all sessions."""
    sweep_abandoned()
    SHARED.start()
    threading.Thread(target=_load_networks, name="warm-up", daemon=True).start()


def _load_networks() -> None:
    from strokeapp.inference.engine import reading_network
    from strokeapp.models.registry import installed

    try:
        for card in installed():
            reading_network(card)
    except StrokeAppError as error:
        # The reading itself will say so to the user; here there is nobody to tell.
        logger.warning("%s", error)
