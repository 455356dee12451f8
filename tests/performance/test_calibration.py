"""Calibration against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from strokeapp.errors import PerformanceError
from strokeapp.performance.calibration import (
    apply_temperature,
    brier,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


def overconfident(temperature: float, *, size: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    logits = generator.normal(0, 1.5, size)
    labels = (generator.random(size) < expit(logits)).astype(int)
    return labels, expit(logits * temperature), expit(logits)


def test_error_of_a_constant_guess_is_its_distance_from_the_share() -> None:
    labels = np.repeat([1, 0], [30, 70])
    assert expected_calibration_error(labels, np.full(100, 0.75)) == pytest.approx(0.45)
    assert expected_calibration_error(labels, np.full(100, 0.3)) == pytest.approx(0.0)


def test_error_of_a_published_example() -> None:
    """Documentation of TorchMetrics, BinaryCalibrationError with two bins and norm l1: 0.2900."""
    assert expected_calibration_error([0, 0, 1, 1, 1], [0.25, 0.25, 0.55, 0.75, 0.75], bins=2) == pytest.approx(0.29)


@pytest.mark.parametrize("bins", [5, 10, 17])
def test_curve_and_error_agree_with_scikit_learn(bins: int) -> None:
    labels, probabilities, _ = overconfident(2.0, size=700)
    curve = reliability(labels, probabilities, bins=bins)
    observed, predicted = calibration_curve(labels, probabilities, n_bins=bins)
    np.testing.assert_allclose(curve.observed, observed)
    np.testing.assert_allclose(curve.predicted, predicted)
    counts = np.histogram(probabilities, bins=bins, range=(0, 1))[0]
    expected = np.average(np.abs(observed - predicted), weights=counts[counts > 0])
    assert expected_calibration_error(labels, probabilities, bins=bins) == pytest.approx(expected)


def test_bins_are_weighted_by_images_and_edges_belong_to_the_upper_bin() -> None:
    curve = reliability([1, 0, 0, 1], [0.1, 0.1, 0.05, 1.0])
    assert curve.counts.tolist() == [1, 2, 1]
    assert curve.observed.tolist() == [0, 0.5, 1]
    assert curve.expected_error == pytest.approx((1 * 0.05 + 2 * 0.4 + 0) / 4)
    assert (curve.low <= curve.observed).all() and (curve.observed <= curve.high).all()


def test_brier_agrees_with_scikit_learn() -> None:
    labels, probabilities, _ = overconfident(2.0, size=500)
    assert brier(labels, probabilities) == pytest.approx(brier_score_loss(labels, probabilities))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_planted_temperature_is_found_and_mends_the_probabilities(temperature: float) -> None:
    labels, probabilities, honest = overconfident(temperature)
    found = fit_temperature(labels, probabilities)
    assert found == pytest.approx(temperature, rel=0.06)
    inside = (probabilities > 1e-6) & (probabilities < 1 - 1e-6)
    np.testing.assert_allclose(apply_temperature(probabilities, temperature)[inside], honest[inside], atol=1e-6)
    assert expected_calibration_error(labels, apply_temperature(probabilities, found)) < 0.02


def test_certain_probabilities_do_not_break_the_fit() -> None:
    assert np.isfinite(fit_temperature([1, 0, 1, 0], [1.0, 0.0, 0.0, 1.0]))


@pytest.mark.parametrize(("labels", "probabilities"), [([], []), ([0, 1], [0.1, 1.1]), ([0, 1], [-0.1, 0.5])])
def test_bad_probabilities_are_refused(labels: list, probabilities: list) -> None:
    for function in (reliability, brier, fit_temperature):
        with pytest.raises(PerformanceError):
            function(labels, probabilities)
    with pytest.raises(PerformanceError):
        apply_temperature([0.5], 0)
