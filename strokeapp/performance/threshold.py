"""Judge scores at one threshold: confusion matrix, its measures, and the choice of operating points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from strokeapp.performance.curves import checked, roc_curve

MEASURES = ("accuracy", "precision", "recall", "specificity", "f1", "npv")


def ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """Divide, giving nan where the whole is zero: a measure of nothing is not defined."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def fractions(tp: ArrayLike, fp: ArrayLike, tn: ArrayLike, fn: ArrayLike) -> dict[str, tuple[ArrayLike, ArrayLike]]:
    """Return numerator and denominator of every measure; counts may be arrays of one shape."""
    return {
        "accuracy": (tp + tn, tp + fp + tn + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "npv": (tn, tn + fn),
    }


@dataclass(frozen=True, slots=True)
class Confusion:
    """Count images by truth and by what the network says; measures that are not defined are nan."""

    tp: int
    fp: int
    tn: int
    fn: int

    def _measure(self, name: str) -> float:
        return float(ratio(*fractions(self.tp, self.fp, self.tn, self.fn)[name]))

    @property
    def total(self) -> int:
        """Return the number of images."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def accuracy(self) -> float:
        """Return the share of images called right."""
        return self._measure("accuracy")

    @property
    def precision(self) -> float:
        """Return the share of flagged images that have the finding (positive predictive value)."""
        return self._measure("precision")

    @property
    def recall(self) -> float:
        """Return the share of images with the finding that are flagged."""
        return self._measure("recall")

    @property
    def sensitivity(self) -> float:
        """Return ``recall`` under its clinical name."""
        return self.recall

    @property
    def specificity(self) -> float:
        """Return the share of images without the finding that are not flagged."""
        return self._measure("specificity")

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return self._measure("f1")

    @property
    def npv(self) -> float:
        """Return the share of images not flagged that do not have the finding."""
        return self._measure("npv")

    @property
    def measures(self) -> Mapping[str, float]:
        """Return every measure by its name in ``MEASURES``."""
        return {name: self._measure(name) for name in MEASURES}


def confusion(labels: ArrayLike, scores: ArrayLike, threshold: ArrayLike) -> Confusion:
    """Count hits and misses when images whose score reaches the threshold are flagged.

    Args:
        labels: (images,) 1 or 0; one class alone is allowed.
        scores: (images,).
        threshold: One, or (images,); a score equal to it is flagged, as ``FindingResult.flagged`` does.

    Raises:
        PerformanceError: Labels are not 0 or 1, scores not finite, or lengths differ.
    """
    labels, scores = checked(labels, scores, both_classes=False)
    flagged = scores >= threshold
    tp, fp = int((flagged & labels).sum()), int((flagged & ~labels).sum())
    return Confusion(tp, fp, int((~labels).sum()) - fp, int(labels.sum()) - tp)


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """Hold three thresholds to choose from."""

    high_sensitivity: float
    balanced: float
    high_specificity: float


def choose_operating_points(
    labels: ArrayLike, scores: ArrayLike, *, sensitivity: float = 0.95, specificity: float = 0.95
) -> OperatingPoints:
    """Choose thresholds for screening, for balance and for confirming.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) in [0, 1].
        sensitivity: "High sensitivity" reaches at least this, and leaves at most half of the misses of "balanced".
        specificity: "High specificity" keeps at least this, and at most half of the false alarms of "balanced".

    Returns:
        Balanced maximizes Youden's J = sensitivity + specificity - 1 (Youden 1950); of equals the lowest
        threshold, which misses least. High sensitivity is the highest threshold that does what it is to do, high
        specificity the lowest; either is balanced itself where balanced misses nothing, or alarms falsely never.
        Where no score keeps the specificity, the threshold lies just above the highest score and flags nothing.

    Raises:
        PerformanceError: A class is missing, or as ``checked``.
    """
    curve = roc_curve(labels, scores)
    true, false, thresholds = curve.true_positive_rate, curve.false_positive_rate, curve.thresholds.copy()
    thresholds[0] = np.nextafter(thresholds[1], np.inf)
    youden = true - false
    balanced = np.flatnonzero(youden >= youden.max() - 1e-12)[-1]
    least_true = max(sensitivity, (1 + true[balanced]) / 2)
    most_false = min(1 - specificity, false[balanced] / 2)
    return OperatingPoints(
        high_sensitivity=float(thresholds[np.argmax(true >= least_true - 1e-12)]),
        balanced=float(thresholds[balanced]),
        high_specificity=float(thresholds[np.flatnonzero(false <= most_false + 1e-12)[-1]]),
    )
