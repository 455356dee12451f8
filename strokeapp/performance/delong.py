"""Compare two areas under the ROC curve measured on the same images (DeLong 1988; in clusters Obuchowski 1997)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import checked
from strokeapp.performance.intervals import LEVEL, UNDEFINED, Interval

ROUNDING = 1e-15
"""Variances below it are what floating point leaves of zero."""


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Hold the outcome of DeLong's test.

    Args:
        auc_a: Of the first scores.
        auc_b: Of the second.
        variance: Of the difference auc_a - auc_b.
        p: Two-sided. 1 where neither the areas differ nor the difference has any variance, as of scores that rank
            alike: nothing speaks against equal areas. nan where areas differ without any variance, as of two perfect
            separations the wrong way round, or a class has fewer than two images (clusters): the variance, and so the
            test, is not defined.
    """

    auc_a: float
    auc_b: float
    variance: float
    p: float

    @property
    def difference(self) -> float:
        """Return auc_a - auc_b."""
        return self.auc_a - self.auc_b


def delong(labels: ArrayLike, a: ArrayLike, b: ArrayLike, *, clusters: ArrayLike | None = None) -> AucComparison:
    """Test whether two networks (or readers) differ in AUC on the same images.

    Args:
        labels: (images,) 1 or 0.
        a: (images,) scores of the first.
        b: (images,) scores of the second.
        clusters: (images,) patient of each image; without, the images are taken as independent.

    Raises:
        PerformanceError: A class is missing, or labels and scores do not fit together.
    """
    areas, covariance = auc_covariance(labels, a, b, clusters=clusters)
    variance = max(float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), 0.0)
    difference = float(areas[0] - areas[1])
    if variance < ROUNDING:
        variance = 0.0
    enough = min(_units(labels, clusters)) >= 2
    return AucComparison(float(areas[0]), float(areas[1]), variance, _p(difference, variance) if enough else np.nan)


def _p(difference: float, variance: float) -> float:
    if variance > 0:
        return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))
    return 1.0 if abs(difference) < 1e-12 else float("nan")


def _units(labels: ArrayLike, clusters: ArrayLike | None) -> tuple[int, int]:
    """Return the numbers of independent positives and negatives."""
    positive = np.asarray(labels).astype(bool)
    units = np.arange(positive.size) if clusters is None else np.asarray(clusters)
    return len(np.unique(units[positive])), len(np.unique(units[~positive]))


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


def auc_covariance(
    labels: ArrayLike, *scores: ArrayLike, clusters: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the areas of several scores and their covariance by midranks, O(n log n).

    Method: Sun & Xu, IEEE Signal Processing Letters 21 (2014) 1389; with clusters Obuchowski, Biometrics 53 (1997)
    567, whose sums of structural components per cluster equal DeLong's covariance where every cluster has one image.
    With one image (cluster) in a class that class's part of the variance cannot be estimated and counts as zero.

    Args:
        labels: (images,) 1 or 0.
        scores: k times (images,).
        clusters: (images,) patient of each image; without, the images are taken as independent.

    Returns:
        (k,) areas and (k, k) covariance.

    Raises:
        PerformanceError: As ``delong``.
    """
    of_positives, of_negatives = zip(*(_components(*checked(labels, one)) for one in scores), strict=True)
    areas = np.array([part.mean() for part in of_positives])
    if clusters is not None:
        return areas, _clustered_covariance(np.asarray(labels).astype(bool), of_positives, of_negatives, clusters)
    return areas, _scaled_covariance(of_positives) + _scaled_covariance(of_negatives)


def _components(labels: NDArray, scores: NDArray) -> tuple[NDArray, NDArray]:
    """Return the structural components: the share of the other class that each image is rightly ranked against."""
    ranks = rankdata(scores)
    positives, negatives = scores[labels], scores[~labels]
    of_positives = (ranks[labels] - rankdata(positives)) / negatives.size
    of_negatives = 1 - (ranks[~labels] - rankdata(negatives)) / positives.size
    return of_positives, of_negatives


def _clustered_covariance(
    labels: NDArray[np.bool_], of_positives: tuple[NDArray, ...], of_negatives: tuple[NDArray, ...], clusters: ArrayLike
) -> NDArray[np.float64]:
    """Add up what the clusters deviate by: of positives, of negatives, and of both together (Obuchowski 1997)."""
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if codes.shape != labels.shape:
        raise PerformanceError("Every image needs one cluster.")

    def deviations(components: tuple[NDArray, ...], members: NDArray) -> tuple[NDArray, float]:
        sums = [np.bincount(members, weights=part - part.mean(), minlength=names.size) for part in components]
        return np.stack(sums) / members.size, _small_sample(len(np.unique(members)))

    positive, positive_factor = deviations(of_positives, codes[labels])
    negative, negative_factor = deviations(of_negatives, codes[~labels])
    both = positive @ negative.T
    return (
        positive_factor * positive @ positive.T
        + negative_factor * negative @ negative.T
        + _small_sample(names.size) * (both + both.T)
    )


def _small_sample(count: int) -> float:
    return count / (count - 1) if count > 1 else 0.0


def _scaled_covariance(components: tuple[NDArray, ...]) -> NDArray[np.float64]:
    rows = np.stack(components)
    count = rows.shape[1]
    if count < 2:
        return np.zeros((len(rows), len(rows)))
    return np.atleast_2d(np.cov(rows)) / count
