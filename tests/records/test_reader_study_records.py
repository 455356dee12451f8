"""The records of reader studies: what is stored, what is refused, and that tampering is noticed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from strokeapp.errors import ReaderStudyError, RecordsError
from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import (
    check_integrity,
    commit_answer,
    load_answers,
    load_slots,
    next_slot,
    opens_at,
)
from strokeapp.records.blinding import case_users, folder_users, may_use
from strokeapp.records.codes import new_code, split_code
from strokeapp.records.database import Database
from strokeapp.records.export import answer_table, network_table
from strokeapp.records.network_store import load_results, store_result
from strokeapp.records.reader_study import CasePlan, CaseSource, Design, StudyPlan
from strokeapp.records.showing import note_closing, note_opening
from strokeapp.records.study_repository import (
    add_reader,
    create_study,
    enter,
    load_cases,
    load_readers,
    load_study,
    renew_code,
)
from strokeapp.types import Finding, FindingResult, Reading, SliceReading

NOW = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
QUESTIONS = {Finding.HEMORRHAGIC: "Is there a bleed?", Finding.ISCHEMIC: "Is there an infarct?"}
BOTH = {Finding.HEMORRHAGIC: Confidence.DEFINITELY_PRESENT, Finding.ISCHEMIC: Confidence.PROBABLY_ABSENT}


def cases(count: int = 4, folder: str = "set") -> list[CasePlan]:
    return [
        CasePlan(
            f"case {k}",
            CaseSource.FOLDER,
            (f"{folder}/{k}",),
            {Finding.HEMORRHAGIC: k % 2 == 0, Finding.ISCHEMIC: None},
        )
        if k
        else CasePlan("case 0", CaseSource.FOLDER, (f"{folder}/0",), dict.fromkeys(Finding, True))
        for k in range(count)
    ]


def plan(**changes: object) -> StudyPlan:
    return StudyPlan(**{"title": "Pilot", "questions": QUESTIONS, **changes})


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "deep" / "records.sqlite3")


def answer_all(database: Database, study, reader, *, session: int = 1, start: datetime = NOW) -> datetime:
    moment = start
    for slot in load_slots(database, reader.id):
        if slot.session == session:
            note_opening(database, slot, now=moment)
            moment += timedelta(seconds=30)
            commit_answer(database, study, reader.id, slot, BOTH, now=moment)
    return moment


def test_a_study_comes_back_as_it_was_made(database: Database) -> None:
    made, _, codes = create_study(
        database, plan(design=Design.SEQUENTIAL, washout_days=28, seed=7), cases(), ["A", "B"], now=NOW
    )
    study = load_study(Database(database.path), made.id)
    assert study == made and study.plan.design is Design.SEQUENTIAL
    assert [case.plan for case in load_cases(database, study.id)] == cases()
    assert [reader.name for reader in load_readers(database, study.id)] == ["A", "B"] == list(codes)


def test_codes_let_in_whom_they_belong_to_and_are_not_stored(database: Database) -> None:
    study, lead, codes = create_study(database, plan(), cases(), ["A", "B"])
    a, b = load_readers(database, study.id)
    assert enter(database, lead).is_lead
    assert enter(database, codes["A"].lower().replace("-", " ")).reader_id == a.id
    assert enter(database, codes["B"]).reader_id == b.id
    raw = b"".join(path.read_bytes() for path in database.path.parent.iterdir())
    for code in (lead, *codes.values()):
        public, secret = split_code(code)
        assert secret.encode() not in raw and code.encode() not in raw
    for wrong in ("", "nonsense", lead[:-1] + ("2" if lead[-1] != "2" else "3"), new_code().text):
        with pytest.raises(ReaderStudyError, match="not known"):
            enter(database, wrong)


def test_a_new_code_closes_the_old_one(database: Database) -> None:
    study, lead, codes = create_study(database, plan(), cases(), ["A"])
    (reader,) = load_readers(database, study.id)
    fresh = renew_code(database, study, reader)
    assert enter(database, fresh).reader_id == reader.id
    with pytest.raises(ReaderStudyError, match="newer"):
        enter(database, codes["A"])
    assert enter(database, lead).is_lead


def test_orders_differ_by_reader_and_come_back_by_seed(database: Database) -> None:
    def order(seed: int, folder: str) -> list[list[int]]:
        study, _, _ = create_study(database, plan(seed=seed, design=Design.SEQUENTIAL), cases(12, folder), ["A", "B"])
        first = load_cases(database, study.id)[0].id
        return [[slot.case_id - first for slot in load_slots(database, r.id)] for r in load_readers(database, study.id)]

    one, again, other = order(3, "a"), order(3, "b"), order(4, "c")
    assert one == again and one != other
    assert one[0] != one[1]
    for both in one:
        assert sorted(both[:12]) == sorted(both[12:]) == list(range(12))
        assert both[:12] != both[12:]


def test_sequential_reads_unaided_first_and_crossed_halves_change_places(database: Database) -> None:
    study, _, _ = create_study(database, plan(design=Design.SEQUENTIAL), cases(), ["A"])
    slots = load_slots(database, load_readers(database, study.id)[0].id)
    assert {(slot.session, slot.aided) for slot in slots} == {(1, False), (2, True)}
    study, _, _ = create_study(database, plan(design=Design.CROSSED), cases(folder="other"), ["A", "B"])
    aided = []
    for reader in load_readers(database, study.id):
        slots = load_slots(database, reader.id)
        for case in {slot.case_id for slot in slots}:
            assert sorted(slot.aided for slot in slots if slot.case_id == case) == [False, True]
        aided.append({slot.case_id for slot in slots if slot.session == 1 and slot.aided})
    assert len(aided[0]) == len(aided[1]) == 2 and not aided[0] & aided[1]


def test_readers_resume_where_they_stopped(database: Database) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A"])
    (reader,) = load_readers(database, study.id)
    first = next_slot(load_slots(database, reader.id))
    note_opening(database, first, now=NOW)
    note_opening(database, first, now=NOW + timedelta(minutes=10))
    commit_answer(database, study, reader.id, first, BOTH, now=NOW + timedelta(minutes=10, seconds=42))
    assert next_slot(load_slots(Database(database.path), reader.id)).position == 2
    (answer,) = load_answers(database, study.id)
    assert (answer.seconds, answer.openings, answer.untimed) == (42.0, 2, 1)
    assert answer.committed_at.utcoffset() == timedelta(0)
    assert answer.confidences == BOTH


def test_time_per_case_is_the_time_on_show_over_all_openings(database: Database) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A"])
    (reader,) = load_readers(database, study.id)
    first, second = load_slots(database, reader.id)[:2]
    opening = note_opening(database, first, now=NOW)
    note_closing(database, opening, now=NOW + timedelta(seconds=70))
    note_opening(database, first, now=NOW + timedelta(minutes=30))
    commit_answer(database, study, reader.id, first, BOTH, now=NOW + timedelta(minutes=30, seconds=5))
    one = note_opening(database, second, now=NOW + timedelta(hours=1))
    note_opening(database, second, now=NOW + timedelta(hours=1, seconds=10))  # in another window
    note_closing(database, one, now=NOW + timedelta(hours=1, seconds=30))
    commit_answer(database, study, reader.id, second, BOTH, now=NOW + timedelta(hours=1, seconds=40))
    found = [(answer.seconds, answer.openings, answer.untimed) for answer in load_answers(database, study.id)]
    assert found == [(75.0, 2, 0), (40.0, 2, 0)]
    with pytest.raises(RecordsError):
        note_closing(database, opening)


def test_answers_out_of_turn_are_refused(database: Database) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A", "B"])
    a, b = load_readers(database, study.id)
    slots = load_slots(database, a.id)
    with pytest.raises(ReaderStudyError, match="not shown"):
        commit_answer(database, study, a.id, slots[0], BOTH)
    for slot in slots:
        note_opening(database, slot)
    with pytest.raises(ReaderStudyError, match="every question"):
        commit_answer(database, study, a.id, slots[0], {Finding.HEMORRHAGIC: Confidence.UNCERTAIN})
    with pytest.raises(ReaderStudyError, match="answered already"):
        commit_answer(database, study, a.id, slots[1], BOTH)
    with pytest.raises(ReaderStudyError, match="answered already"):
        commit_answer(database, study, b.id, slots[0], BOTH)
    commit_answer(database, study, a.id, slots[0], BOTH)
    with pytest.raises(ReaderStudyError, match="cannot be changed"):
        commit_answer(database, study, a.id, slots[0], BOTH)
    assert len(load_answers(database, study.id)) == 1


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of cases: a set, a link to it, a copy of it, and a set that links to one case of it."""
    monkeypatch.setenv("STROKEAPP_DATA", str(tmp_path / "data"))
    root = tmp_path / "data" / "cases"
    for name in ("set", "copy", "half"):
        for k in range(4):
            (root / name / str(k)).mkdir(parents=True)
    (root / "alias").symlink_to(root / "set")
    (root / "half" / "3").rmdir()
    (root / "half" / "3").symlink_to(root / "set" / "0")
    return root


