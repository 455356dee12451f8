"""Make reader studies with plans, answers and readings of the network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from strokeapp.performance.readers import Confidence
from strokeapp.records.answer_repository import (
    commit_answer,
    load_slots,
)
from strokeapp.records.database import Database
from strokeapp.records.network_store import store_result
from strokeapp.records.reader_study import CasePlan, CaseSource, StudyPlan
from strokeapp.records.showing import note_closing, note_opening
from strokeapp.records.study_repository import (
    create_study,
    load_cases,
    load_readers,
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


def answer_all(database: Database, study, reader, *, session: int = 1, start: datetime = NOW) -> datetime:
    moment = start
    for slot in load_slots(database, reader.id):
        if slot.session == session:
            note_opening(database, slot, now=moment)
            moment += timedelta(seconds=30)
            commit_answer(database, study, reader.id, slot, BOTH, now=moment)
    return moment


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
