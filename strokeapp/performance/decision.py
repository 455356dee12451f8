"""Weigh found against needlessly flagged patients: net benefit and decision curves (Vickers & Elkin 2006)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import checked

THRESHOLDS = np.linspace(0.01, 0.99, 99)


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Hold net benefits per image, in found positives per image after the price of false alarms.

    Args:
        thresholds: (points,) probability from which on one would act, in (0, 1).
        network: (points,) acting on those that the network flags.
        flag_all: (points,) acting on everyone.
    """

    thresholds: NDArray[np.float64]
    network: NDArray[np.float64]
    flag_all: NDArray[np.float64]


def decision_curve(labels: ArrayLike, scores: ArrayLike, *, thresholds: ArrayLike = THRESHOLDS) -> DecisionCurve:
    """Compute net benefit = TP / n - FP / n * t / (1 - t) at each threshold t (Vickers & Elkin 2006).

    Acting on nobody has a net benefit of 0 everywhere. The scores are read as probabilities: an uncalibrated
    network is punished.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) probability in [0, 1].
        thresholds: (points,) in (0, 1).

    Raises:
        PerformanceError: As ``checked``, no image, or a threshold outside (0, 1).
    """
    labels, scores = checked(labels, scores, both_classes=False)
    thresholds = np.asarray(thresholds, np.float64)
    if not labels.size or not ((thresholds > 0) & (thresholds < 1)).all():
        raise PerformanceError("A decision curve needs images, and thresholds between 0 and 1, both left out.")
    positives, negatives = np.sort(scores[labels]), np.sort(scores[~labels])
    true = positives.size - np.searchsorted(positives, thresholds, side="left")
    false = negatives.size - np.searchsorted(negatives, thresholds, side="left")
    odds = thresholds / (1 - thresholds)
    prevalence = positives.size / labels.size
    return DecisionCurve(
        thresholds, true / labels.size - false / labels.size * odds, prevalence - (1 - prevalence) * odds
    )
