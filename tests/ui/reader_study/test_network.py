"""The network reads the cases of a study in the background; what fails is told to the lead."""

from __future__ import annotations

import pytest
from reader_study_driver import (
    QUESTIONS,
    enter,
    made,
    reading,
    words,
)
from streamlit.testing.v1 import AppTest

from strokeapp.records.case_sources import demonstration_cases
from strokeapp.records.database import Database
from strokeapp.records.network_store import load_results, store_result
from strokeapp.records.reader_study import CasePlan, CaseSource, StudyPlan
from strokeapp.records.study_repository import create_study, load_cases
from strokeapp.types import Finding
from strokeapp.ui import reader_study_network as network
from strokeapp.ui.plain import plain


def test_network_reads_cases_in_the_background_once_and_keeps_failures_apart(database: Database) -> None:
    gone = CasePlan("gone", CaseSource.FOLDER, ("set/gone",), dict.fromkeys(Finding, True))
    cases = [demonstration_cases()[4], gone]
    study, _, _ = create_study(database, StudyPlan("S", QUESTIONS), cases, ["A"])
    run = network.start(database, study.id)
    run.thread.join(timeout=170)
    assert not run.running
    assert (run.total, run.done, list(run.failures)) == (2, 1, ["gone"])
    (result,) = load_results(database, study.id).values()
    assert result.reading.model == "mr_flair"
    again = network.start(database, study.id)
    again.thread.join(timeout=60)
    assert (again.done, list(again.failures)) == (1, ["gone"])


def test_what_nobody_foresaw_is_told_to_the_lead_and_the_other_cases_are_read(
    app: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    study, lead, _ = made(database)
    broken, whole = load_cases(database, study.id)

    def read_one(_database: Database, case) -> None:
        if case.id == broken.id:
            raise ZeroDivisionError("patient Smith")
        store_result(database, case.id, reading())

    monkeypatch.setattr(network, "_read_one", read_one)
    network.start(database, study.id).thread.join(timeout=60)
    assert list(load_results(database, study.id)) == [whole.id]
    enter(app, lead)
    (warning,) = app.warning
    assert plain(broken.plan.name) in warning.value and "unexpected error ZeroDivisionError" in warning.value
    assert "Smith" not in words(app) and "Traceback" in caplog.text
    assert any(item.label == "Let the network read the rest" for item in app.button)
