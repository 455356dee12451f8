"""Confusion matrices and operating points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from strokeapp.errors import PerformanceError
from strokeapp.performance.threshold import choose_operating_points, confusion
from strokeapp.types import FindingResult


def scores_of(seed: int = 0, size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, size)
    return labels, 1 / (1 + np.exp(-generator.normal(labels * 1.5, 1)))


def test_measures_agree_with_scikit_learn() -> None:
    labels, scores = scores_of()
    counts, called = confusion(labels, scores, 0.6), scores >= 0.6
    assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == metrics.confusion_matrix(labels, called).tolist()
    assert counts.accuracy == pytest.approx(metrics.accuracy_score(labels, called))
    assert counts.precision == pytest.approx(metrics.precision_score(labels, called))
    assert counts.recall == counts.sensitivity == pytest.approx(metrics.recall_score(labels, called))
    assert counts.specificity == pytest.approx(metrics.recall_score(~labels.astype(bool), ~called))
    assert counts.f1 == pytest.approx(metrics.f1_score(labels, called))
    assert counts.npv == pytest.approx(metrics.precision_score(~labels.astype(bool), ~called))


def test_a_score_on_the_threshold_is_flagged_as_in_a_reading() -> None:
    assert confusion([1], [0.3], 0.3).tp == 1
    assert FindingResult(0.3, 0.3).flagged


def test_measures_of_nothing_are_nan_not_zero() -> None:
    counts = confusion([0, 0], [0.1, 0.2], 0.5)
    assert (counts.accuracy, counts.specificity, counts.npv) == (1, 1, 1)
    assert all(math.isnan(value) for value in (counts.precision, counts.recall, counts.f1))
    assert math.isnan(confusion([], [], 0.5).accuracy)


@pytest.mark.parametrize(("apart", "seed"), [(1.0, 0), (2.0, 1), (4.0, 2), (5.0, 4)])
def test_operating_points_keep_their_promises_tightly(apart: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random(600) < 0.3).astype(int)
    scores = 1 / (1 + np.exp(-rng.normal(apart * (labels - 0.5), 1.0)))
    points = choose_operating_points(labels, scores)
    best = max(c.sensitivity + c.specificity for c in (confusion(labels, scores, t) for t in scores))
    balanced = confusion(labels, scores, points.balanced)
    assert balanced.sensitivity + balanced.specificity == pytest.approx(best)

    def finds_enough(threshold: float) -> bool:
        counts = confusion(labels, scores, threshold)
        return counts.sensitivity >= 0.95 and counts.fn <= balanced.fn / 2

    def spares_enough(threshold: float) -> bool:
        counts = confusion(labels, scores, threshold)
        return counts.specificity >= 0.95 and counts.fp <= balanced.fp / 2

    assert finds_enough(points.high_sensitivity) and not finds_enough(np.nextafter(points.high_sensitivity, 1))
    below = scores[scores < points.high_specificity].max()
    assert spares_enough(points.high_specificity) and not spares_enough(below)
    assert points.high_sensitivity < points.balanced < points.high_specificity


def test_operating_points_coincide_where_nothing_is_left_to_gain() -> None:
    points = choose_operating_points([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9])
    assert (points.high_sensitivity, points.balanced, points.high_specificity) == (0.7, 0.7, 0.7)


def test_high_specificity_flags_nothing_where_no_score_keeps_it() -> None:
    points = choose_operating_points([1, 0], [0.2, 0.9])
    assert confusion([1, 0], [0.2, 0.9], points.high_specificity).fp == 0
    assert 0.9 < points.high_specificity < 0.91


def test_one_class_has_no_operating_point() -> None:
    with pytest.raises(PerformanceError):
        choose_operating_points([1, 1], [0.2, 0.9])
