"""The reader study page without a browser: setting up, entering, reading, and what must stay hidden."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from strokeapp.performance.reader_tables import fleiss_of_calls, readers_against_network_means, with_against_without
from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import commit_answer, load_answers, load_slots
from strokeapp.records.case_sources import demonstration_cases, folder_cases
from strokeapp.records.database import Database, open_database, utc_now
from strokeapp.records.network_store import load_results, store_result
from strokeapp.records.reader_study import CasePlan, CaseSource, Design, StudyPlan
from strokeapp.records.showing import note_opening
from strokeapp.records.study_repository import create_study, load_cases, load_readers
from strokeapp.types import Finding, FindingResult, Reading, SliceReading
from strokeapp.ui import reader_study_network as network
from strokeapp.ui import reader_study_results
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_state import ACCESS, CASE

REPOSITORY = Path(__file__).resolve().parents[2]
QUESTIONS = {Finding.HEMORRHAGIC: "Bleed?", Finding.ISCHEMIC: "Infarct?"}
SURE = dict.fromkeys(QUESTIONS, Confidence.DEFINITELY_PRESENT)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Give the database of a data folder of the test's own."""
    monkeypatch.setenv("STROKEAPP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(REPOSITORY)
    return open_database()


def page() -> None:
    import streamlit as st

    from strokeapp.ui.leaving import turn_to
    from strokeapp.ui.reader_study_view import show_reader_study

    if st.session_state.get("elsewhere"):
        turn_to("performance")
    else:
        show_reader_study()


@pytest.fixture
def app(database: Database) -> Iterator[AppTest]:
    yield AppTest.from_function(page, default_timeout=180).run()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep the network from reading, and note for which studies it was asked."""
    asked: list[int] = []
    monkeypatch.setattr(network, "start", lambda _database, study_id: asked.append(study_id))
    return asked


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
    _answer_first_session(database, study, reader, early)
    enter(app, codes["A"])
    assert "second session opens on" in words(app)
    assert not app.radio


def test_network_stands_beside_the_picture_in_the_second_session_only(app: AppTest, database: Database) -> None:
    study, _, codes = made(database, design=Design.SEQUENTIAL)
    reader = load_readers(database, study.id)[0]
    _answer_first_session(database, study, reader, utc_now() - timedelta(minutes=5))
    enter(app, codes["A"])
    button(app, "Continue reading").click().run()
    assert "not ready yet" in words(app)
    for case in load_cases(database, study.id):
        store_result(database, case.id, None, "The network abstained for a test.")
    app.run()
    assert not app.exception
    assert "with AI" in words(app) and plain("The network abstained for a test.") in words(app)


def _answer_first_session(database: Database, study, reader, moment) -> None:
    for slot in load_slots(database, reader.id):
        if slot.session == 1:
            _answer(database, study, reader, slot, moment, SURE)


def _answer(database: Database, study, reader, slot, moment, confidences) -> None:
    note_opening(database, slot, now=moment)
    commit_answer(database, study, reader.id, slot, confidences, now=moment + timedelta(seconds=20))


def _answer_everything(database: Database, study) -> None:
    """Answer at random in the first session and rightly in the second."""
    draw, moment = np.random.default_rng(0), utc_now() - timedelta(hours=1)
    truth = {case.id: case.plan.truth for case in load_cases(database, study.id)}
    for reader in load_readers(database, study.id):
        for slot in load_slots(database, reader.id):
            right = {f: Confidence(5 if truth[slot.case_id][f] else 1) for f in QUESTIONS}
            guess = {f: Confidence(int(draw.integers(1, 6))) for f in QUESTIONS}
            _answer(database, study, reader, slot, moment, right if slot.aided else guess)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, pd.DataFrame]]:
    """Collect what the result offers for download, run by run."""
    found: list[dict[str, pd.DataFrame]] = []
    monkeypatch.setattr(reader_study_results, "_offer_downloads", found.append)
    return found


def test_every_analysis_of_the_result_can_be_downloaded(app: AppTest, database: Database, offered) -> None:
    study, lead, _ = made(database, design=Design.SEQUENTIAL, cases=4)
    for case in load_cases(database, study.id):
        store_result(database, case.id, reading())
    _answer_everything(database, study)
    enter(app, lead)
    app.segmented_control(key="lead-part").set_value("Result").run()
    assert not app.exception and "Interim" not in words(app)
    files = {name.split("-", 4)[-1]: table for name, table in offered[-1].items()}
    answers = offered[-1][f"reader-study-{study.id}-answers"]
    answers = answers[answers["finding"] == "hemorrhagic"]
    analysis, readers, cases = with_against_without(answers)
    gain = files["mean_gain"].set_index("test")
    assert (readers, cases) == (2, 4) == tuple(gain.loc["F", ["readers", "cases"]])
    assert gain.loc["F", "p"] == analysis.random_readers.p and gain.loc["F", "df2"] == analysis.random_readers.df2
    np.testing.assert_equal(gain.loc["chi-square", "statistic"], analysis.fixed_readers.statistic)
    assert gain.loc["F", "auc_with"] - gain.loc["F", "auc_without"] == pytest.approx(gain.loc["F", "difference"])
    kappa, _ = fleiss_of_calls(answers, positive_from=4)
    np.testing.assert_equal(files["fleiss_kappa"].loc[0, "kappa"], kappa.value)
    network = offered[-1][f"reader-study-{study.id}-network"]
    random, fixed, _, _ = readers_against_network_means(answers, network[network["finding"] == "hemorrhagic"])
    np.testing.assert_array_equal(files["mean_against_network"]["p"], [random.p, fixed.p])
    np.testing.assert_array_equal(files["mean_against_network"]["low"], [random.interval.low, fixed.interval.low])
    assert files["mean_against_network"]["difference"].tolist() == [random.value, fixed.value]


def test_result_is_interim_until_the_last_reader_has_finished(app: AppTest, database: Database) -> None:
    study, lead, _ = made(database)
    first = load_readers(database, study.id)[0]
    _answer_first_session(database, study, first, utc_now() - timedelta(minutes=5))
    enter(app, lead)
    app.segmented_control(key="lead-part").set_value("Result").run()
    assert "Still to finish: B (0 of 2 readings)." in words(app)
    study, lead, _ = made(database, design=Design.SEQUENTIAL)
    for reader in load_readers(database, study.id):
        _answer_first_session(database, study, reader, utc_now() - timedelta(minutes=5))
    button(app, "Leave").click().run()
    enter(app, lead)
    app.segmented_control(key="lead-part").set_value("Result").run()
    assert "Still to finish: A (2 of 4 readings), B (2 of 4 readings)." in words(app)


def test_result_shows_every_reader_and_says_when_records_were_touched(app: AppTest, database: Database) -> None:
    study, lead, _ = made(database, design=Design.SEQUENTIAL, cases=4)
    for case in load_cases(database, study.id):
        store_result(database, case.id, reading())
    _answer_everything(database, study)
    enter(app, lead)
    assert "4 cases" in words(app)
    app.segmented_control(key="lead-part").set_value("Result").run()
    assert not app.exception
    assert "Records intact" in words(app)
    shown = "\n".join(table.value.to_csv() for table in app.table)
    assert "A,without AI,4" in shown and "B,with AI,4" in shown and "Network,alone,4" in shown
    assert "Mean AUC with AI minus without, 2 readers, 4 cases" in words(app)
    assert "F = " in shown and "χ² = " in shown
    assert "Fewer than 30 cases" in words(app)
    with database.writing() as connection:
        connection.execute("DROP TRIGGER answer_no_update")
        connection.execute("UPDATE answer SET openings = openings + 1 WHERE id = 1")
    app.run()
    assert "do not use these results" in app.error[0].value


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
