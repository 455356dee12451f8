"""Hold who is in a reader study in this browser session, and the case on show."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.records.database import Database, open_database
from strokeapp.records.reader_study import Access
from strokeapp.records.showing import Opening, note_closing
from strokeapp.ui.leaving import when_left
from strokeapp.ui.reader_study_case import OpenCase

logger = logging.getLogger(__name__)
PAGE = "reader_study"
"""Address of the page in the navigation."""
ACCESS = "_reader_study_access"
NEW_CODES = "_reader_study_new_codes"
CASE = "_reader_study_case"
READING = "_reader_study_reading"
VIEWER_KEY = "reader-study"


@dataclass
class CaseOnShow:
    """Hold the case a reader is looking at.

    Args:
        slot_id: Of the reader's list.
        case: Its files, opened.
        opening: Since when its picture is on show; None while it is loading, and once it is answered.
    """

    slot_id: int
    case: OpenCase
    opening: Opening | None = None


@dataclass(frozen=True)
class NewCodes:
    """Hold codes that are to be shown once.

    Args:
        lead: Of a new study, or None.
        readers: Name and code.
    """

    lead: str | None
    readers: dict[str, str]


def database() -> Database:
    """Return the database of the data folder."""
    return open_database()


def access() -> Access | None:
    """Return whom this session has let in."""
    return st.session_state.get(ACCESS)


def let_in(who: Access) -> None:
    """Let somebody in."""
    leave()
    st.session_state[ACCESS] = who


def leave() -> None:
    """Forget who was in, the codes on show and the open case."""
    close_case()
    for name in (ACCESS, NEW_CODES, READING):
        st.session_state.pop(name, None)


def put_on_show(shown: CaseOnShow) -> None:
    """Remember the case on show; it is hidden once another page is: what is not looked at is not reading time."""
    st.session_state[CASE] = shown
    when_left(PAGE, close_case)


def close_case() -> None:
    """Forget the case on show: its voxels, its files on disk, and what the viewer packed; its time stands still."""
    shown: CaseOnShow | None = st.session_state.pop(CASE, None)
    for name in [name for name in st.session_state if str(name).startswith(f"_viewer_cache_{VIEWER_KEY}")]:
        del st.session_state[name]
    if shown is None:
        return
    shown.case.close()
    if shown.opening is not None:
        _note_closing(shown.opening)


def _note_closing(opening: Opening) -> None:
    try:
        note_closing(database(), opening)
    except StrokeAppError as error:  # the opening then counts as one whose end is not known
        logger.warning("reader study, end of opening %d not stored: %s", opening.id, error)
