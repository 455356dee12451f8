"""Name what a reader study is made of: plan, cases, readers, slots and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strokeapp.errors import ReaderStudyError
from strokeapp.performance.readers import POSITIVE_FROM, Confidence
from strokeapp.types import Finding

LONGEST_TEXT = 200
MOST_CASES, MOST_READERS = 2000, 100


class Design(StrEnum):
    """How often and with what the cases are read.

    Crossed: in the first session each reader has the network's reading on one half of the cases, in the second on
    the other half; the halves change places from reader to reader, so that order and aid are not confounded.
    """

    ONCE = "once"
    SEQUENTIAL = "sequential"
    CROSSED = "crossed"

    @property
    def sessions(self) -> int:
        """Return how many times each reader reads each case."""
        return 1 if self is Design.ONCE else 2


class CaseSource(StrEnum):
    """Where a case's files lie: among the demonstration studies, or below the folder of cases."""

    DEMONSTRATION = "demonstration"
    FOLDER = "folder"


@dataclass(frozen=True)
class CasePlan:
    """Name one case and what is true of it.

    Args:
        name: For the lead; readers never see it.
        source: What the paths are relative to.
        paths: Files or folders, relative.
        truth: Per finding; None = not known.
    """

    name: str
    source: CaseSource
    paths: tuple[str, ...]
    truth: Mapping[Finding, bool | None]


@dataclass(frozen=True)
class StudyPlan:
    """Say how a study is done; it never changes once made.

    Args:
        title: For lists; readers see it.
        questions: Put to the readers, per finding.
        design: See ``Design``.
        washout_days: Least time between a reader's last answer of the first session and the second session.
        positive_from: Lowest confidence that counts as a call of the finding.
        seed: Of the order of cases; each reader and session gets an order of its own.
    """

    title: str
    questions: Mapping[Finding, str]
    design: Design = Design.ONCE
    washout_days: float = 0.0
    positive_from: Confidence = POSITIVE_FROM
    seed: int = 1


@dataclass(frozen=True)
class Study:
    """Hold a study as stored."""

    id: int
    plan: StudyPlan
    created_at: datetime
    definition_hash: str


@dataclass(frozen=True)
class StudyCase:
    """Hold a case as stored."""

    id: int
    number: int
    plan: CasePlan


@dataclass(frozen=True, slots=True)
class Reader:
    """Hold a reader as stored."""

    id: int
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Hold one reading that a reader is to do.

    Args:
        id: Of the row.
        session: 1 or 2.
        position: In the session, from 1.
        case_id: What is read.
        aided: Whether the network's reading stands beside the picture.
        answered: Whether the answer is in.
    """

    id: int
    session: int
    position: int
    case_id: int
    aided: bool
    answered: bool


@dataclass(frozen=True)
class Access:
    """Say whom a code lets in: the lead of a study (no reader), or one of its readers."""

    study_id: int
    reader_id: int | None

    @property
    def is_lead(self) -> bool:
        """Tell whether the code is the lead's."""
        return self.reader_id is None


def check_plan(plan: StudyPlan, cases: tuple[CasePlan, ...], readers: tuple[str, ...]) -> None:
    """Check that a study can be done.

    Raises:
        ReaderStudyError: Something is missing, doubled or impossible; the message says what.
    """
    problem = _plan_problem(plan) or _case_problem(plan, cases) or reader_problem(readers)
    if problem:
        raise ReaderStudyError(problem)


def _plan_problem(plan: StudyPlan) -> str | None:
    if not plan.title.strip() or len(plan.title) > LONGEST_TEXT:
        return f"Give the study a title of at most {LONGEST_TEXT} letters."
    if not plan.questions or not all(text.strip() and len(text) <= LONGEST_TEXT for text in plan.questions.values()):
        return f"Ask about at least one finding, with a question of at most {LONGEST_TEXT} letters each."
    if not 0 <= plan.washout_days <= 3650:
        return "The washout lies between 0 and 3650 days."
    if not 0 <= plan.seed < 2**32:
        return "The seed of the order is a whole number from 0 to 4294967295."
    return None


def _case_problem(plan: StudyPlan, cases: tuple[CasePlan, ...]) -> str | None:
    if not 1 <= len(cases) <= MOST_CASES:
        return f"Choose at least one case and at most {MOST_CASES}."
    if plan.design is Design.CROSSED and len(cases) < 2:
        return "A crossed study needs at least two cases."
    names = [case.name for case in cases]
    if len(set(names)) != len(names) or not all(name.strip() for name in names):
        return "Every case needs a name of its own."
    for finding in plan.questions:
        if all(case.truth.get(finding) is None for case in cases):
            return f"Say of at least one case whether it shows the finding asked about: {finding.value}."
    return None


def reader_problem(readers: tuple[str, ...]) -> str | None:
    """Return what is wrong with the readers' names, or None."""
    if not 1 <= len(readers) <= MOST_READERS:
        return f"Name at least one reader and at most {MOST_READERS}, one per line."
    if len({name.casefold() for name in readers}) != len(readers):
        return "Two readers have the same name. Names or codes must differ."
    if not all(name.strip() == name and 0 < len(name) <= 60 for name in readers):
        return "A reader's name has 1 to 60 letters."
    return None
