"""Keep the cases of a study that runs from anybody but its lead.

A study runs as long as one of its readers has a reading to do. Until then nobody but a lead of it may make another
study on its cases, which would show their truth and the network's readings: neither on the same files, nor on others
of the same folder below the folder of cases, whatever links lead there. Demonstration studies are left out: what they
show is said where they are opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from strokeapp.errors import ReaderStudyError
from strokeapp.records.database import Database
from strokeapp.records.location import cases_folder
from strokeapp.records.reader_study import Access, CasePlan, CaseSource

IN_USE = (
    "These cases are being read in a study that runs. Until all its readers have finished, only the lead of that study "
    "sees their names and truth and may use them again."
)
_RUNNING = """
SELECT study, paths FROM study_case WHERE source = ? AND study IN (
    SELECT reader.study FROM slot JOIN reader ON reader.id = slot.reader
    WHERE slot.id NOT IN (SELECT slot FROM answer)
)
"""


def folder_users(database: Database, name: str) -> frozenset[int]:
    """Return the studies that run on a folder below the folder of cases.

    Args:
        database: To read.
        name: Of the folder.
    """
    with database.reading() as connection:
        return _users(connection, [name])


def case_users(database: Database, cases: Iterable[CasePlan]) -> frozenset[int]:
    """Return the studies that run on any of these cases, or on others of their folders."""
    with database.reading() as connection:
        return _users(connection, _paths(cases))


def check_free(connection: sqlite3.Connection, cases: Iterable[CasePlan], lead: Access | None) -> None:
    """Check that cases may be used for a new study.

    Args:
        connection: To read with, inside the transaction that makes the study.
        cases: Of the new study.
        lead: Whose code was given, or None.

    Raises:
        ReaderStudyError: A study runs on them, and the code is not its lead's.
    """
    if not may_use(_users(connection, _paths(cases)), lead):
        raise ReaderStudyError(IN_USE, code="cases_in_use")


def may_use(users: frozenset[int], lead: Access | None) -> bool:
    """Tell whether whoever gave a code may see and use what these studies run on: the lead of one of them."""
    return not users or (lead is not None and lead.is_lead and lead.study_id in users)


def _paths(cases: Iterable[CasePlan]) -> list[str]:
    return [path for case in cases if case.source is CaseSource.FOLDER for path in case.paths]


def _users(connection: sqlite3.Connection, paths: Iterable[str]) -> frozenset[int]:
    running = connection.execute(_RUNNING, (CaseSource.FOLDER.value,)).fetchall()
    if not running:
        return frozenset()
    asked = _places(paths)
    above = {parent for place in asked for parent in place.parents}
    found = set()
    for row in running:
        for place in _places(json.loads(row["paths"])):
            if place in asked or place in above or not asked.isdisjoint(place.parents):
                found.add(int(row["study"]))
                break
    return frozenset(found)


def _places(paths: Iterable[str]) -> set[Path]:
    """Return where paths below the folder of cases lead, and their folders directly below it; links are followed."""
    root, folders, found = cases_folder(), set(), set()
    for path in paths:
        folders.add(PurePosixPath(path).parts[0])
        found.add((root / path).resolve())
    return found | {(root / name).resolve() for name in folders}
