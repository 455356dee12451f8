"""Pooling rules by their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from model_training.calibrate import Calibration
from model_training.study_level.rules import REFERENCE, RULES, noisy_or, smoothed
from strokeapp.inference.pooling import study_logit

LOGITS = np.array([-4.0, 1.0, 3.0, 2.0, -6.0, -1.0])
PLAIN = Calibration(1.0, 0.0)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z)))


@pytest.mark.parametrize(("name", "expected"), [("max", 3.0), ("top-2 mean", 2.5), ("top-3 mean", 2.0)])
def test_the_highest_slices_are_averaged(name, expected):
    assert RULES[name](LOGITS, PLAIN) == pytest.approx(expected)


def test_the_reference_is_what_the_app_does():
    assert RULES[REFERENCE](LOGITS, PLAIN) == study_logit(LOGITS)


@pytest.mark.parametrize("calibration", [PLAIN, Calibration(2.0, -0.5)])
def test_noisy_or_is_one_minus_the_product_of_misses(calibration):
    expected = 1 - np.prod(1 - calibration(LOGITS))
    assert sigmoid(noisy_or(LOGITS, calibration)) == pytest.approx(expected, rel=1e-9)


def test_noisy_or_of_one_slice_is_that_slice():
    assert noisy_or(np.array([-3.0]), PLAIN) == pytest.approx(-3.0)


@pytest.mark.parametrize("level", [-30.0, 30.0])
def test_noisy_or_stays_finite(level):
    assert np.isfinite(noisy_or(np.full(40, level), PLAIN))


def test_smoothing_mixes_neighbors_and_keeps_what_is_flat():
    np.testing.assert_allclose(smoothed(np.array([0.0, 4.0, 0.0, 0.0])), [1, 2, 1, 0])
    np.testing.assert_allclose(smoothed(np.full(5, 3.0)), 3.0)
    np.testing.assert_allclose(smoothed(LOGITS[::-1]), smoothed(LOGITS)[::-1])
    np.testing.assert_allclose(smoothed(np.array([2.0])), [2.0])
