"""Compare two areas under the ROC curve measured on the same images (DeLong 1988)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from strokeapp.performance.curves import checked
from strokeapp.performance.intervals import LEVEL, UNDEFINED, Interval


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Hold the outcome of DeLong's test.

    Args:
        auc_a: Of the first scores.
        auc_b: Of the second.
        variance: Of the difference auc_a - auc_b.
        p: Two-sided; 1 where the scores do not differ at all, 0 where they differ without any variance.
    """

    auc_a: float
    auc_b: float
    variance: float
    p: float

    @property
    def difference(self) -> float:
        """Return auc_a - auc_b."""
        return self.auc_a - self.auc_b


def delong(labels: ArrayLike, a: ArrayLike, b: ArrayLike) -> AucComparison:
    """Test whether two networks (or readers) differ in AUC on the same images.

    The images are taken as independent: with several images per patient pool them first (``study_level``),
    or bootstrap the difference over patients.

    Args:
        labels: (images,) 1 or 0.
        a: (images,) scores of the first.
        b: (images,) scores of the second.

    Raises:
        PerformanceError: A class is missing, or labels and scores do not fit together.
    """
    areas, covariance = auc_covariance(labels, a, b)
    variance = max(float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), 0.0)
    difference = areas[0] - areas[1]
    if variance < 1e-15:
        return AucComparison(float(areas[0]), float(areas[1]), 0.0, 1.0 if abs(difference) < 1e-12 else 0.0)
    p = 2 * norm.sf(abs(difference) / np.sqrt(variance))
    return AucComparison(float(areas[0]), float(areas[1]), variance, float(p))


def delong_interval(labels: ArrayLike, scores: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Compute DeLong's interval of one AUC, normal and cut at 0 and 1; images taken as independent.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,).
        level: Coverage aimed at.

    Returns:
        nan where the variance is zero, as for a perfect separation.

    Raises:
        PerformanceError: As ``delong``.
    """
    areas, covariance = auc_covariance(labels, scores)
    spread = norm.ppf((1 + level) / 2) * np.sqrt(covariance[0, 0])
    if not spread > 0:
        return UNDEFINED
    return Interval(max(0.0, float(areas[0] - spread)), min(1.0, float(areas[0] + spread)))


def auc_covariance(labels: ArrayLike, *scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the areas of several scores and their covariance by midranks, O(n log n).

    Method: Sun & Xu, IEEE Signal Processing Letters 21 (2014) 1389. With one image in a class that
    class's part of the variance cannot be estimated and counts as zero.

    Args:
        labels: (images,) 1 or 0.
        scores: k times (images,).

    Returns:
        (k,) areas and (k, k) covariance.

    Raises:
        PerformanceError: As ``delong``.
    """
    of_positives, of_negatives = zip(*(_components(*checked(labels, one)) for one in scores), strict=True)
    areas = np.array([part.mean() for part in of_positives])
    return areas, _scaled_covariance(of_positives) + _scaled_covariance(of_negatives)


def _components(labels: NDArray, scores: NDArray) -> tuple[NDArray, NDArray]:
    """Return the structural components: the share of the other class that each image is rightly ranked against."""
    ranks = rankdata(scores)
    positives, negatives = scores[labels], scores[~labels]
    of_positives = (ranks[labels] - rankdata(positives)) / negatives.size
    of_negatives = 1 - (ranks[~labels] - rankdata(negatives)) / positives.size
    return of_positives, of_negatives


def _scaled_covariance(components: tuple[NDArray, ...]) -> NDArray[np.float64]:
    rows = np.stack(components)
    count = rows.shape[1]
    if count < 2:
        return np.zeros((len(rows), len(rows)))
    return np.atleast_2d(np.cov(rows)) / count
