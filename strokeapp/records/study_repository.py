"""Store and find reader studies, their cases, readers and access codes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from strokeapp.errors import ReaderStudyError
from strokeapp.performance.readers import Confidence
from strokeapp.records.blinding import check_free
from strokeapp.records.chain import hash_of
from strokeapp.records.codes import matches, new_code, split_code
from strokeapp.records.database import Database, stamp, utc_now
from strokeapp.records.order import places
from strokeapp.records.reader_study import (
    Access,
    CasePlan,
    CaseSource,
    Design,
    Reader,
    Study,
    StudyCase,
    StudyPlan,
    check_plan,
    reader_problem,
)
from strokeapp.records.seals import CODE, READER, seal
from strokeapp.types import Finding

_UNKNOWN_CODE = "This code is not known. Type it as it was shown, or ask the lead of the study for a new one."


def create_study(
    database: Database,
    plan: StudyPlan,
    cases: Sequence[CasePlan],
    readers: Sequence[str],
    *,
    lead: Access | None = None,
    now: datetime | None = None,
) -> tuple[Study, str, dict[str, str]]:
    """Store a study with its cases, readers and reading lists.

    Args:
        database: To write to.
        plan: Of the study.
        cases: In any order; readers get orders of their own.
        readers: Names.
        lead: Whom a code let in, of a study that runs on the same cases.
        now: Time of creation.

    Returns:
        The study, the lead's code and each reader's code. Codes are not stored: show them once.

    Raises:
        ReaderStudyError: The plan, a case or a name is impossible, or another's study runs on the cases.
        RecordsError: The database cannot be written.
    """
    cases, names = tuple(cases), tuple(readers)
    check_plan(plan, cases, names)
    created = stamp(now or utc_now())
    definition, hash_ = json.dumps(_plan_json(plan), sort_keys=True), _definition_hash(plan, cases, created)
    with database.writing() as connection:
        check_free(connection, cases, lead)
        row = connection.execute(
            "INSERT INTO study (definition, definition_hash, created_at) VALUES (?, ?, ?)", (definition, hash_, created)
        )
        study = Study(int(row.lastrowid or 0), plan, datetime.fromisoformat(created), hash_)
        case_ids = [_insert_case(connection, study.id, number, case) for number, case in enumerate(cases, 1)]
        lead_code = _issue(connection, study.id, None, created)
        codes = {
            name: _insert_reader(connection, study, number, name, case_ids, created)
            for number, name in enumerate(names, 1)
        }
    return study, lead_code, codes


def add_reader(database: Database, study: Study, name: str, *, now: datetime | None = None) -> str:
    """Add a reader with a list of their own and return the code to show once.

    Raises:
        ReaderStudyError: The name is taken or impossible.
        RecordsError: The database cannot be written.
    """
    with database.writing() as connection:
        names = [row["name"] for row in connection.execute("SELECT name FROM reader WHERE study = ?", (study.id,))]
        problem = reader_problem((*names, name))
        if problem:
            raise ReaderStudyError(problem)
        cases = connection.execute("SELECT id FROM study_case WHERE study = ? ORDER BY number", (study.id,))
        ids = [int(row["id"]) for row in cases]
        return _insert_reader(connection, study, len(names) + 1, name, ids, stamp(now or utc_now()))


def renew_code(database: Database, study: Study, reader: Reader, *, now: datetime | None = None) -> str:
    """Give a reader a new code; the old one opens nothing any more. Return it to be shown once."""
    with database.writing() as connection:
        return _issue(connection, study.id, reader.id, stamp(now or utc_now()))


def enter(database: Database, code: str) -> Access:
    """Return whom a code lets in.

    Raises:
        ReaderStudyError: The code is not known, or a newer one was given.
        RecordsError: The database cannot be read.
    """
    parts = split_code(code)
    if parts is None:
        raise ReaderStudyError(_UNKNOWN_CODE, code="unknown_code")
    public, secret = parts
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM access_code WHERE public = ?", (public,)).fetchone()
        if row is None or not matches(secret, row["salt"], row["hash"]):
            raise ReaderStudyError(_UNKNOWN_CODE, code="unknown_code")
        newest = connection.execute(
            "SELECT MAX(id) FROM access_code WHERE study = ? AND reader IS ?", (row["study"], row["reader"])
        ).fetchone()[0]
    if newest != row["id"]:
        raise ReaderStudyError("A newer code was given for this reader; use that one.", code="old_code")
    return Access(int(row["study"]), None if row["reader"] is None else int(row["reader"]))


def load_study(database: Database, study_id: int) -> Study:
    """Read a study.

    Raises:
        ReaderStudyError: There is no such study.
    """
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM study WHERE id = ?", (study_id,)).fetchone()
    if row is None:
        raise ReaderStudyError("This study is not in the records of this server.", code="unknown_study")
    plan = _plan_of(json.loads(row["definition"]))
    return Study(int(row["id"]), plan, datetime.fromisoformat(row["created_at"]), row["definition_hash"])


def load_cases(database: Database, study_id: int) -> tuple[StudyCase, ...]:
    """Read the cases of a study, in order of number."""
    with database.reading() as connection:
        rows = connection.execute("SELECT * FROM study_case WHERE study = ? ORDER BY number", (study_id,)).fetchall()
    return tuple(StudyCase(int(row["id"]), int(row["number"]), _case_of(row)) for row in rows)


def load_readers(database: Database, study_id: int) -> tuple[Reader, ...]:
    """Read the readers of a study, in order of number."""
    with database.reading() as connection:
        rows = connection.execute("SELECT * FROM reader WHERE study = ? ORDER BY number", (study_id,)).fetchall()
    return tuple(Reader(int(row["id"]), int(row["number"]), row["name"]) for row in rows)


def definition_holds(database: Database, study: Study) -> bool:
    """Tell whether plan, cases and truth are still those that were stored."""
    with database.reading() as connection:
        row = connection.execute("SELECT created_at FROM study WHERE id = ?", (study.id,)).fetchone()
    cases = tuple(case.plan for case in load_cases(database, study.id))
    return _definition_hash(study.plan, cases, row["created_at"]) == study.definition_hash


def _insert_case(connection: sqlite3.Connection, study: int, number: int, case: CasePlan) -> int:
    values = (study, number, case.name, case.source.value, json.dumps(case.paths), json.dumps(_truth_json(case.truth)))
    sql = "INSERT INTO study_case (study, number, name, source, paths, truth) VALUES (?, ?, ?, ?, ?, ?)"
    return int(connection.execute(sql, values).lastrowid or 0)


def _insert_reader(
    connection: sqlite3.Connection, study: Study, number: int, name: str, cases: Sequence[int], now: str
) -> str:
    row = connection.execute("INSERT INTO reader (study, number, name) VALUES (?, ?, ?)", (study.id, number, name))
    reader = int(row.lastrowid or 0)
    seal(connection, study.id, READER, reader)
    connection.executemany(
        "INSERT INTO slot (reader, session, position, study_case, aided) VALUES (?, ?, ?, ?, ?)",
        [
            (reader, place.session, place.position, cases[place.case - 1], int(place.aided))
            for place in places(study.plan, cases=len(cases), reader=number)
        ],
    )
    return _issue(connection, study.id, reader, now)


def _issue(connection: sqlite3.Connection, study: int, reader: int | None, now: str) -> str:
    code = new_code()
    row = connection.execute(
        "INSERT INTO access_code (study, reader, public, salt, hash, issued_at) VALUES (?, ?, ?, ?, ?, ?)",
        (study, reader, code.public, code.salt, code.hash, now),
    )
    seal(connection, study, CODE, int(row.lastrowid or 0))
    return code.text


def _definition_hash(plan: StudyPlan, cases: Sequence[CasePlan], created: str) -> str:
    listed = [
        {"name": c.name, "source": c.source.value, "paths": list(c.paths), "truth": _truth_json(c.truth)} for c in cases
    ]
    return hash_of({"plan": _plan_json(plan), "cases": listed, "created_at": created})


def _plan_json(plan: StudyPlan) -> dict[str, Any]:
    return {
        "title": plan.title,
        "questions": {finding.value: text for finding, text in plan.questions.items()},
        "design": plan.design.value,
        "washout_days": float(plan.washout_days),
        "positive_from": int(plan.positive_from),
        "seed": plan.seed,
    }


def _plan_of(stored: Mapping[str, Any]) -> StudyPlan:
    return StudyPlan(
        title=stored["title"],
        questions={
            finding: stored["questions"][finding.value] for finding in Finding if finding in stored["questions"]
        },
        design=Design(stored["design"]),
        washout_days=float(stored["washout_days"]),
        positive_from=Confidence(stored["positive_from"]),
        seed=int(stored["seed"]),
    )


def _truth_json(truth: Mapping[Finding, bool | None]) -> dict[str, bool | None]:
    return {finding.value: truth.get(finding) for finding in Finding}


def _case_of(row: sqlite3.Row) -> CasePlan:
    truth = json.loads(row["truth"])
    return CasePlan(
        row["name"],
        CaseSource(row["source"]),
        tuple(json.loads(row["paths"])),
        {finding: truth.get(finding.value) for finding in Finding},
    )
