"""Kappas against scikit-learn, statsmodels and Fleiss' own worked example."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from strokeapp.errors import PerformanceError
from strokeapp.performance.agreement import Weights, cohen_kappa, fleiss_kappa

FIVE = (1, 2, 3, 4, 5)
FLEISS_1971 = [
    "00060", "03003", "01005", "00060" , "00303",
]  # fmt: skip


def pair(seed: int, *, size: int = 80) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    first = generator.integers(1, 6, size)
    return first, np.clip(first + generator.integers(-1, 2, size), 1, 5)


@pytest.mark.parametrize("weights", list(Weights))
@pytest.mark.parametrize("seed", range(3))
def test_cohen_agrees_with_scikit_learn_and_statsmodels(seed: int, weights: Weights) -> None:
    first, second = pair(seed)
    kappa = cohen_kappa(first, second, categories=FIVE, weights=weights)
    named = None if weights is Weights.NONE else weights.value
    assert kappa.value == pytest.approx(cohen_kappa_score(first, second, labels=FIVE, weights=named))
    table = np.array([[np.sum((first == a) & (second == b)) for b in FIVE] for a in FIVE])
    kind = {"none": None, "linear": "linear", "quadratic": "quadratic"}[weights.value]
    other = inter_rater.cohens_kappa(table, wt=kind)
    assert kappa.value == pytest.approx(other.kappa)
    assert kappa.interval.low == pytest.approx(other.kappa_low)
    assert kappa.interval.high == pytest.approx(min(1.0, other.kappa_upp))


def test_weighting_forgives_near_misses_and_not_far_ones() -> None:
    first = np.array([1, 2, 3, 4, 5, 1, 5, 3])
    near, far = np.array([2, 3, 4, 5, 4, 1, 5, 3]), np.array([5, 4, 1, 1, 1, 1, 5, 3])
    plain = [cohen_kappa(first, other, categories=FIVE).value for other in (near, far)]
    weighted = [cohen_kappa(first, other, categories=FIVE, weights=Weights.QUADRATIC).value for other in (near, far)]
    assert weighted[0] > plain[0] + 0.3
    assert weighted[1] < plain[1]


def test_perfect_and_opposite_agreement() -> None:
    assert cohen_kappa([0, 1, 0, 1], [0, 1, 0, 1], categories=(0, 1)).value == pytest.approx(1)
    assert cohen_kappa([0, 1, 0, 1], [1, 0, 1, 0], categories=(0, 1)).value == pytest.approx(-1)
    assert np.isnan(cohen_kappa([1, 1], [1, 1], categories=(0, 1)).value)


@pytest.mark.parametrize("seed", range(3))
def test_fleiss_agrees_with_statsmodels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.integers(1, 6, (40, 1))
    ratings = np.where(generator.random((40, 4)) < 0.6, truth, generator.integers(1, 6, (40, 4)))
    counts = np.stack([(ratings == category).sum(axis=1) for category in FIVE], axis=1)
    kappa = fleiss_kappa(ratings, categories=FIVE)
    assert kappa.value == pytest.approx(inter_rater.fleiss_kappa(counts))
    assert kappa.interval.low < kappa.value < kappa.interval.high


def test_fleiss_interval_covers_the_truth() -> None:
    """Readers who say the truth with chance q and else guess between two agree with kappa = q squared."""
    covered = []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        truth = generator.integers(0, 2, (80, 1))
        ratings = np.where(generator.random((80, 3)) < 0.7, truth, generator.integers(0, 2, (80, 3)))
        low, high = fleiss_kappa(ratings, categories=(0, 1), resamples=300).interval
        covered.append(low <= 0.49 <= high)
    assert np.mean(covered) > 0.85


def test_bad_input_is_refused() -> None:
    with pytest.raises(PerformanceError, match="at least two readers"):
        fleiss_kappa([[1], [2]], categories=FIVE)
    with pytest.raises(PerformanceError, match="at least one"):
        cohen_kappa([], [], categories=FIVE)
    with pytest.raises(PerformanceError, match="one of"):
        cohen_kappa([1, 9], [1, 2], categories=FIVE)
