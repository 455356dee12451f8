"""Judge human readers by their confidences: sensitivity, specificity, AUC, time, and the gain from a second reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc, checked
from strokeapp.performance.delong import AucComparison, delong, delong_interval
from strokeapp.performance.intervals import LEVEL, UNDEFINED, Interval, wilson
from strokeapp.performance.mcnemar import McNemar, mcnemar
from strokeapp.performance.threshold import Confusion, confusion


class Confidence(IntEnum):
    """How sure a reader is that a finding is there."""

    DEFINITELY_ABSENT = 1
    PROBABLY_ABSENT = 2
    UNCERTAIN = 3
    PROBABLY_PRESENT = 4
    DEFINITELY_PRESENT = 5


POSITIVE_FROM = Confidence.PROBABLY_PRESENT
"""The lowest confidence that counts as a call of the finding, unless a study says otherwise."""
CATEGORIES = tuple(int(value) for value in Confidence)


LEAST_PER_CLASS = 2
"""Cases with and without the finding below which the variance of an area cannot be estimated at all."""


class Proportion(NamedTuple):
    """Hold a share with Wilson's interval; nan where there is nothing to share."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """Hold what one reader reached on cases whose truth is known.

    Args:
        counts: Calls against truth.
        sensitivity, specificity, accuracy: With Wilson's intervals.
        auc: Empirical area from the five confidences; nan where a class is missing.
        auc_interval: DeLong's; nan with fewer than two cases of a class.
    """

    counts: Confusion
    sensitivity: Proportion
    specificity: Proportion
    accuracy: Proportion
    auc: float
    auc_interval: Interval


@dataclass(frozen=True, slots=True)
class NetworkComparison:
    """Hold one reader against the network on the same cases.

    Args:
        cases: That both have read.
        areas: DeLong's test, reader minus network; None with fewer than two cases of a class.
        calls: McNemar's test on right calls, reader first.
    """

    cases: int
    areas: AucComparison | None
    calls: McNemar


@dataclass(frozen=True, slots=True)
class Gain:
    """Hold one reader without and with the network's reading on the same cases.

    Args:
        cases: Read both ways.
        accuracy_without, accuracy_with: With Wilson's intervals.
        areas: DeLong's test, with minus without; None with fewer than two cases of a class.
        calls: McNemar's test on right calls, with first.
    """

    cases: int
    accuracy_without: Proportion
    accuracy_with: Proportion
    areas: AucComparison | None
    calls: McNemar


@dataclass(frozen=True, slots=True)
class Timing:
    """Hold how long readings took, in seconds: quartiles over cases."""

    cases: int
    median: float
    lower: float
    upper: float


def judge_reader(
    labels: ArrayLike, confidences: ArrayLike, *, positive_from: int = POSITIVE_FROM, level: float = LEVEL
) -> ReaderFigures:
    """Compute one reader's figures.

    Args:
        labels: (cases,) 1 or 0; one class alone is allowed.
        confidences: (cases,) 1 … 5.
        positive_from: Lowest confidence that counts as a call.
        level: Coverage of the intervals.

    Raises:
        PerformanceError: Lists do not fit together, or a confidence is none of the five.
    """
    labels, confidences = _checked(labels, confidences)
    counts = confusion(labels, confidences, positive_from)
    both = bool(labels.any() and not labels.all())
    return ReaderFigures(
        counts,
        proportion(counts.tp, counts.tp + counts.fn, level=level),
        proportion(counts.tn, counts.tn + counts.fp, level=level),
        proportion(counts.tp + counts.tn, counts.total, level=level),
        auc(labels, confidences) if both else float("nan"),
        delong_interval(labels, confidences, level=level) if enough_cases(labels) else UNDEFINED,
    )


def against_network(
    labels: ArrayLike,
    confidences: ArrayLike,
    probabilities: ArrayLike,
    *,
    threshold: ArrayLike,
    positive_from: int = POSITIVE_FROM,
) -> NetworkComparison:
    """Compare a reader with the network on the same cases.

    Args:
        labels: (cases,) 1 or 0.
        confidences: (cases,) 1 … 5.
        probabilities: (cases,) of the network.
        threshold: Operating point of the network; one, or (cases,) where it differs by kind of scan.
        positive_from: Lowest confidence that counts as a call.

    Raises:
        PerformanceError: Lists do not fit together, or there is no case.
    """
    labels, confidences = _checked(labels, confidences)
    _, probabilities = checked(labels, probabilities, both_classes=False)
    calls = mcnemar((confidences >= positive_from) == labels, (probabilities >= np.asarray(threshold)) == labels)
    return NetworkComparison(labels.size, _areas(labels, confidences, probabilities), calls)


def gain(labels: ArrayLike, without: ArrayLike, with_network: ArrayLike, *, positive_from: int = POSITIVE_FROM) -> Gain:
    """Compare one reader's confidences without and with the network's reading beside the picture.

    Args:
        labels: (cases,) 1 or 0.
        without: (cases,) 1 … 5.
        with_network: (cases,) 1 … 5, of the same cases.
        positive_from: Lowest confidence that counts as a call.

    Raises:
        PerformanceError: Lists do not fit together, or there is no case.
    """
    labels, without = _checked(labels, without)
    _, with_network = _checked(labels, with_network)
    right_with, right_without = ((values >= positive_from) == labels for values in (with_network, without))
    return Gain(
        labels.size,
        proportion(int(right_without.sum()), labels.size),
        proportion(int(right_with.sum()), labels.size),
        _areas(labels, with_network, without),
        mcnemar(right_with, right_without),
    )


def timing(seconds: ArrayLike) -> Timing:
    """Summarize times per case by quartiles, which one interrupted reading does not move.

    Args:
        seconds: (cases,) none below zero; without any, the quartiles are nan.

    Raises:
        PerformanceError: A time is negative or not a number.
    """
    seconds = np.asarray(seconds, dtype=np.float64)
    if not np.isfinite(seconds).all() or (seconds < 0).any():
        raise PerformanceError("Times per case must be seconds, none below zero.")
    if not seconds.size:
        return Timing(0, float("nan"), float("nan"), float("nan"))
    lower, median, upper = np.quantile(seconds, [0.25, 0.5, 0.75])
    return Timing(int(seconds.size), float(median), float(lower), float(upper))


def proportion(part: int, whole: int, *, level: float = LEVEL) -> Proportion:
    """Return a share with Wilson's interval."""
    return Proportion(part / whole if whole else float("nan"), wilson(part, whole, level=level))


def enough_cases(labels: ArrayLike) -> bool:
    """Tell whether both classes have the cases that a test of areas needs."""
    positives = int(np.sum(np.asarray(labels) == 1))
    return min(positives, np.size(labels) - positives) >= LEAST_PER_CLASS


def _areas(labels: NDArray, first: NDArray, second: NDArray) -> AucComparison | None:
    return delong(labels, first, second) if enough_cases(labels) else None


def _checked(labels: ArrayLike, confidences: ArrayLike) -> tuple[NDArray, NDArray]:
    labels, confidences = checked(labels, confidences, both_classes=False)
    if not np.isin(confidences, CATEGORIES).all():
        raise PerformanceError("A confidence must be one of 1, 2, 3, 4 and 5.")
    return labels, confidences
