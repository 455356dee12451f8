"""Net benefit, predictive values and the band of precision against closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve as outside_curve

from strokeapp.errors import PerformanceError
from strokeapp.performance.comparison import compare
from strokeapp.performance.curves import precision_recall_curve
from strokeapp.performance.decision import decision_curve
from strokeapp.performance.intervals import precision_recall_band
from strokeapp.performance.prevalence import predictive_values


def test_net_benefit_by_hand() -> None:
    curve = decision_curve([1, 1, 0, 0, 0], [0.9, 0.2, 0.6, 0.5, 0.1], thresholds=[0.2, 0.5])
    np.testing.assert_allclose(curve.network, [2 / 5 - 2 / 5 * 0.25, 1 / 5 - 2 / 5])
    np.testing.assert_allclose(curve.flag_all, [2 / 5 - 3 / 5 * 0.25, 2 / 5 - 3 / 5])


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1.2])
def test_threshold_without_odds_is_refused(threshold: float) -> None:
    with pytest.raises(PerformanceError):
        decision_curve([1, 0], [0.9, 0.1], thresholds=[threshold])


def test_predictive_values_by_bayes() -> None:
    values = predictive_values(0.9, 0.8, 0.1)
    assert values.positive == pytest.approx(0.09 / 0.27) and values.negative == pytest.approx(0.72 / 0.73)
    assert np.isnan(predictive_values(0.0, 1.0, 0.1).positive)
    with pytest.raises(PerformanceError):
        predictive_values(0.9, 0.8, 1.1)


def test_precision_and_band_beside_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 300)
    scores = (labels + generator.normal(0, 1, 300)).round(2)
    curve, (precision, recall, _) = precision_recall_curve(labels, scores), outside_curve(labels, scores)
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1])
    grid = np.array([0.25, 0.5, 0.75, 1.0])
    low, high = precision_recall_band(labels, scores, np.arange(300), grid=grid, n=300)
    found = np.array([curve.precision[np.argmax(curve.recall >= point - 1e-9)] for point in grid])
    assert ((low < found) & (found < high)).all() and (high - low < 0.3).all()


def test_networks_are_compared_on_common_cases_only() -> None:
    first = pd.DataFrame(
        {"path": list("abcd"), "patient": list("ABCD"), "dataset": "set", "ischemic": [1.0, 1, 0, 0],
         "ischemic_probability": [0.9, 0.8, 0.2, 0.1], "presumed": ["", "", "", "ischemic"]}
    )  # fmt: skip
    second = first.assign(path=list("abce"), ischemic_probability=[0.9, 0.1, 0.2, 0.1])
    found = compare(first, second, "ischemic", (0.5, 0.5))
    assert (found.cases, found.patients, found.clustered) == (3, 3, None) and (
        found.areas.auc_a,
        found.areas.auc_b,
    ) == (1.0, 0.5)
    assert (found.calls.only_first, found.calls.only_second) == (1, 0)
    assert compare(first, first, "ischemic", (0.5, 0.5), presumed=False).cases == 3
    assert compare(first.assign(presumed=""), first, "ischemic", (0.5, 0.5), presumed=False).cases == 3
    with pytest.raises(PerformanceError, match="no case in common"):
        compare(first, second.assign(path=list("wxyz")), "ischemic", (0.5, 0.5))
    with pytest.raises(PerformanceError, match="disagree"):
        compare(first, second.assign(ischemic=[0.0, 1, 0, 0]), "ischemic", (0.5, 0.5))
