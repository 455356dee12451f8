"""Calibration finds what was planted; operating points hold what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model_training.calibrate import STORED_DECIMALS, fit_calibration, settle, simulated_studies, study_table
from strokeapp.inference.slices import calibrated, sigmoid
from strokeapp.performance.curves import auc
from strokeapp.types import Finding


@pytest.mark.parametrize(("temperature", "shift"), [(1.0, 0.0), (2.5, -1.0), (0.5, 0.7)])
def test_planted_temperature_and_shift_are_recovered(temperature, shift):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2 * temperature, 20_000)
    labels = rng.random(20_000) < sigmoid(logits / temperature + shift)
    found = fit_calibration(logits, labels)
    assert found.temperature == pytest.approx(temperature, rel=0.06)
    assert found.shift == pytest.approx(shift, abs=0.08)
    assert found(logits).mean() == pytest.approx(labels.mean(), abs=0.005)


def test_separable_logits_do_not_give_an_infinitely_steep_curve():
    logits = np.array([-3.0, -2, 2, 3])
    found = fit_calibration(logits, logits > 0)
    assert found.temperature >= 0.2 - 1e-9 and np.isfinite(found.shift)
    assert found(logits).min() > 0 and found(logits).max() < 1


def table(patients: int = 120, slices: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    """Return labelled slices of patients and logits that tell them apart imperfectly."""
    rng = np.random.default_rng(1)
    number = np.arange(patients * slices)
    sick = (number // slices) % 3 == 0
    label = np.where(sick & (number % slices < 2), 1.0, 0.0)
    logits = rng.normal(np.where(label == 1, 1.2, -1.2), 1.0)
    label[rng.random(len(label)) < 0.05] = np.nan
    columns = {"dataset": "d", "group": (number // slices).astype(str), "ischemic": label, "hemorrhagic": np.nan}
    return pd.DataFrame(columns), logits.astype(np.float32)


def rates(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> tuple[float, float]:
    flagged = probabilities >= threshold
    return flagged[labels == 1].mean(), (~flagged)[labels == 0].mean()


def test_operating_points_keep_their_promise_on_stored_probabilities():
    rows, logits = table()
    settings = settle(rows, Finding.ISCHEMIC, logits)
    known = rows["ischemic"].notna().to_numpy()
    labels = rows.loc[known, "ischemic"].to_numpy()
    stored = np.round(calibrated(logits[known], settings), STORED_DECIMALS)
    points = settings.operating_points
    assert points["high_sensitivity"] <= points["balanced"] <= points["high_specificity"]
    assert rates(labels, stored, points["high_sensitivity"])[0] >= 0.95
    assert rates(labels, stored, points["high_specificity"])[1] >= 0.95
    youden = [sum(rates(labels, stored, t)) - 1 for t in np.unique(stored)]
    assert sum(rates(labels, stored, points["balanced"])) - 1 == pytest.approx(max(youden))
    assert settings.threshold == points["balanced"] and 0 < settings.study_threshold < 1


def test_studies_are_pooled_by_patient_within_a_dataset():
    rows = pd.DataFrame(
        {
            "dataset": ["a"] * 3 + ["b"] * 3 + ["c"] * 2 + ["d"] * 3,
            "group": ["1"] * 3 + ["1"] * 3 + ["2"] * 2 + ["3"] * 3,
            "ischemic": [0, 1, np.nan, 0, 0, np.nan, 1, 1, np.nan, np.nan, np.nan],
        }
    )
    studies = study_table(rows, Finding.ISCHEMIC, np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]))
    assert studies.to_dict("records") == [{"logit": 2.5, "label": 1.0}, {"logit": 5.5, "label": 0.0}]


def test_simulated_studies_without_signal_are_not_told_apart_and_with_it_they_are():
    rng = np.random.default_rng(0)
    labels = np.repeat([0.0, 1.0], 300)
    for shift, low, high in ((0.0, 0.45, 0.65), (6.0, 0.97, 1.0)):
        logits, truth = simulated_studies(rng.normal(size=600) + shift * labels, labels)
        assert low <= auc(truth, logits) <= high
    assert truth.mean() == 0.5


def test_a_simulated_study_without_a_lesion_scores_as_the_top_of_twenty_normal_draws():
    rng = np.random.default_rng(1)
    labels = np.repeat([0.0, 1.0], 5000)
    logits, truth = simulated_studies(rng.normal(size=10000), labels)
    # Expected first and second of 20 standard normal order statistics: 1.867 and 1.408.
    assert logits[truth == 0].mean() == pytest.approx((1.867 + 1.408) / 2, abs=0.05)
