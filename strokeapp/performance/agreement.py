"""Measure how far readers agree beyond chance: Cohen's kappa of two, Fleiss' kappa of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from strokeapp.errors import PerformanceError
from strokeapp.performance.intervals import (
    LEVEL,
    RESAMPLES,
    SEED,
    UNDEFINED,
    Interval,
    patient_draws,
    percentile_interval,
)


class Weights(StrEnum):
    """How much a disagreement counts: all alike, by its distance, or by the square of its distance."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


@dataclass(frozen=True, slots=True)
class Kappa:
    """Hold agreement beyond chance.

    Args:
        value: 1 = perfect, 0 = as by chance; nan where both always say the same one thing, for chance explains that.
        observed: Share of agreement (weighted).
        expected: Share of agreement by chance (weighted).
        interval: nan where none can be given.
    """

    value: float
    observed: float
    expected: float
    interval: Interval = UNDEFINED


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    categories: Sequence[int],
    weights: Weights = Weights.NONE,
    level: float = LEVEL,
) -> Kappa:
    """Compute Cohen's kappa of two readers (Cohen 1960, weighted 1968).

    The interval is normal with the large-sample standard error of Fleiss, Cohen & Everitt (1969), cut at -1 and 1.

    Args:
        first: (cases,) categories of one reader.
        second: (cases,) of the other, on the same cases.
        categories: All possible ones, in order.
        weights: Of disagreements.
        level: Coverage aimed at.

    Raises:
        PerformanceError: Lengths differ, there is no case, or a value is none of the categories.
    """
    table = _cross_table(first, second, categories)
    count = table.sum()
    shares = table / count
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    agreement = _agreement_weights(len(categories), weights)
    observed, expected = float((agreement * shares).sum()), float(rows @ agreement @ columns)
    if expected >= 1 - 1e-12:
        return Kappa(float("nan"), observed, expected)
    value = (observed - expected) / (1 - expected)
    marginal = (agreement @ columns)[:, None] + (rows @ agreement)[None, :]
    spread = (shares * (agreement - marginal * (1 - value)) ** 2).sum() - (value - expected * (1 - value)) ** 2
    error = np.sqrt(max(spread, 0.0) / count) / (1 - expected)
    return Kappa(value, observed, expected, _normal(value, float(error), level))


def fleiss_kappa(
    ratings: ArrayLike,
    *,
    categories: Sequence[int],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Kappa:
    """Compute Fleiss' kappa of two or more readers on the same cases (Fleiss 1971).

    The interval is the percentile bootstrap over cases: the standard error of 1971 holds only for readers who agree
    by chance alone.

    Args:
        ratings: (cases, readers) categories.
        categories: All possible ones.
        level: Coverage aimed at.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        PerformanceError: Fewer than two readers, no case, or a value that is none of the categories.
    """
    ratings = np.asarray(ratings)
    if ratings.ndim != 2 or ratings.shape[0] < 1 or ratings.shape[1] < 2:
        raise PerformanceError("Fleiss' kappa needs at least one case read by at least two readers.")
    _check_categories(ratings, categories)
    counts = np.stack([(ratings == category).sum(axis=1) for category in categories], axis=1).astype(np.float64)
    readers = ratings.shape[1]
    per_case = (counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1))
    value, observed, expected = _fleiss(per_case[None], counts[None].mean(axis=1) / readers)
    codes, draws = patient_draws(np.arange(len(counts)), n=resamples, seed=seed)
    weights = draws[:, codes] / len(counts)
    resampled, _, _ = _fleiss((weights @ per_case)[:, None], weights @ counts / readers)
    interval = percentile_interval(resampled, level=level)
    return Kappa(float(value[0]), float(observed[0]), float(expected[0]), interval)


def _fleiss(per_case: NDArray, shares: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    observed, expected = per_case.mean(axis=1), (shares**2).sum(axis=1)
    room = 1 - expected
    value = np.divide(observed - expected, room, out=np.full_like(observed, np.nan), where=room > 1e-12)
    return value, observed, expected


def _cross_table(first: ArrayLike, second: ArrayLike, categories: Sequence[int]) -> NDArray[np.float64]:
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape or first.size < 1:
        raise PerformanceError("Cohen's kappa needs two readers' categories of the same cases, at least one.")
    _check_categories(np.stack([first, second]), categories)
    return np.array([[np.sum((first == a) & (second == b)) for b in categories] for a in categories], np.float64)


def _check_categories(ratings: NDArray, categories: Sequence[int]) -> None:
    if not np.isin(ratings, np.asarray(categories)).all():
        raise PerformanceError(f"Every category must be one of {list(categories)}.")


def _agreement_weights(count: int, weights: Weights) -> NDArray[np.float64]:
    """Return 1 on the diagonal, and less the farther two categories lie apart."""
    if weights is Weights.NONE or count < 2:
        return np.eye(count)
    distance = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) / (count - 1)
    return 1 - (distance if weights is Weights.LINEAR else distance**2)


def _normal(value: float, error: float, level: float) -> Interval:
    if not error > 1e-12:
        return UNDEFINED
    spread = float(norm.ppf((1 + level) / 2)) * error
    return Interval(max(-1.0, value - spread), min(1.0, value + spread))
