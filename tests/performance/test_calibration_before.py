"""Undoing a calibration: what the network's own logits say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from strokeapp.errors import PerformanceError
from strokeapp.performance.calibration import brier, expected_calibration_error
from strokeapp.performance.calibration_change import judge_calibration, undo_calibration


@pytest.mark.parametrize(("temperature", "shift"), [(0.7, -2.0), (1.0, 0.0), (3.0, 1.5)])
def test_undoing_a_calibration_gives_the_logits_back(temperature: float, shift: float) -> None:
    logits = np.linspace(-5, 5, 41)
    calibrated = expit(logits / temperature + shift)
    assert undo_calibration(calibrated, temperature=temperature, shift=shift) == pytest.approx(expit(logits), abs=1e-6)


def test_certain_probabilities_stay_finite_and_ordered() -> None:
    found = undo_calibration([0.0, 0.5, 1.0], temperature=2.0)
    assert 0 < found[0] < 1e-12 and found[1] == pytest.approx(0.5) and found[2] > found[1]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_lies_above_zero(temperature: float) -> None:
    with pytest.raises(PerformanceError, match="above 0"):
        undo_calibration([0.5], temperature=temperature)


def test_judgement_holds_error_interval_and_brier_of_the_same_images() -> None:
    generator = np.random.default_rng(1)
    truth = generator.random(3000)
    labels = (generator.random(3000) < truth).astype(int)
    good = judge_calibration(labels, truth, np.arange(3000), n=200)
    bad = judge_calibration(labels, truth**3, np.arange(3000), n=200)
    for found, scores in ((good, truth), (bad, truth**3)):
        assert found.error.value == found.curve.expected_error == expected_calibration_error(labels, scores)
        assert found.error.interval.low <= found.error.value <= found.error.interval.high
        assert found.brier == brier(labels, scores)
    assert good.error.interval.high < bad.error.interval.low and good.brier < bad.brier
