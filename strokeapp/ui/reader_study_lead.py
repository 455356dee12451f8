"""Draw the lead's side: codes shown once, how far network and readers are, the result."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.records.answer_repository import load_slots
from strokeapp.records.database import Database
from strokeapp.records.reader_study import Study
from strokeapp.records.study_repository import add_reader, load_cases, load_readers, renew_code
from strokeapp.ui import reader_study_network as network
from strokeapp.ui import reader_study_state as state
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_results import show_results
from strokeapp.ui.reader_study_words import DESIGN_WORDS

PROGRESS, RESULT = "Progress", "Result"
POLL_SECONDS = 2


def show_lead(database: Database, study: Study) -> None:
    """Draw codes that were just made, or progress and result."""
    codes: state.NewCodes | None = st.session_state.get(state.NEW_CODES)
    if codes is not None:
        _show_codes(study, codes)
        return
    head, button = st.columns([6, 1], vertical_alignment="bottom")
    head.title(plain(study.plan.title), anchor=False)
    if button.button("Leave", width="stretch", key="lead-leave"):
        state.leave()
        st.rerun()
    cases = len(load_cases(database, study.id))
    st.caption(f"{DESIGN_WORDS[study.plan.design]} · {cases} cases · set up {study.created_at:%Y-%m-%d %H:%M} UTC")
    part = st.segmented_control(
        "Show", [PROGRESS, RESULT], default=PROGRESS, label_visibility="collapsed", key="lead-part"
    )
    if part == RESULT:
        show_results(database, study)
    else:
        _show_network(database, study)
        _show_readers(database, study)


def _show_codes(study: Study, codes: state.NewCodes) -> None:
    st.title(plain(study.plan.title), anchor=False)
    st.warning("These codes are shown **once**. Keep yours, and give each reader theirs; they cannot be shown again.")
    rows = ([("Lead (you)", codes.lead)] if codes.lead else []) + list(codes.readers.items())
    for name, code in rows:
        label, value, _ = st.columns([1, 2, 2], vertical_alignment="center")
        label.markdown(f"**{plain(name)}**")
        value.code(code, language=None)
    if st.button("I have kept the codes", type="primary", key="codes-kept"):
        del st.session_state[state.NEW_CODES]
        st.rerun()


def _show_network(database: Database, study: Study) -> None:
    st.subheader("Network", anchor=False)
    running = network.state(database, study.id).running
    st.fragment(_network_state, run_every=POLL_SECONDS if running else None)(database, study, running)


def _network_state(database: Database, study: Study, was_running: bool) -> None:
    run = network.state(database, study.id)
    st.progress(run.done / max(1, run.total), f"{run.done} of {run.total} cases read; hidden from the readers")
    for name, reason in run.failures.items():
        st.warning(plain(f"{name}: {reason}"))
    if run.running:
        return
    if was_running:
        st.rerun()
    if run.done < run.total and st.button("Let the network read the rest", key="network-again"):
        network.start(database, study.id)
        st.rerun()


def _show_readers(database: Database, study: Study) -> None:
    st.subheader("Readers", anchor=False)
    readers = load_readers(database, study.id)
    rows = []
    for reader in readers:
        slots = load_slots(database, reader.id)
        done = [sum(s.answered for s in slots if s.session == k) for k in range(1, study.plan.design.sessions + 1)]
        each = len(slots) // study.plan.design.sessions
        rows.append({"Reader": plain(reader.name)} | {f"Session {k}": f"{n} of {each}" for k, n in enumerate(done, 1)})
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    with st.expander("Add a reader, or give a new code"):
        _show_reader_changes(database, study, {reader.name: reader for reader in readers})


def _show_reader_changes(database: Database, study: Study, readers: dict) -> None:
    left, right = st.columns(2)
    name = left.text_input("Name of the new reader", key="lead-new-reader").strip()
    if left.button("Add", disabled=not name, key="lead-add"):
        _show_new(name, lambda: add_reader(database, study, name))
    chosen = right.selectbox("Reader who lost the code", list(readers), key="lead-lost")
    if right.button("Give a new code", key="lead-renew"):
        _show_new(chosen, lambda: renew_code(database, study, readers[chosen]))


def _show_new(name: str, make) -> None:
    try:
        st.session_state[state.NEW_CODES] = state.NewCodes(None, {name: make()})
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return
    st.rerun()
