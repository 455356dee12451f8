"""Compute ROC and precision-recall curves and the areas under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from strokeapp.errors import PerformanceError


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Hold one point per distinct score, from (0, 0) to (1, 1).

    Args:
        false_positive_rate: (points,) 1 - specificity.
        true_positive_rate: (points,) sensitivity.
        thresholds: (points,) falling; an image is flagged when its score reaches it; starts with infinity.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Hold one point per distinct score, from high to low thresholds.

    Args:
        recall: (points,) rising.
        precision: (points,).
        thresholds: (points,) falling.
        average_precision: Sum of precision times the step in recall (no interpolation).
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    average_precision: float


def checked(labels: ArrayLike, scores: ArrayLike, *, both_classes: bool = True) -> tuple[NDArray, NDArray]:
    """Return labels as (images,) bool and scores as (images,) float64, or refuse them.

    Raises:
        PerformanceError: Lengths differ, a label is not 0 or 1, a score is not finite, or a class is missing.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise PerformanceError(
            f"Labels and scores must be two lists of one length, not {labels.shape}, {scores.shape}."
        )
    if not np.isin(labels, (0, 1)).all() or not np.isfinite(scores).all():
        raise PerformanceError("Labels must be 0 or 1 and scores finite: leave out images that are not known.")
    labels = labels.astype(bool)
    if both_classes and (not labels.any() or labels.all()):
        message = "This figure needs images with and without the finding; widen the selection."
        raise PerformanceError(message, code="one_class")
    return labels, scores


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Compute the area under the ROC curve as the Mann-Whitney statistic, ties counting one half.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) higher = more likely.

    Returns:
        Chance that a positive scores above a negative, in [0, 1].

    Raises:
        PerformanceError: As ``checked``.
    """
    labels, scores = checked(labels, scores)
    positives = int(labels.sum())
    negatives = labels.size - positives
    rank_sum = rankdata(scores)[labels].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def _counts(labels: NDArray, scores: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return thresholds from high to low, and true and false positives at each."""
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(scores)), scores.size - 1)
    true = np.cumsum(labels)[last]
    return scores[last], true, last + 1 - true


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Trace sensitivity against 1 - specificity over every distinct threshold.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) higher = more likely.

    Raises:
        PerformanceError: As ``checked``.
    """
    thresholds, true, false = _counts(*checked(labels, scores))
    return RocCurve(
        np.concatenate([[0.0], false / false[-1]]),
        np.concatenate([[0.0], true / true[-1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve:
    """Trace precision against recall over every distinct threshold.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) higher = more likely.

    Raises:
        PerformanceError: As ``checked``.
    """
    thresholds, true, false = _counts(*checked(labels, scores))
    precision, recall = true / (true + false), true / true[-1]
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    return PrecisionRecallCurve(recall, precision, thresholds, average)
