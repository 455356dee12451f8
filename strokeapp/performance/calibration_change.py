"""Measure what a calibration is worth: the expected calibration error before and after, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from strokeapp.errors import PerformanceError
from strokeapp.performance.calibration import EPSILON, Reliability, brier, expected_calibration_error, reliability
from strokeapp.performance.intervals import RESAMPLES, SEED, Interval, bootstrap_interval
from strokeapp.performance.threshold import ratio


class CalibrationError(NamedTuple):
    """Hold an expected calibration error and its 95 % interval over patients."""

    value: float
    interval: Interval


class Calibrated(NamedTuple):
    """Hold how well some probabilities are calibrated.

    Args:
        curve: Bins.
        error: Expected calibration error with its interval.
        brier: Mean squared distance of probability and label.
    """

    curve: Reliability
    error: CalibrationError
    brier: float


def judge_calibration(
    labels: ArrayLike, probabilities: ArrayLike, groups: ArrayLike, *, n: int = RESAMPLES, seed: int = SEED
) -> Calibrated:
    """Compute the reliability curve, the expected calibration error and the Brier score of one set of images.

    Args:
        labels: (images,) 1 or 0.
        probabilities: (images,) in [0, 1].
        groups: (images,) patient of each.
        n: Resamples of patients.
        seed: Of the draws.

    Raises:
        PerformanceError: As ``reliability``.
    """
    error = calibration_error(labels, probabilities, groups, n=n, seed=seed)
    return Calibrated(reliability(labels, probabilities), error, brier(labels, probabilities))


def undo_calibration(probabilities: ArrayLike, *, temperature: float, shift: float = 0.0) -> NDArray[np.float64]:
    """Return the probabilities that the network's own logits z give, from sigmoid(z / temperature + shift).

    Source: Platt scaling; with shift 0 it is temperature scaling (Guo et al., ICML 2017).

    Args:
        probabilities: (images,) calibrated, in [0, 1]; clipped by 1e-7 so that the logit is finite.
        temperature: That was used, above 0.
        shift: That was used.

    Raises:
        PerformanceError: The temperature is not above 0.
    """
    if not temperature > 0:
        raise PerformanceError(f"A temperature lies above 0, not at {temperature}.")
    return expit(own_logits(probabilities, temperature=temperature, shift=shift))


def own_logits(probabilities: ArrayLike, *, temperature: float, shift: float) -> NDArray[np.float64]:
    """Return the network's own logits z of probabilities sigmoid(z / temperature + shift); see ``undo_calibration``."""
    clipped = np.clip(np.asarray(probabilities, np.float64), EPSILON, 1 - EPSILON)
    return (logit(clipped) - shift) * temperature


def calibration_error(
    labels: ArrayLike,
    probabilities: ArrayLike,
    groups: ArrayLike,
    *,
    bins: int = 10,
    n: int = RESAMPLES,
    seed: int = SEED,
) -> CalibrationError:
    """Compute the expected calibration error (Guo et al., ICML 2017) with an interval over patients.

    The error is a mean of absolute gaps, which chance can only widen: resamples lie above the figure more often
    than below. Where the whole percentile interval lies above it, its lower end is moved down to the figure.

    Args:
        labels: (images,) 1 or 0.
        probabilities: (images,) in [0, 1].
        groups: (images,) patient of each.
        bins: Of equal width.
        n: Resamples of patients.
        seed: Of the draws.

    Raises:
        PerformanceError: As ``expected_calibration_error``.
    """

    def error(labels: NDArray, scores: NDArray, weights: NDArray) -> NDArray[np.float64]:
        return weighted_calibration_error(labels, scores, weights, bins=bins)

    value = expected_calibration_error(labels, probabilities, bins=bins)
    ends = bootstrap_interval(error, labels, probabilities, groups, n=n, seed=seed)
    return CalibrationError(value, Interval(min(value, ends.low), ends.high) if ends.defined else ends)


def weighted_calibration_error(
    labels: NDArray, scores: NDArray, weights: NDArray, *, bins: int = 10
) -> NDArray[np.float64]:
    """Compute the error of each resample; see ``strokeapp.performance.intervals.WeightedMetric``."""
    codes = np.digitize(scores, np.arange(1, bins) / bins)
    member = (codes[:, None] == np.arange(bins)).astype(np.float64)
    gaps = weights @ (member * (scores - labels.astype(np.float64))[:, None])
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))
