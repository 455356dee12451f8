"""Records stay as they were written: the database refuses changes, and tampering is noticed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from factories_records import NOW, answer_all, cases, fill, plan

from strokeapp.errors import RecordsError
from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import (
    check_integrity,
    commit_answer,
    load_answers,
    load_slots,
    next_slot,
)
from strokeapp.records.database import Database
from strokeapp.records.network_store import load_results
from strokeapp.records.showing import note_opening
from strokeapp.records.study_repository import (
    create_study,
    enter,
    load_readers,
    load_study,
)
from strokeapp.types import Finding

TABLES = (
    "study",
    "study_case",
    "reader",
    "access_code",
    "slot",
    "opening",
    "closing",
    "answer",
    "network_result",
    "seal",
)


@pytest.mark.parametrize("table", TABLES)
def test_rows_can_neither_be_changed_nor_removed_nor_replaced(database: Database, table: str) -> None:
    fill(database)
    raw = sqlite3.connect(database.path)
    before = raw.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
    for sql in (
        f"UPDATE {table} SET id = id",
        f"DELETE FROM {table}",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(sql)
    assert raw.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() == before != []
    raw.close()


def unique_keys(raw: sqlite3.Connection, table: str) -> list[tuple[str, ...]]:
    indices = [row[1] for row in raw.execute(f"PRAGMA index_list({table})") if row[2]]
    return [tuple(row[2] for row in raw.execute(f"PRAGMA index_info({index})")) for index in indices]


def replace_by(raw: sqlite3.Connection, table: str, key: tuple[str, ...]) -> None:
    """Replace the last row of a table by one that shares with it this key and no other."""
    cursor = raw.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1")
    row = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    others = {name for other in unique_keys(raw, table) for name in other} - set(key)
    for name in others:
        row[name] = row[name] + (9000 if isinstance(row[name], int) else "x")
    row["id"] = None
    raw.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
    )


def test_every_unique_key_of_every_table_is_guarded_against_replacing(database: Database) -> None:
    fill(database)
    raw = sqlite3.connect(database.path)  # as any other program opens it: recursive triggers are off
    assert {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == set(TABLES)
    keys = [(table, key) for table in TABLES for key in unique_keys(raw, table)]
    assert ("answer", ("study", "previous_hash")) in keys and ("slot", ("reader", "session", "position")) in keys
    for table, key in keys:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            replace_by(raw, table, key)
    raw.close()


def tamper(database: Database, statement: str) -> None:
    """Change a file of records as somebody would who can write to it: past every trigger."""
    raw = sqlite3.connect(database.path)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(statement)
    raw.commit()
    raw.close()


@pytest.mark.parametrize(
    ("tampering", "definition_holds", "broken_at"),
    [
        ("UPDATE answer SET confidences = REPLACE(confidences, '5', '1') WHERE id = 2", True, 2),
        ("UPDATE answer SET committed_at = REPLACE(committed_at, '2024', '2023') WHERE id = 3", True, 3),
        ("DELETE FROM answer WHERE id = 2", True, 2),
        ("UPDATE slot SET aided = 1 WHERE id = (SELECT slot FROM answer WHERE id = 4)", True, 4),
        ("UPDATE study_case SET truth = REPLACE(truth, 'true', 'false') WHERE number = 1", False, None),
    ],
)
def test_tampering_past_the_triggers_is_noticed(
    database: Database, tampering: str, definition_holds: bool, broken_at: int | None
) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A"], now=NOW)
    answer_all(database, study, load_readers(database, study.id)[0])
    assert check_integrity(database, study).sound
    tamper(database, tampering)
    found = check_integrity(database, study)
    assert not found.sound
    assert (found.definition_holds, found.broken_at) == (definition_holds, broken_at)
    assert found.seals.hold


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE network_result SET reading = REPLACE(reading, '0.8', '0.1') WHERE id = 1",
        "UPDATE network_result SET maps = X'00' WHERE id = 2",
        "DELETE FROM network_result WHERE id = 2",
        "INSERT INTO network_result (study_case, message, read_at) VALUES (3, '', '')",
        "UPDATE reader SET name = 'C' WHERE name = 'A'",
        "INSERT INTO access_code (study, reader, public, salt, hash, issued_at) "
        "SELECT study, reader, 'AAAAA', salt, hash, issued_at FROM access_code WHERE id = 2",
        "DELETE FROM seal WHERE id = (SELECT MAX(id) FROM seal)",
    ],
)
def test_tampering_with_readers_codes_and_network_results_is_noticed(database: Database, tampering: str) -> None:
    study = fill(database)
    assert check_integrity(database, study).sound
    tamper(database, tampering)
    found = check_integrity(database, study)
    assert not found.sound and not found.seals.hold
    assert (found.definition_holds, found.broken_at) == (True, None)


def test_records_of_version_1_are_read_guarded_and_sealed_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"
    raw = sqlite3.connect(path)
    raw.executescript(Path(__file__).with_name("records_version_1.sql").read_text(encoding="utf-8"))
    raw.close()
    database = Database(path)
    assert enter(database, "SP8ZA-3F49Y-F7BUB-MQ7JZ").is_lead
    study = load_study(database, 1)
    found = check_integrity(database, study)
    assert found.sound and (found.answers, found.seals.count) == (1, 4)
    (answer,) = load_answers(database, study.id)
    assert (answer.seconds, answer.openings, answer.untimed) == (20.0, 2, 1)
    (result,) = load_results(database, study.id).values()
    assert result.reading.findings[Finding.HEMORRHAGIC].probability == 0.8
    (reader,) = load_readers(database, study.id)
    slot = next_slot(load_slots(database, reader.id))
    note_opening(database, slot)
    commit_answer(database, study, reader.id, slot, {Finding.HEMORRHAGIC: Confidence.UNCERTAIN})
    assert check_integrity(Database(path), study).sound
    raw = sqlite3.connect(path)
    for table, key in [(name, key) for name in TABLES if name != "closing" for key in unique_keys(raw, name)]:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            replace_by(raw, table, key)
    raw.close()


def test_a_damaged_or_foreign_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"
    path.write_bytes(b"this is no database, but a letter of some length" * 100)
    with pytest.raises(RecordsError):
        load_study(Database(path), 1)
    other = tmp_path / "other.sqlite3"
    raw = sqlite3.connect(other)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(RecordsError, match="another version"):
        load_study(Database(other), 1)
