"""Reading blind: codes, order, pauses, sessions, and what must stay hidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reader_study_driver import (
    SURE,
    answer,
    answer_first_session,
    button,
    enter,
    made,
    page,
    reading,
    words,
)
from streamlit.testing.v1 import AppTest

from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import commit_answer, load_answers, load_slots
from strokeapp.records.database import Database, utc_now
from strokeapp.records.network_store import store_result
from strokeapp.records.reader_study import Design
from strokeapp.records.study_repository import load_cases, load_readers
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_state import ACCESS, CASE, PAGE


def test_wrong_code_is_refused(app: AppTest, database: Database) -> None:
    made(database)
    enter(app, "ABCDE-ABCDE-ABCDE-ABCDE")
    assert "not known" in app.error[0].value
    assert ACCESS not in app.session_state


def test_reader_reads_blind_commits_and_resumes(app: AppTest, database: Database) -> None:
    study, _, codes = made(database)
    for case in load_cases(database, study.id):
        store_result(database, case.id, reading())
    enter(app, codes["A"])
    button(app, "Start reading").click().run()
    assert not app.exception
    text = words(app)
    assert "Case 1 of 2" in text and "without AI" in text
    assert "0.87" not in text and "operating point" not in text and "ct_slice" not in text
    assert not any(case.plan.name in text for case in load_cases(database, study.id))
    button(app, "Commit answer").click().run()
    assert "Still to answer: hemorrhage, ischemic stroke" in words(app)
    app.radio[0].set_value(Confidence.UNCERTAIN)
    button(app, "Commit answer").click().run()
    assert "Still to answer: ischemic stroke" in words(app)
    assert load_answers(database, study.id) == ()
    answer(app, Confidence.PROBABLY_PRESENT, Confidence.DEFINITELY_ABSENT)
    assert "Case 2 of 2" in words(app)
    assert all(radio.value is None for radio in app.radio)
    (stored,) = load_answers(database, study.id)
    assert list(stored.confidences.values()) == [Confidence.PROBABLY_PRESENT, Confidence.DEFINITELY_ABSENT]
    again = enter(AppTest.from_function(page, default_timeout=180).run(), codes["A"])
    assert "1 of 2 readings answered" in words(again)
    button(again, "Continue reading").click().run()
    assert "Case 2 of 2" in words(again)
    answer(again, Confidence.UNCERTAIN, Confidence.UNCERTAIN)
    assert "All 2 readings are committed" in words(again)
    assert CASE not in again.session_state


def test_time_stands_still_during_a_pause_and_on_another_page(
    app: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [datetime(2024, 3, 1, 9, tzinfo=UTC)]
    for module in ("showing", "answer_repository"):
        monkeypatch.setattr(f"strokeapp.records.{module}.utc_now", lambda: clock[0])
    study, _, codes = made(database)
    enter(app, codes["A"])
    button(app, "Start reading").click().run()
    clock[0] += timedelta(seconds=40)
    button(app, "Pause").click().run()
    clock[0] += timedelta(hours=1)
    button(app, "Start reading").click().run()
    clock[0] += timedelta(seconds=20)
    app.session_state["elsewhere"] = True
    app.run()
    assert CASE not in app.session_state
    clock[0] += timedelta(hours=1)
    app.session_state["elsewhere"] = False
    app.run()
    clock[0] += timedelta(seconds=3)
    answer(app, Confidence.UNCERTAIN, Confidence.UNCERTAIN)
    (stored,) = load_answers(database, study.id)
    assert (stored.seconds, stored.openings, stored.untimed) == (63.0, 3, 0)


def test_two_windows_of_one_reader_cannot_answer_a_case_twice(app: AppTest, database: Database) -> None:
    study, _, codes = made(database)
    reader = load_readers(database, study.id)[0]
    enter(app, codes["A"])
    button(app, "Start reading").click().run()
    for radio in app.radio:
        radio.set_value(Confidence.UNCERTAIN)
    commit_answer(database, study, reader.id, load_slots(database, reader.id)[0], SURE)
    button(app, "Commit answer").click().run()
    assert not app.exception
    assert [item.confidences for item in load_answers(database, study.id)] == [SURE]
    assert "Case 2 of 2" in words(app)
    assert all(radio.value is None for radio in app.radio)


def test_second_session_waits_then_shows_the_network(app: AppTest, database: Database) -> None:
    study, _, codes = made(database, design=Design.SEQUENTIAL, washout=7.0)
    reader = load_readers(database, study.id)[0]
    early = utc_now() - timedelta(days=6)
    answer_first_session(database, study, reader, early)
    enter(app, codes["A"])
    assert "second session opens on" in words(app)
    assert not app.radio


def test_network_stands_beside_the_picture_in_the_second_session_only(app: AppTest, database: Database) -> None:
    study, _, codes = made(database, design=Design.SEQUENTIAL)
    reader = load_readers(database, study.id)[0]
    answer_first_session(database, study, reader, utc_now() - timedelta(minutes=5))
    enter(app, codes["A"])
    button(app, "Continue reading").click().run()
    assert "not ready yet" in words(app)
    for case in load_cases(database, study.id):
        store_result(database, case.id, None, "The network abstained for a test.")
    app.run()
    assert not app.exception
    assert "with AI" in words(app) and plain("The network abstained for a test.") in words(app)


def test_the_page_is_left_only_for_another_one() -> None:
    """Its address is its file's name, by which leaving it is noticed."""
    assert (Path(__file__).resolve().parents[3] / "pages" / f"{PAGE}.py").is_file()
