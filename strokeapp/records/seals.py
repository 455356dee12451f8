"""Chain what is stored beside the answers: readers, access codes and the network's results.

Each row that is added gets a seal: SHA-256 over the row and the seal before it, the first over the study's definition.
A row without a seal, a seal without a row, or a row that is not what was sealed breaks the chain.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strokeapp.records.chain import Link, first_broken, hash_of

READER, CODE, RESULT = "reader", "access_code", "network_result"
_ROWS = {
    READER: "SELECT reader.* FROM reader WHERE study = ?",
    CODE: "SELECT access_code.* FROM access_code WHERE study = ?",
    RESULT: "SELECT network_result.* FROM network_result JOIN study_case ON study_case.id = study_case WHERE study = ?",
}


@dataclass(frozen=True, slots=True)
class Seals:
    """Say whether readers, access codes and the network's results of a study are as they were stored.

    Args:
        hold: All of them are.
        count: Number of seals.
        head: Hash of the last one.
    """

    hold: bool
    count: int
    head: str


def seal(connection: sqlite3.Connection, study: int, subject: str, row: int) -> None:
    """Seal a row that was just added, in the same transaction.

    Args:
        connection: Inside a transaction.
        study: To which the row belongs.
        subject: Its table: ``READER``, ``CODE`` or ``RESULT``.
        row: Its id.
    """
    last = connection.execute("SELECT hash FROM seal WHERE study = ? ORDER BY id DESC LIMIT 1", (study,)).fetchone()
    start = connection.execute("SELECT definition_hash FROM study WHERE id = ?", (study,)).fetchone()
    previous = str((last or start)[0])
    stored = connection.execute(f"SELECT * FROM {subject} WHERE id = ?", (row,)).fetchone()
    connection.execute(
        "INSERT INTO seal (study, subject, row, previous_hash, hash) VALUES (?, ?, ?, ?, ?)",
        (study, subject, row, previous, hash_of(_content(subject, stored), previous)),
    )


def seal_all(connection: sqlite3.Connection) -> None:
    """Seal every row that has no seal yet, as it is found: for records of a version that made none."""
    for study in [int(row[0]) for row in connection.execute("SELECT id FROM study ORDER BY id")]:
        for subject, sql in _ROWS.items():
            bare = f"{sql} AND {subject}.id NOT IN (SELECT row FROM seal WHERE subject = ?) ORDER BY {subject}.id"
            for row in [int(found["id"]) for found in connection.execute(bare, (study, subject))]:
                seal(connection, study, subject, row)


def check_seals(connection: sqlite3.Connection, study: int, start: str) -> Seals:
    """Compute all seals of a study anew and compare them with the stored ones.

    Args:
        connection: To read with.
        study: Whose rows.
        start: Hash of its definition, with which the chain begins.
    """
    rows = connection.execute("SELECT * FROM seal WHERE study = ? ORDER BY id", (study,)).fetchall()
    contents = {(subject, row): digest for subject, row, digest in _contents(connection, study)}
    sealed = [(row["subject"], int(row["row"])) for row in rows]
    links = [
        Link(contents.get(key, {}), row["previous_hash"], row["hash"]) for key, row in zip(sealed, rows, strict=True)
    ]
    hold = set(sealed) == set(contents) and first_broken(links, start) is None
    return Seals(hold, len(rows), rows[-1]["hash"] if rows else start)


def _contents(connection: sqlite3.Connection, study: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for subject, sql in _ROWS.items():
        for row in connection.execute(sql, (study,)):
            yield subject, int(row["id"]), _content(subject, row)


def _content(subject: str, row: sqlite3.Row) -> dict[str, Any]:
    """Return what a seal covers: the table's name and every column, bytes by their SHA-256."""
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - iterating a row gives its values
    return {"subject": subject} | {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value for name, value in values.items()
    }
