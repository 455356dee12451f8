"""Curves and areas against closed forms, scikit-learn, and invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc, precision_recall_curve, roc_curve

TWO_CLASSES = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def test_hand_counted_example_with_a_tie() -> None:
    labels, scores = [1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1]
    assert auc(labels, scores) == (2 + 1 + 0.5) / 4
    curve = roc_curve(labels, scores)
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 1, 1]
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.5, 0.1]
    assert precision_recall_curve(labels, scores).average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_equal_normal_scores_follow_the_binormal_form() -> None:
    grid = (np.arange(2000) + 0.5) / 2000
    negatives, positives = norm.ppf(grid), norm.ppf(grid) + 1.5
    labels = np.repeat([0, 1], 2000)
    assert auc(labels, np.concatenate([negatives, positives])) == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(TWO_CLASSES)
def test_agrees_with_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    labels, scores = map(np.array, zip(*rows, strict=True))
    assert auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))
    curve = roc_curve(labels, scores)
    reference = metrics.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, reference[0])
    np.testing.assert_allclose(curve.true_positive_rate, reference[1])
    average = precision_recall_curve(labels, scores).average_precision
    assert average == pytest.approx(metrics.average_precision_score(labels, scores))


@settings(max_examples=60, deadline=None)
@given(TWO_CLASSES)
def test_area_under_the_drawn_curve_is_the_auc_and_reversing_mirrors_it(rows: list[tuple[bool, int]]) -> None:
    labels, scores = map(np.array, zip(*rows, strict=True))
    curve = roc_curve(labels, scores)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(auc(labels, scores))
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores))
    assert auc(labels, np.exp(scores)) == pytest.approx(auc(labels, scores))


@pytest.mark.parametrize(
    ("labels", "scores"), [([1, 1], [0.1, 0.2]), ([], []), ([0, 2], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([0, 1], [1])]
)
def test_what_has_no_curve_is_refused(labels: list, scores: list) -> None:
    for function in (auc, roc_curve, precision_recall_curve):
        with pytest.raises(PerformanceError):
            function(labels, scores)
