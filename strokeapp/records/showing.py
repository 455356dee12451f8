"""Store when a picture was put on show and hidden, and tell how long it was on show."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from strokeapp.records.database import Database, stamp, utc_now
from strokeapp.records.reader_study import Slot


@dataclass(frozen=True, slots=True)
class Opening:
    """Hold that a picture was put on show.

    Args:
        id: Of the row.
        opened_at: UTC.
    """

    id: int
    opened_at: datetime


class Shown(NamedTuple):
    """Say when and how long a picture was on show before an answer.

    Args:
        openings: How often it was put on show.
        opened_at: When it last was, as stored; empty where it never was.
        seconds: How long it was on show, over all openings whose end is known.
        untimed: Openings whose end is not known.
    """

    openings: int
    opened_at: str
    seconds: float
    untimed: int


def note_opening(database: Database, slot: Slot, *, now: datetime | None = None) -> Opening:
    """Store that a picture was put on show, and return when: the time per case begins to count.

    Raises:
        RecordsError: The database cannot be written.
    """
    moment = stamp(now or utc_now())
    with database.writing() as connection:
        row = connection.execute("INSERT INTO opening (slot, opened_at) VALUES (?, ?)", (slot.id, moment))
    return Opening(int(row.lastrowid or 0), datetime.fromisoformat(moment))


def note_closing(database: Database, opening: Opening, *, now: datetime | None = None) -> None:
    """Store that the picture was hidden: the time per case stands still until it is opened again.

    Raises:
        RecordsError: The opening was closed already, or the database cannot be written.
    """
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO closing (opening, closed_at) VALUES (?, ?)", (opening.id, stamp(now or utc_now()))
        )


def shown_until(connection: sqlite3.Connection, slot: Slot, moment: datetime) -> Shown:
    """Read how long the picture of a slot was on show until a moment; an opening without an end ends there if last."""
    sql = (
        "SELECT opened_at, closed_at FROM opening LEFT JOIN closing ON closing.opening = opening.id WHERE slot = ? "
        "ORDER BY opened_at, opening.id"
    )
    rows = connection.execute(sql, (slot.id,)).fetchall()
    spans = [(row["opened_at"], row["closed_at"]) for row in rows]
    if not spans:
        return Shown(0, "", 0.0, 0)
    if spans[-1][1] is None:  # on show now
        spans[-1] = spans[-1][0], stamp(moment)
    known = [(datetime.fromisoformat(begin), min(moment, datetime.fromisoformat(end))) for begin, end in spans if end]
    return Shown(len(rows), rows[-1]["opened_at"], round(_covered(known), 6), len(rows) - len(known))


def _covered(spans: list[tuple[datetime, datetime]]) -> float:
    """Return the seconds that spans, in order of their begin, cover: two windows at once count once."""
    seconds, reached = 0.0, None
    for begin, end in spans:
        begin = begin if reached is None else max(begin, reached)
        seconds += max(0.0, (end - begin).total_seconds())
        reached = end if reached is None else max(end, reached)
    return seconds
