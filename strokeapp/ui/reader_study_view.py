"""Draw the reader study page: let somebody in, then show the lead's or the reader's side."""

from __future__ import annotations

import streamlit as st

from strokeapp.errors import ReaderStudyError, StrokeAppError
from strokeapp.records.study_repository import enter, load_readers, load_study
from strokeapp.ui import reader_study_state as state
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_lead import show_lead
from strokeapp.ui.reader_study_reading import show_reading
from strokeapp.ui.reader_study_setup import show_setup


def show_reader_study() -> None:
    """Draw the whole page."""
    who = state.access()
    if who is None:
        _show_door()
        return
    database = state.database()
    study = load_study(database, who.study_id)
    if who.is_lead:
        show_lead(database, study)
        return
    reader = next((item for item in load_readers(database, study.id) if item.id == who.reader_id), None)
    if reader is None:
        state.leave()
        raise ReaderStudyError("This reader is not in the records of the study. Enter the code again.")
    show_reading(database, study, reader)


def _show_door() -> None:
    st.title("Reader study", anchor=False)
    st.markdown("Compare radiologists with the network on the same cases, blind.")
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.subheader("Enter", anchor=False)
        _show_code_box()
    with right:
        st.subheader("Set up a study", anchor=False)
        show_setup()


def _show_code_box() -> None:
    with st.form("reader-study-enter", border=False):
        code = st.text_input("Access code", placeholder="XXXXX-XXXXX-XXXXX-XXXXX", autocomplete="off")
        asked = st.form_submit_button("Enter", type="primary")
    st.caption(
        "Readers and leads get their code when a study is set up. It was shown once. After a reload, enter it again: "
        "committed answers are kept."
    )
    if not asked:
        return
    try:
        who = enter(state.database(), code)
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return
    state.let_in(who)
    st.rerun()
