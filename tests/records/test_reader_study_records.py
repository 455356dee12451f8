"""The records of reader studies: what is stored, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories_records import BOTH, NOW, answer_all, cases, plan

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
from strokeapp.records.codes import new_code, split_code
from strokeapp.records.database import Database
from strokeapp.records.export import answer_table, network_table
from strokeapp.records.reader_study import CasePlan, CaseSource, Design
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
from strokeapp.types import Finding


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
