"""Let a page put away what it shows once the reader of it turns to another page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

_LEFT = "_when_left"


def when_left(page: str, put_away: Callable[[], None]) -> None:
    """Have something done, once, before another page runs in this session.

    Args:
        page: Address, in the navigation, of the page that asks.
        put_away: Called without arguments; replaces what was asked for before.
    """
    st.session_state[_LEFT] = (page, put_away)


def turn_to(page: str) -> None:
    """Do what the page that is left has asked for.

    Args:
        page: Address, in the navigation, of the page that is about to run.
    """
    asked = st.session_state.get(_LEFT)
    if asked is not None and asked[0] != page:
        del st.session_state[_LEFT]
        asked[1]()
