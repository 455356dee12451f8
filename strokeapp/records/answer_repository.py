"""Store and find answers: time-stamped, chained by hashes, never changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from strokeapp.errors import ReaderStudyError
from strokeapp.performance.readers import Confidence
from strokeapp.records.chain import Link, first_broken, hash_of
from strokeapp.records.database import Database, stamp, utc_now
from strokeapp.records.reader_study import Slot, Study
from strokeapp.records.seals import Seals, check_seals
from strokeapp.records.showing import Shown, shown_until
from strokeapp.records.study_repository import definition_holds
from strokeapp.types import Finding


@dataclass(frozen=True)
class Answer:
    """Hold one committed answer.

    Args:
        reader, case_id, session, aided: What was read by whom and how.
        confidences: Per finding.
        opened_at: When the picture was last put on show before the answer, UTC.
        committed_at: UTC.
        openings: How often the picture was put on show; more than once = interrupted.
        seconds: How long the picture was on show before the answer, over all openings whose end is known.
        untimed: Openings whose end is not known, as after a reload; their time is not in ``seconds``.
    """

    reader: int
    case_id: int
    session: int
    aided: bool
    confidences: Mapping[Finding, Confidence]
    opened_at: datetime
    committed_at: datetime
    openings: int
    seconds: float
    untimed: int


@dataclass(frozen=True, slots=True)
class Integrity:
    """Say whether the records of a study are as they were written.

    Args:
        definition_holds: Plan, cases and truth are unchanged.
        broken_at: Number of the first answer that does not follow from the one before, from 1; None = all do.
        answers: Number of answers.
        head: Hash of the last one. Written down elsewhere, it also shows that none was cut off at the end.
        seals: Whether readers, access codes and the network's results are unchanged; its head serves as the other.
    """

    definition_holds: bool
    broken_at: int | None
    answers: int
    head: str
    seals: Seals

    @property
    def sound(self) -> bool:
        """Tell whether nothing was changed."""
        return self.definition_holds and self.broken_at is None and self.seals.hold


def load_slots(database: Database, reader_id: int) -> tuple[Slot, ...]:
    """Read a reader's list, in order of session and position."""
    sql = (
        "SELECT slot.*, answer.id IS NOT NULL AS answered FROM slot LEFT JOIN answer ON answer.slot = slot.id "
        "WHERE reader = ? ORDER BY session, position"
    )
    with database.reading() as connection:
        return tuple(_slot(row) for row in connection.execute(sql, (reader_id,)))


def next_slot(slots: tuple[Slot, ...]) -> Slot | None:
    """Return what comes next; None when all is answered."""
    return next((slot for slot in slots if not slot.answered), None)


def opens_at(database: Database, study: Study, reader_id: int, session: int) -> datetime | None:
    """Return when a session may begin, or None where nothing holds it back any more.

    Raises:
        ReaderStudyError: The session before it is not finished.
    """
    if session == 1:
        return None
    if any(not slot.answered for slot in load_slots(database, reader_id) if slot.session < session):
        raise ReaderStudyError("The session before is not finished.", code="session_closed")
    sql = (
        "SELECT MAX(committed_at) AS last FROM answer JOIN slot ON slot.id = answer.slot "
        "WHERE slot.reader = ? AND slot.session < ?"
    )
    with database.reading() as connection:
        last = connection.execute(sql, (reader_id, session)).fetchone()["last"]
    return datetime.fromisoformat(last) + timedelta(days=study.plan.washout_days)


def commit_answer(
    database: Database,
    study: Study,
    reader_id: int,
    slot: Slot,
    confidences: Mapping[Finding, Confidence],
    *,
    now: datetime | None = None,
) -> None:
    """Store an answer for good.

    Args:
        database: To write to.
        study: Of the reader.
        reader_id: Who answers.
        slot: The next on the reader's list.
        confidences: One per question of the study.
        now: Time of the answer.

    Raises:
        ReaderStudyError: The slot is not next, was answered, its session is closed, its picture was never put on
            show, or a confidence is missing.
        RecordsError: The database cannot be written.
    """
    if set(confidences) != set(study.plan.questions):
        raise ReaderStudyError("Answer every question before you commit.", code="incomplete_answer")
    moment = now or utc_now()
    opening_time = opens_at(database, study, reader_id, slot.session)
    if opening_time is not None and moment < opening_time:
        raise ReaderStudyError("This session is not open yet.", code="session_closed")
    with database.writing() as connection:
        _check_next(connection, reader_id, slot)
        shown = shown_until(connection, slot, moment)
        if not shown.openings:
            raise ReaderStudyError("The picture of this case was not shown yet.", code="never_opened")
        _append(connection, study, slot, confidences, shown, stamp(moment))


