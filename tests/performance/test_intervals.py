"""Intervals: published values, oracles, coverage, and honesty where nothing can be said."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.stats import norm

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc, precision_recall_curve, roc_curve
from strokeapp.performance.intervals import (
    bootstrap_interval,
    confusion_intervals,
    patient_draws,
    percentile_interval,
    roc_band,
    weighted_auc,
    weighted_average_precision,
    wilson,
)
from strokeapp.performance.threshold import MEASURES, confusion


def clustered(seed: int, *, patients: int = 60, images: int = 8, shift: float = 1.2) -> tuple[np.ndarray, ...]:
    """Simulate patients whose images share a random offset: label per patient, binormal scores."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(generator.integers(0, 2, patients), images)
    groups = np.repeat(np.arange(patients), images)
    offset = np.repeat(generator.normal(0, 1, patients), images)
    scores = shift * labels + 0.8 * offset + 0.6 * generator.normal(size=labels.size)
    return labels, scores, groups


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_values_of_newcombe_1998(successes: int, total: int, low: float, high: float) -> None:
    assert wilson(successes, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_mirrors_and_knows_nothing_of_nothing() -> None:
    low, high = wilson(3, 17)
    assert wilson(14, 17) == pytest.approx((1 - high, 1 - low))
    assert math.isnan(wilson(0, 0).low)


@pytest.mark.parametrize(
    ("metric", "plain"),
    [(weighted_auc, auc), (weighted_average_precision, lambda y, s: precision_recall_curve(y, s).average_precision)],
)
def test_weights_are_the_same_as_repeating_images(metric, plain) -> None:
    generator = np.random.default_rng(3)
    labels, scores = generator.integers(0, 2, 50), np.round(generator.random(50), 1)
    weights = generator.integers(0, 4, (20, 50))
    values = metric(labels.astype(bool), scores, weights.astype(float))
    for row, value in zip(weights, values, strict=True):
        assert value == pytest.approx(plain(np.repeat(labels, row), np.repeat(scores, row)))


def test_draws_are_with_replacement_and_repeatable() -> None:
    codes, draws = patient_draws(["x", "y", "x", "z"], n=2000, seed=1)
    assert codes.tolist() == [0, 1, 0, 2]
    assert (draws.sum(axis=1) == 3).all() and draws.max() == 3
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.1)
    np.testing.assert_array_equal(draws, patient_draws(["x", "y", "x", "z"], n=2000, seed=1)[1])


def test_patients_are_resampled_not_images() -> None:
    labels, scores, groups = clustered(0)
    by_patient = bootstrap_interval(weighted_auc, labels, scores, groups)
    by_image = bootstrap_interval(weighted_auc, labels, scores, np.arange(labels.size))
    assert by_patient.high - by_patient.low > 1.8 * (by_image.high - by_image.low)


def test_bootstrap_over_patients_covers_the_truth() -> None:
    truth, hits, runs = norm.cdf(1.2 / np.sqrt(2)), 0, 150
    for seed in range(runs):
        low, high = bootstrap_interval(weighted_auc, *clustered(seed), n=200)
        hits += low <= truth <= high
    assert 0.88 <= hits / runs <= 0.99


def test_confusion_intervals_agree_with_resampling_by_hand() -> None:
    labels, scores, groups = clustered(5)
    codes, draws = patient_draws(groups, n=300, seed=9)
    found = confusion_intervals(labels, scores, groups, 0.5, n=300, seed=9)
    repeats = [draw[codes].astype(int) for draw in draws]
    counts = [confusion(np.repeat(labels, r), np.repeat(scores, r), 0.5) for r in repeats]
    for name in MEASURES:
        assert found[name] == pytest.approx(percentile_interval([c.measures[name] for c in counts]))


def test_a_perfect_share_gets_the_interval_of_its_patients() -> None:
    labels, groups = np.repeat([1, 0], 40), np.repeat(np.arange(8), 10)
    found = confusion_intervals(labels, labels.astype(float), groups, 0.5)
    assert found["recall"] == wilson(4, 4) and found["accuracy"] == wilson(8, 8)
    assert not found["f1"].defined


def test_no_interval_is_claimed_where_none_is_known() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.4, 0.6])
    assert not bootstrap_interval(weighted_auc, labels, scores, np.zeros(4)).defined
    assert not any(ends.defined for ends in confusion_intervals(labels, scores, np.zeros(4), 0.5).values())
    perfect = bootstrap_interval(weighted_auc, labels, labels.astype(float), np.arange(4), n=100)
    assert not perfect.defined
    assert not percentile_interval([0.1, 0.5, math.nan]).defined


def test_band_encloses_the_curve_and_ends_at_one() -> None:
    labels, scores, groups = clustered(1)
    grid = np.linspace(0, 1, 21)
    low, high = roc_band(labels, scores, groups, grid=grid, n=300)
    assert (low <= high).all() and low[-1] == high[-1] == 1
    assert (np.diff(low) >= -1e-12).all() and (np.diff(high) >= -1e-12).all()
    middle = np.interp(grid[1:-1], *_curve(labels, scores))
    assert ((middle >= low[1:-1] - 0.02) & (middle <= high[1:-1] + 0.02)).all()


def _curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    curve = roc_curve(labels, scores)
    return curve.false_positive_rate, curve.true_positive_rate


def test_large_sets_take_seconds() -> None:
    labels, scores, groups = clustered(2, patients=500, images=10)
    start = time.perf_counter()
    assert bootstrap_interval(weighted_auc, labels, scores, groups).defined
    assert time.perf_counter() - start < 15


def test_bad_input_is_refused() -> None:
    with pytest.raises(PerformanceError):
        bootstrap_interval(weighted_auc, [0, 1], [0.1, 0.9], [0])
    with pytest.raises(PerformanceError):
        bootstrap_interval(weighted_auc, [0, 1], [0.1, 0.9], [0, 1], level=95)
    with pytest.raises(PerformanceError):
        wilson(1, 2, level=1.0)