@pytest.mark.parametrize("folder", ["set", "alias", "half"])
def test_cases_of_a_study_that_runs_are_free_only_to_its_lead(database: Database, root: Path, folder: str) -> None:
    study, lead, codes = create_study(database, plan(), cases(2), ["A"], now=NOW)
    others = cases(4, folder)[-2:]  # other cases of the same folder, or a link to one of its cases
    asked = plan(questions={Finding.HEMORRHAGIC: "Is there a bleed?"})
    _, foreign, _ = create_study(database, plan(), cases(4, "copy"), ["B"])
    for code in (None, codes["A"], foreign):
        who = None if code is None else enter(database, code)
        with pytest.raises(ReaderStudyError, match="a study that runs"):
            create_study(database, asked, others, ["A"], lead=who)
        assert not may_use(case_users(database, others), who)
    assert folder_users(database, "set") == folder_users(database, "alias") == {study.id}
    assert folder_users(database, "nowhere") == case_users(database, cases(4, "nowhere")) == frozenset()
    create_study(database, asked, others, ["C"], lead=enter(database, lead))


def test_cases_are_free_again_when_all_readers_have_finished(database: Database, root: Path) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A", "B"], now=NOW)
    for reader in load_readers(database, study.id):
        assert folder_users(database, "set") == {study.id}
        answer_all(database, study, reader)
    assert folder_users(database, "set") == frozenset()
    create_study(database, plan(), cases(), ["C"])
    assert folder_users(database, "set") == {study.id + 1}


