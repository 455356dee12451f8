"""The result of a reader study: every analysis, interim or not, and records that were touched."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from reader_study_driver import (
    answer_everything,
    answer_first_session,
    button,
    enter,
    made,
    reading,
    words,
)
from streamlit.testing.v1 import AppTest

from strokeapp.performance.reader_tables import fleiss_of_calls, readers_against_network_means, with_against_without
from strokeapp.records.database import Database, utc_now
from strokeapp.records.network_store import store_result
from strokeapp.records.reader_study import Design
from strokeapp.records.study_repository import load_cases, load_readers
from strokeapp.ui import reader_study_results


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
    answer_everything(database, study)
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
    answer_first_session(database, study, first, utc_now() - timedelta(minutes=5))
    enter(app, lead)
    app.segmented_control(key="lead-part").set_value("Result").run()
    assert "Still to finish: B (0 of 2 readings)." in words(app)
    study, lead, _ = made(database, design=Design.SEQUENTIAL)
    for reader in load_readers(database, study.id):
        answer_first_session(database, study, reader, utc_now() - timedelta(minutes=5))
    button(app, "Leave").click().run()
    enter(app, lead)
    app.segmented_control(key="lead-part").set_value("Result").run()
    assert "Still to finish: A (2 of 4 readings), B (2 of 4 readings)." in words(app)


def test_result_shows_every_reader_and_says_when_records_were_touched(app: AppTest, database: Database) -> None:
    study, lead, _ = made(database, design=Design.SEQUENTIAL, cases=4)
    for case in load_cases(database, study.id):
        store_result(database, case.id, reading())
    answer_everything(database, study)
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
