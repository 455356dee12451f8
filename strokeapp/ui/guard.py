"""Let no page run past the entry script."""

from __future__ import annotations

import streamlit as st

ENTERED = "_entered"


def enter() -> None:
    """Note that this session came in through ``app.py``, which runs before every page."""
    st.session_state[ENTERED] = True


def require_entry() -> None:
    """Send a session that did not come in through ``app.py`` there.

    Until the first session of a new server has run ``st.navigation``, Streamlit serves the files in ``pages/`` at
    addresses of their own, without the entry script and so without its guard.
    """
    if not st.session_state.get(ENTERED):
        st.switch_page("app.py")
