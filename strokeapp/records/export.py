"""Lay the records of a study out as tables, for figures and for export."""

from __future__ import annotations

import pandas as pd

from strokeapp.records.answer_repository import load_answers
from strokeapp.records.database import Database
from strokeapp.records.network_store import load_results
from strokeapp.records.reader_study import Study
from strokeapp.records.study_repository import load_cases, load_readers

ANSWER_COLUMNS = (
    "reader", "case", "finding", "aided", "session", "confidence", "truth", "opened_at", "committed_at", "seconds",
    "openings", "untimed_openings",
)  # fmt: skip
NETWORK_COLUMNS = ("case", "finding", "probability", "threshold", "truth", "model", "note")


def answer_table(database: Database, study: Study) -> pd.DataFrame:
    """Return one row per answer and finding, in order of writing; truth is 1.0, 0.0 or nan."""
    cases = {case.id: case for case in load_cases(database, study.id)}
    readers = {reader.id: reader.name for reader in load_readers(database, study.id)}
    rows = []
    for answer in load_answers(database, study.id):
        case = cases[answer.case_id].plan
        for finding, confidence in answer.confidences.items():
            rows.append(
                (
                    readers[answer.reader], case.name, finding.value, answer.aided, answer.session, int(confidence),
                    case.truth.get(finding), answer.opened_at.isoformat(), answer.committed_at.isoformat(),
                    round(answer.seconds, 3), answer.openings, answer.untimed,
                )
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(ANSWER_COLUMNS))
    return table.astype({"truth": "float64", "confidence": "int64", "aided": "bool", "seconds": "float64"})


def network_table(database: Database, study: Study) -> pd.DataFrame:
    """Return one row per case and finding asked; probability is nan where the network abstained or has not read."""
    results = load_results(database, study.id)
    rows = []
    for case in load_cases(database, study.id):
        result = results.get(case.id)
        reading = None if result is None else result.reading
        note = "not read yet" if result is None else result.message
        model = "" if reading is None else f"{reading.model} {reading.version}"
        for finding in study.plan.questions:
            found = None if reading is None else reading.findings.get(finding)
            numbers = (None, None) if found is None else (found.probability, found.threshold)
            rows.append((case.plan.name, finding.value, *numbers, case.plan.truth.get(finding), model, note))
    table = pd.DataFrame(rows, columns=list(NETWORK_COLUMNS))
    return table.astype({"truth": "float64", "probability": "float64", "threshold": "float64"})
