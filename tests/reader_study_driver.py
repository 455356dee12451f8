"""Drive the reader study page without a browser, and answer its cases past the page."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from streamlit.testing.v1 import AppTest

from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import commit_answer, load_slots
from strokeapp.records.case_sources import demonstration_cases
from strokeapp.records.database import Database, utc_now
from strokeapp.records.reader_study import Design, StudyPlan
from strokeapp.records.showing import note_opening
from strokeapp.records.study_repository import create_study, load_cases, load_readers
from strokeapp.types import Finding, FindingResult, Reading, SliceReading

QUESTIONS = {Finding.HEMORRHAGIC: "Bleed?", Finding.ISCHEMIC: "Infarct?"}
SURE = dict.fromkeys(QUESTIONS, Confidence.DEFINITELY_PRESENT)


def page() -> None:
    """Draw the page, or turn to another one where the session asks for it."""
    import streamlit as st

    from strokeapp.ui.leaving import turn_to
    from strokeapp.ui.reader_study_view import show_reader_study

    if st.session_state.get("elsewhere"):
        turn_to("performance")
    else:
        show_reader_study()


def button(app: AppTest, label: str):
    return next(item for item in app.button if item.label == label)


def words(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.success, app.warning, app.error)
    return "\n".join(item.value for kind in kinds for item in kind)


def enter(app: AppTest, code: str) -> AppTest:
    app.text_input(key=next(i.key for i in app.text_input if i.label == "Access code")).set_value(code)
    return button(app, "Enter").click().run()


def answer(app: AppTest, *steps: Confidence) -> AppTest:
    for radio, step in zip(app.radio, steps, strict=True):
        radio.set_value(step)
    return button(app, "Commit answer").click().run()


def made(database: Database, *, design: Design = Design.ONCE, washout: float = 0.0, cases: int = 2):
    plan = StudyPlan("Pilot", QUESTIONS, design, washout)
    return create_study(database, plan, demonstration_cases()[:cases], ["A", "B"])


def reading() -> Reading:
    findings = {Finding.HEMORRHAGIC: FindingResult(0.87, 0.33), Finding.ISCHEMIC: FindingResult(0.05, 0.2)}
    return Reading("ct_slice", "1.0.0", findings, tuple(SliceReading(k, 0.5, 0.1) for k in range(3)))


def commit(database: Database, study, reader, slot, moment, confidences) -> None:
    note_opening(database, slot, now=moment)
    commit_answer(database, study, reader.id, slot, confidences, now=moment + timedelta(seconds=20))


def answer_first_session(database: Database, study, reader, moment) -> None:
    for slot in load_slots(database, reader.id):
        if slot.session == 1:
            commit(database, study, reader, slot, moment, SURE)


def answer_everything(database: Database, study) -> None:
    """Answer at random in the first session and rightly in the second."""
    draw, moment = np.random.default_rng(0), utc_now() - timedelta(hours=1)
    truth = {case.id: case.plan.truth for case in load_cases(database, study.id)}
    for reader in load_readers(database, study.id):
        for slot in load_slots(database, reader.id):
            right = {f: Confidence(5 if truth[slot.case_id][f] else 1) for f in QUESTIONS}
            guess = {f: Confidence(int(draw.integers(1, 6))) for f in QUESTIONS}
            commit(database, study, reader, slot, moment, right if slot.aided else guess)
