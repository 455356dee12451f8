"""Draw who reads what in which order: seeded, another order per reader and session."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from strokeapp.records.reader_study import Design, StudyPlan

_HALVES = 0
"""Stands where a session stands in the seeds of orders: 0 is the draw of the two halves, the same for all readers."""


class Place(NamedTuple):
    """Hold one entry of a reader's list.

    Args:
        session: 1 or 2.
        position: In the session, from 1.
        case: Number of the case, from 1.
        aided: Whether the network's reading stands beside the picture.
    """

    session: int
    position: int
    case: int
    aided: bool


def places(plan: StudyPlan, *, cases: int, reader: int) -> list[Place]:
    """Return a reader's list.

    Args:
        plan: Design and seed; the same seed gives the same list.
        cases: Number of cases.
        reader: Number of the reader, from 1.
    """
    aided_first = _aided_first(plan, cases=cases, reader=reader)
    found = []
    for session in range(1, plan.design.sessions + 1):
        order = np.random.default_rng([plan.seed, reader, session]).permutation(cases) + 1
        for position, case in enumerate(order.tolist(), 1):
            found.append(Place(session, position, case, (case in aided_first) == (session == 1)))
    return found if plan.design is not Design.ONCE else [place._replace(aided=False) for place in found]


def _aided_first(plan: StudyPlan, *, cases: int, reader: int) -> set[int]:
    """Return the cases that a reader reads with the network in the first session."""
    if plan.design is not Design.CROSSED:
        return set()
    shuffled = (np.random.default_rng([plan.seed, _HALVES, 1]).permutation(cases) + 1).tolist()
    half = cases // 2
    return set(shuffled[:half] if reader % 2 else shuffled[half:])