def load_answers(database: Database, study_id: int) -> tuple[Answer, ...]:
    """Read the answers of a study, in order of writing."""
    with database.reading() as connection:
        rows = connection.execute(_ANSWERS, (study_id,)).fetchall()
    return tuple(_answer(row) for row in rows)


def check_integrity(database: Database, study: Study) -> Integrity:
    """Compute all hashes anew and compare them with the stored ones."""
    with database.reading() as connection:
        rows = connection.execute(_ANSWERS, (study.id,)).fetchall()
        seals = check_seals(connection, study.id, study.definition_hash)
    links = [Link(_content(row), row["previous_hash"], row["hash"]) for row in rows]
    broken = first_broken(links, study.definition_hash)
    head = links[-1].hash if links else study.definition_hash
    return Integrity(definition_holds(database, study), None if broken is None else broken + 1, len(links), head, seals)


_ANSWERS = (
    "SELECT answer.*, slot.reader, slot.session, slot.position, slot.study_case, slot.aided FROM answer "
    "JOIN slot ON slot.id = answer.slot WHERE answer.study = ? ORDER BY answer.id"
)
_HASHED = ("study", "slot", "confidences", "openings", "opened_at", "committed_at")
_HASHED_SINCE_2 = ("seconds", "untimed")
_HASHED_OF_SLOT = ("reader", "session", "position", "study_case", "aided")


def _check_next(connection: sqlite3.Connection, reader_id: int, slot: Slot) -> None:
    row = connection.execute(
        "SELECT id FROM slot WHERE reader = ? AND id NOT IN (SELECT slot FROM answer) "
        "ORDER BY session, position LIMIT 1",
        (reader_id,),
    ).fetchone()
    if row is None or row["id"] != slot.id:
        message = "This case was answered already, perhaps in another window. Answers cannot be changed."
        raise ReaderStudyError(message, code="not_next")


def _append(
    connection: sqlite3.Connection,
    study: Study,
    slot: Slot,
    confidences: Mapping[Finding, Confidence],
    shown: Shown,
    committed_at: str,
) -> None:
    last = connection.execute(
        "SELECT hash FROM answer WHERE study = ? ORDER BY id DESC LIMIT 1", (study.id,)
    ).fetchone()
    previous = study.definition_hash if last is None else last["hash"]
    written = json.dumps({finding.value: int(value) for finding, value in confidences.items()}, sort_keys=True)
    of_slot = connection.execute("SELECT *, id AS slot FROM slot WHERE id = ?", (slot.id,)).fetchone()
    values = (study.id, slot.id, written, shown.openings, shown.opened_at, committed_at, shown.seconds, shown.untimed)
    names = (*_HASHED, *_HASHED_SINCE_2)
    content = dict(zip(names, values, strict=True)) | {name: of_slot[name] for name in _HASHED_OF_SLOT}
    connection.execute(
        f"INSERT INTO answer ({', '.join(names)}, previous_hash, hash) VALUES ({', '.join('?' * len(names))}, ?, ?)",
        (*values, previous, hash_of(content, previous)),
    )


def _content(row: sqlite3.Row) -> dict[str, object]:
    """Return what the hash of an answer covers; one of version 1 of the records has no times but its two moments."""
    since = _HASHED_SINCE_2 if any(row[name] is not None for name in _HASHED_SINCE_2) else ()
    return {name: row[name] for name in (*_HASHED, *since, *_HASHED_OF_SLOT)}


def _slot(row: sqlite3.Row) -> Slot:
    return Slot(
        int(row["id"]), int(row["session"]), int(row["position"]), int(row["study_case"]), bool(row["aided"]),
        bool(row["answered"]),
    )  # fmt: skip


def _answer(row: sqlite3.Row) -> Answer:
    stored, openings = json.loads(row["confidences"]), int(row["openings"])
    opened_at, committed_at = (datetime.fromisoformat(row[name]) for name in ("opened_at", "committed_at"))
    seconds, untimed = row["seconds"], row["untimed"]
    if seconds is None:  # version 1 of the records timed the last opening only
        seconds, untimed = (committed_at - opened_at).total_seconds(), openings - 1
    return Answer(
        reader=int(row["reader"]),
        case_id=int(row["study_case"]),
        session=int(row["session"]),
        aided=bool(row["aided"]),
        confidences={finding: Confidence(stored[finding.value]) for finding in Finding if finding.value in stored},
        opened_at=opened_at,
        committed_at=committed_at,
        openings=openings,
        seconds=float(seconds),
        untimed=int(untimed),
    )
