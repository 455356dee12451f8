"""Let no page run past the entry script."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import streamlit as st
from streamlit.navigation.page import Page

ENTERED = "_entered"
ASKED = "_asked_for"


def enter() -> None:
    """Note that this session came in through ``app.py``, which runs before every page."""
    st.session_state[ENTERED] = True


def require_entry() -> None:
    """Send a session that did not come in through ``app.py`` there, and remember the address it asked for.

    Until the first session of a new server has run ``st.navigation``, Streamlit serves the files in ``pages/`` at
    addresses of their own, without the entry script and so without its guard.
    """
    if not st.session_state.get(ENTERED):
        st.session_state[ASKED] = urlsplit(st.context.url or "").path.rpartition("/")[2]
        st.switch_page("app.py")


def go_where_asked(pages: Iterable[Page]) -> None:
    """Turn to the page whose address the session came in with, once, if the entry was run in its place.

    Args:
        pages: In the navigation.
    """
    asked = st.session_state.pop(ASKED, "")
    for page in pages:
        if asked and page.url_path == asked:
            st.switch_page(page)
