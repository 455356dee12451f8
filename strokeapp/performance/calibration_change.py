"""Measure what a calibration is worth: the expected calibration error before and after, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strokeapp.performance.calibration import expected_calibration_error
from strokeapp.performance.intervals import RESAMPLES, SEED, Interval, bootstrap_interval
from strokeapp.performance.threshold import ratio


class CalibrationError(NamedTuple):
    """Hold an expected calibration error and its 95 % interval over patients."""

    value: float
    interval: Interval


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
