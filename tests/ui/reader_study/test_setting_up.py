"""Setting a reader study up: what the lead gives, sees once, and is warned of."""

from __future__ import annotations

from pathlib import Path

from reader_study_driver import (
    button,
    page,
    words,
)
from streamlit.testing.v1 import AppTest

from strokeapp.records.case_sources import folder_cases
from strokeapp.records.database import Database
from strokeapp.records.reader_study import CaseSource, Design, StudyPlan
from strokeapp.records.study_repository import create_study, load_cases, load_readers
from strokeapp.types import Finding
from strokeapp.ui.reader_study_state import ACCESS


def test_a_lead_sets_up_a_study_and_sees_the_codes_once(app: AppTest, database: Database, no_network) -> None:
    app.text_input(key="study-title").set_value("Pilot")
    app.text_area(key="study-readers").set_value("A\nB\n\nC\n")
    app.run()
    button(app, "Create the study").click().run()
    assert not app.exception
    assert "shown **once**" in words(app)
    assert len(app.code) == 4
    shown = [item.value for item in app.code]
    button(app, "I have kept the codes").click().run()
    assert not app.code and not any(code in words(app) for code in shown)
    (study_id,) = no_network
    assert [reader.name for reader in load_readers(database, study_id)] == ["A", "B", "C"]
    assert len(load_cases(database, study_id)) == 3


def test_a_form_that_lacks_something_says_what(app: AppTest, no_network) -> None:
    button(app, "Create the study").click().run()
    assert "title" in app.error[0].value
    app.text_input(key="study-title").set_value("Pilot").run()
    button(app, "Create the study").click().run()
    assert "reader" in app.error[0].value
    assert no_network == []


def test_folder_of_cases_is_offered_with_its_truth_to_correct(app: AppTest, database: Database) -> None:
    app.radio(key="study-source").set_value(CaseSource.FOLDER).run()
    assert "no folder of cases" in app.info[0].value
    (database.path.parent / "cases" / "set" / "one").mkdir(parents=True)
    app.run()
    assert not app.exception
    assert app.selectbox(key="study-folder").value == "set"


def folder_of_cases(database: Database) -> Path:
    folder = database.path.parent / "cases" / "set"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(b"x")
    table = "path,case,hemorrhagic,ischemic\na.png,Smith,1,0\nb.png,Jones,0,0\nc.png,Brown,,0\n"
    (folder / "manifest.csv").write_text(table, encoding="utf-8")
    return folder


def choose_folder(app: AppTest) -> AppTest:
    return app.radio(key="study-source").set_value(CaseSource.FOLDER).run()


def test_set_up_counts_cases_and_lists_them_only_on_request(app: AppTest, database: Database, no_network) -> None:
    folder_of_cases(database)
    choose_folder(app)
    counted = "3 cases · hemorrhage: 1 with, 1 without, 1 not known · ischemic stroke: 0 with, 3 without, 0 not known"
    assert counted in words(app) and not app.dataframe
    app.text_input(key="study-title").set_value("Pilot")
    app.multiselect(key="study-findings").set_value([Finding.HEMORRHAGIC])
    app.text_area(key="study-readers").set_value("A").run()
    button(app, "Create the study").click().run()
    (study_id,) = no_network
    assert [case.plan.name for case in load_cases(database, study_id)] == ["Smith", "Jones", "Brown"]
    again = choose_folder(AppTest.from_function(page, default_timeout=180).run())
    again.text_input(key="study-lead-code").set_value(app.code[0].value).run()
    assert counted in words(again)
    again.toggle[0].set_value(True).run()
    assert list(again.dataframe[0].value["Case"]) == ["Smith", "Jones", "Brown"]


def test_folder_of_a_study_that_runs_shows_nothing_to_its_readers(app: AppTest, database: Database, no_network) -> None:
    folder_of_cases(database)
    cases = folder_cases(database.path.parent / "cases", "set")
    questions = {Finding.HEMORRHAGIC: "Bleed?"}
    _, lead, codes = create_study(database, StudyPlan("Pilot", questions), cases, ["A"])
    app.text_input(key="study-title").set_value("Mine")
    app.text_area(key="study-readers").set_value("A")
    choose_folder(app)
    for code in ("", codes["A"], "ABCDE-ABCDE-ABCDE-ABCDE"):
        app.text_input(key="study-lead-code").set_value(code).run()
        assert not app.exception and not app.toggle and not app.dataframe
        assert "a study that runs" in words(app) and "3 cases" not in words(app) and "Smith" not in words(app)
        button(app, "Create the study").click().run()
        assert no_network == [] and ACCESS not in app.session_state
    app.text_input(key="study-lead-code").set_value(lead).run()
    assert "3 cases" in words(app)
    app.multiselect(key="study-findings").set_value([Finding.HEMORRHAGIC]).run()
    button(app, "Create the study").click().run()
    assert len(no_network) == 1


def test_a_washout_of_nothing_and_a_crossed_order_are_warned_of(app: AppTest) -> None:
    app.radio(key="study-design").set_value(Design.CROSSED).run()
    assert "carry over" in words(app) and "may remember" not in words(app)
    app.number_input(key="study-washout").set_value(0.0).run()
    assert "readers may remember the cases" in words(app)