def test_second_session_waits_for_the_washout(database: Database) -> None:
    study, _, _ = create_study(database, plan(design=Design.SEQUENTIAL, washout_days=14), cases(), ["A"])
    (reader,) = load_readers(database, study.id)
    with pytest.raises(ReaderStudyError, match="not finished"):
        opens_at(database, study, reader.id, 2)
    end = answer_all(database, study, reader)
    assert opens_at(database, study, reader.id, 2) == end + timedelta(days=14)
    slot = next_slot(load_slots(database, reader.id))
    note_opening(database, slot, now=end)
    with pytest.raises(ReaderStudyError, match="not open yet"):
        commit_answer(database, study, reader.id, slot, BOTH, now=end + timedelta(days=13))
    answer_all(database, study, reader, session=2, start=end + timedelta(days=15))
    assert next_slot(load_slots(database, reader.id)) is None


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


def reading(probability: float = 0.8) -> Reading:
    maps = {Finding.HEMORRHAGIC: np.zeros((1, 4, 4), np.uint8)}
    return Reading(
        "net", "1", {Finding.HEMORRHAGIC: FindingResult(probability, 0.3)}, (SliceReading(0, 0.8, None),), maps
    )


def fill(database: Database):
    """Make a study that has rows in every table."""
    study, _, _ = create_study(database, plan(), cases(), ["A", "B"], now=NOW)
    reader = load_readers(database, study.id)[0]
    note_closing(database, note_opening(database, load_slots(database, reader.id)[0], now=NOW), now=NOW)
    answer_all(database, study, reader)
    for case in load_cases(database, study.id)[:2]:
        store_result(database, case.id, reading())
    return study


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


def test_a_reader_can_join_later_with_a_list_of_their_own(database: Database) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A"])
    code = add_reader(database, study, "Late")
    late = load_readers(database, study.id)[1]
    assert enter(database, code).reader_id == late.id
    assert len(load_slots(database, late.id)) == 4
    with pytest.raises(ReaderStudyError, match="same name"):
        add_reader(database, study, "late")
    assert check_integrity(database, study).definition_holds


def test_tables_for_export_hold_every_answer_and_unknown_truth_stays_unknown(database: Database) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A", "B"], now=NOW)
    for reader in load_readers(database, study.id):
        answer_all(database, study, reader)
    table = answer_table(database, study)
    assert len(table) == 2 * 4 * 2
    assert (table["seconds"] == 30).all()
    assert table.groupby("finding")["truth"].apply(lambda column: column.isna().sum()).to_dict() == {
        "hemorrhagic": 0,
        "ischemic": 6,
    }
    network = network_table(database, study)
    assert len(network) == 8 and network["probability"].isna().all()
    assert set(network["note"]) == {"not read yet"}


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        ({"title": " "}, ["A"], "title"),
        ({"questions": {}}, ["A"], "at least one finding"),
        ({"washout_days": -1}, ["A"], "washout"),
        ({}, [], "at least one reader"),
        ({}, ["A", "a"], "same name"),
    ],
)
def test_impossible_plans_are_refused_and_leave_nothing(database: Database, changes, names, message) -> None:
    with pytest.raises(ReaderStudyError, match=message):
        create_study(database, plan(**changes), cases(), names)
    with pytest.raises(ReaderStudyError, match="not in the records"):
        load_study(database, 1)


def test_cases_without_any_truth_are_refused(database: Database) -> None:
    unknown = [CasePlan("x", CaseSource.FOLDER, ("set/x",), dict.fromkeys(Finding))]
    with pytest.raises(ReaderStudyError, match="finding asked about"):
        create_study(database, plan(), unknown, ["A"])
    with pytest.raises(ReaderStudyError, match="at least two cases"):
        create_study(database, plan(design=Design.CROSSED), cases(1), ["A"])


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
