"""Measure whether a probability of 0.8 means eight in ten, and find the temperature that mends it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import checked
from strokeapp.performance.intervals import wilson

EPSILON = 1e-7


@dataclass(frozen=True, slots=True)
class Reliability:
    """Hold the bins that have images, in rising order of probability.

    Args:
        predicted: (bins,) mean probability.
        observed: (bins,) share with the finding.
        counts: (bins,) images.
        low: (bins,) Wilson interval of the share, images taken as independent.
        high: (bins,) its other end.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    counts: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def expected_error(self) -> float:
        """Return the expected calibration error: mean gap of predicted and observed, weighted by images."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.counts))


def reliability(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> Reliability:
    """Sort probabilities into equal-width bins and compare them with what was found (Guo 2017).

    Args:
        labels: (images,) 1 or 0; one class alone is allowed.
        probabilities: (images,) in [0, 1]; a value on an edge belongs to the upper bin, 1 to the last.
        bins: Number of bins between 0 and 1.

    Raises:
        PerformanceError: No images, a probability outside [0, 1], fewer than one bin, or as ``checked``.
    """
    labels, probabilities = _probabilities(labels, probabilities)
    if bins < 1:
        raise PerformanceError("A calibration curve needs at least one bin.")
    edges = np.arange(1, bins) / bins
    codes = np.digitize(probabilities, edges)
    counts = np.bincount(codes, minlength=bins)
    filled = counts > 0
    hits = np.bincount(codes, weights=labels, minlength=bins)[filled]
    sums = np.bincount(codes, weights=probabilities, minlength=bins)[filled]
    counts = counts[filled]
    ends = np.array([wilson(hit, count) for hit, count in zip(hits, counts, strict=True)])
    return Reliability(sums / counts, hits / counts, counts, ends[:, 0], ends[:, 1])


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> float:
    """Compute the mean gap between predicted and observed over bins; arguments as ``reliability``."""
    return reliability(labels, probabilities, bins=bins).expected_error


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Compute the mean squared distance of probability and label (Brier 1950); 0 is perfect.

    Args:
        labels: (images,) 1 or 0.
        probabilities: (images,) in [0, 1].

    Raises:
        PerformanceError: As ``reliability``.
    """
    labels, probabilities = _probabilities(labels, probabilities)
    return float(np.mean((probabilities - labels) ** 2))


def fit_temperature(
    labels: ArrayLike, probabilities: ArrayLike, *, bounds: tuple[float, float] = (0.05, 20.0)
) -> float:
    """Find the temperature T that makes expit(logit / T) fit best (temperature scaling, Guo 2017).

    Args:
        labels: (images,) 1 or 0; of images the network did not learn from.
        probabilities: (images,) in [0, 1]; clipped by 1e-7 so that the logit is finite.
        bounds: Search T between these.

    Returns:
        T; above 1 the network was too sure of itself.

    Raises:
        PerformanceError: A class is missing, or as ``reliability``.
    """
    labels, probabilities = _probabilities(labels, probabilities, both_classes=True)
    logits = logit(np.clip(probabilities, EPSILON, 1 - EPSILON))
    signs = np.where(labels, 1.0, -1.0)

    def loss(log_temperature: float) -> float:
        return float(np.mean(np.logaddexp(0.0, -signs * logits / np.exp(log_temperature))))

    best = minimize_scalar(loss, bounds=tuple(np.log(bounds)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(best.x))


def apply_temperature(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Divide the logits by a temperature; order and AUC stay as they are.

    Args:
        probabilities: (images,) in [0, 1].
        temperature: Above 0.

    Raises:
        PerformanceError: The temperature is not above 0.
    """
    if not temperature > 0:
        raise PerformanceError(f"A temperature lies above 0, not at {temperature}.")
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), EPSILON, 1 - EPSILON)
    return expit(logit(clipped) / temperature)


def _probabilities(labels: ArrayLike, probabilities: ArrayLike, *, both_classes: bool = False) -> tuple:
    labels, probabilities = checked(labels, probabilities, both_classes=both_classes)
    if not labels.size or probabilities.min() < 0 or probabilities.max() > 1:
        raise PerformanceError("Calibration needs at least one image and probabilities between 0 and 1.")
    return labels, probabilities
