"""Draw the reader's side: one case after the other, blind, each answer for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.words import DISCLAIMER, NAMES
from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import commit_answer, load_slots, next_slot, opens_at
from strokeapp.records.database import Database, utc_now
from strokeapp.records.network_store import NetworkResult, load_result
from strokeapp.records.reader_study import Reader, Slot, Study, StudyCase
from strokeapp.records.showing import note_opening
from strokeapp.records.study_repository import load_cases
from strokeapp.types import Finding, Scan
from strokeapp.ui import reader_study_state as state
from strokeapp.ui import viewer
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_aid import show_aid
from strokeapp.ui.reader_study_case import open_case
from strokeapp.ui.reader_study_words import CONFIDENCE_WORDS, way
from strokeapp.ui.reading_layers import map_overlays, probability_strips
from strokeapp.ui.series_words import facts, headline

VIEWER_HEIGHT = 760


def show_reading(database: Database, study: Study, reader: Reader) -> None:
    """Draw what comes next for a reader: a case, a pause, a wait for the washout, or thanks."""
    slots = load_slots(database, reader.id)
    slot = next_slot(slots)
    if slot is None:
        _show_end(study, len(slots))
        return
    waits_until = _waits_until(database, study, reader, slot)
    if waits_until is not None:
        _show_wait(study, waits_until)
        return
    if not st.session_state.get(state.READING):
        _show_start(study, reader, slots, slot)
        return
    case = next(item for item in load_cases(database, study.id) if item.id == slot.case_id)
    result = load_result(database, case.id) if slot.aided else None
    if slot.aided and result is None:
        st.info("The network's reading of the next case is not ready yet. Come back in a few minutes.")
        _offer_leave()
        return
    _show_case(database, study, reader, slots, slot, case, result)


def _waits_until(database: Database, study: Study, reader: Reader, slot: Slot) -> datetime | None:
    opening = opens_at(database, study, reader.id, slot.session)
    return opening if opening is not None and opening > utc_now() else None


def _show_start(study: Study, reader: Reader, slots: tuple[Slot, ...], slot: Slot) -> None:
    st.title(plain(study.plan.title), anchor=False)
    done = sum(item.answered for item in slots)
    st.markdown(f"Reader **{plain(reader.name)}** · {done} of {len(slots)} readings answered")
    st.progress(done / len(slots))
    st.markdown(
        "For each case, say how sure you are of each finding. You see neither the truth nor what others say. "
        "**An answer cannot be changed once it is committed.** The time per case is measured while the picture is on "
        "show; use *Pause* before you leave the screen."
    )
    if study.plan.design.sessions > 1:
        st.caption(f"Session {slot.session} of {study.plan.design.sessions}.")
    with st.container(horizontal=True):
        if st.button("Start reading" if done == 0 else "Continue reading", type="primary", key="reader-start"):
            st.session_state[state.READING] = True
            st.rerun()
        _offer_leave()


def _show_case(
    database: Database,
    study: Study,
    reader: Reader,
    slots: tuple[Slot, ...],
    slot: Slot,
    case: StudyCase,
    result: NetworkResult | None,
) -> None:
    shown = _on_show(slot, case)
    left, right = st.columns([7, 3], gap="medium")
    with right:
        _show_head(slots, slot)
        key = _choose_series(shown, slot) if shown is not None else None
    with left:
        scan = _load(shown, key) if shown is not None and key is not None else None
        if scan is not None and shown is not None:
            _show_picture(scan, shown, key, slot, result)
    if scan is not None and shown is not None and shown.opening is None:
        shown.opening = note_opening(database, slot)
    with right:
        if result is not None:
            show_aid(result)
        if scan is not None:
            _show_questions(database, study, reader, slot)
        if st.button("Pause", key="reader-pause", help="Hides the picture; the case opens again where you stopped."):
            _stop()
        st.caption(DISCLAIMER)


def _on_show(slot: Slot, case: StudyCase) -> state.CaseOnShow | None:
    shown: state.CaseOnShow | None = st.session_state.get(state.CASE)
    if shown is not None and shown.slot_id == slot.id:
        return shown
    state.close_case()
    bar = st.progress(0.0, "Opening the case")
    try:
        opened = open_case(case.plan, lambda share, _text: bar.progress(min(1.0, share), "Opening the case"))
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return None
    finally:
        bar.empty()
    shown = state.CaseOnShow(slot.id, opened)
    state.put_on_show(shown)
    return shown


def _show_head(slots: tuple[Slot, ...], slot: Slot) -> None:
    session = [item for item in slots if item.session == slot.session]
    st.subheader(f"Case {slot.position} of {len(session)}", anchor=False)
    more = f"Session {slot.session} · " if len(session) < len(slots) else ""
    st.caption(f"{more}{way(slot.aided)}")


def _choose_series(shown: state.CaseOnShow, slot: Slot) -> str:
    series = {item.key: item for item in shown.case.series}
    if len(series) == 1:
        return next(iter(series))
    return st.selectbox(
        "Series",
        list(series),
        index=list(series).index(shown.case.first),
        format_func=lambda key: f"{headline(series[key])} · {facts(series[key])}",
        key=f"reader-series-{slot.id}",
    )


def _load(shown: state.CaseOnShow, key: str) -> Scan | None:
    bar = st.progress(0.0, "Loading the series")
    try:
        return shown.case.load(key, lambda share, _text: bar.progress(min(1.0, share), "Loading the series"))
    except StrokeAppError as error:
        st.error(f"{plain(error.user_message)} Tell the lead of the study.")
        return None
    finally:
        bar.empty()


def _show_picture(scan: Scan, shown: state.CaseOnShow, key: str, slot: Slot, result: NetworkResult | None) -> None:
    read_by_network = result is not None and result.reading is not None and key == shown.case.first
    overlays = map_overlays(result.reading) if read_by_network else ()
    strips = probability_strips(result.reading) if read_by_network else ()
    name = f"{state.VIEWER_KEY}-{slot.id}-{key}"
    try:
        viewer.show(scan, overlays=overlays, strips=strips, height=VIEWER_HEIGHT, explain=False, key=name)
    except StrokeAppError as error:
        st.error(plain(error.user_message))


def _show_questions(database: Database, study: Study, reader: Reader, slot: Slot) -> None:
    # A form: what is chosen goes to the server only with the answer, so that no rerun comes between two clicks and
    # what is committed is what is on screen.
    with st.form(f"answer-{slot.id}", border=False):
        given = {
            finding: st.radio(
                f"**{plain(question)}**",
                list(Confidence),
                index=None,
                format_func=CONFIDENCE_WORDS.__getitem__,
                key=f"answer-{slot.id}-{finding.value}",
            )
            for finding, question in study.plan.questions.items()
        }
        committed = st.form_submit_button("Commit answer", type="primary", width="stretch")
        st.caption("Cannot be changed afterwards.")
    if committed:
        _commit(database, study, reader, slot, given)


def _commit(
    database: Database, study: Study, reader: Reader, slot: Slot, given: Mapping[Finding, Confidence | None]
) -> None:
    missing = [NAMES[finding].lower() for finding, value in given.items() if value is None]
    if missing:
        st.warning(f"Not committed. Still to answer: {', '.join(missing)}.")
        return
    try:
        commit_answer(database, study, reader.id, slot, {f: v for f, v in given.items() if v is not None})
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return
    shown: state.CaseOnShow | None = st.session_state.get(state.CASE)
    if shown is not None:
        shown.opening = None  # it ended with the answer
    state.close_case()
    st.rerun()


def _show_wait(study: Study, until: datetime) -> None:
    st.session_state.pop(state.READING, None)
    state.close_case()
    st.title(plain(study.plan.title), anchor=False)
    st.success("The first session is complete. Thank you.")
    st.markdown(
        f"The second session opens on **{until.astimezone(UTC):%Y-%m-%d at %H:%M} UTC**. Use the same code then."
    )
    _offer_leave()


def _show_end(study: Study, count: int) -> None:
    state.close_case()
    st.title(plain(study.plan.title), anchor=False)
    st.success(f"All {count} readings are committed. Thank you.")
    st.caption("The lead of the study sees the results. They are not shown here, so that nobody tells the next reader.")
    _offer_leave()


def _offer_leave() -> None:
    if st.button("Leave", key="reader-leave"):
        state.leave()
        st.rerun()


def _stop() -> None:
    state.close_case()
    st.session_state.pop(state.READING, None)
    st.rerun()
