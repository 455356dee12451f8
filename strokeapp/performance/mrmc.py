"""Compare modalities over many readers and many cases (Obuchowski & Rockette 1995, Hillis 2007).

A modality is a way of reading, such as without and with the network. Every reader reads every case in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc
from strokeapp.performance.delong import auc_covariance
from strokeapp.performance.intervals import LEVEL, UNDEFINED, Interval

ROUNDING = 1e-20
"""Variances below it are what floating point leaves of zero."""
Metric = Callable[[NDArray, NDArray], float]
"""Takes labels (cases,) and scores (cases,); returns one figure of merit."""


@dataclass(frozen=True)
class Estimates:
    """Hold a figure of merit per modality and reader, and how the estimates vary together over cases.

    Args:
        values: (modalities, readers).
        covariance: (modalities, readers, modalities, readers).
    """

    values: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Components:
    """Hold the error variance and covariances of the model, averaged over what they stand for.

    Args:
        variance: Of one estimate.
        cov1: Same reader, different modalities.
        cov2: Different readers, same modality.
        cov3: Different readers, different modalities.
    """

    variance: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Hold a test of equal modalities and, for the first two, their difference.

    Args:
        statistic: F with random readers; chi-square with fixed ones.
        df1: Degrees of freedom of the numerator.
        df2: Of the denominator, Hillis' ddf_H; infinite with fixed readers. nan with no variance at all.
        p: Of no difference.
        estimate: First modality minus second, averaged over readers.
        standard_error: Of the estimate.
        interval: Of the estimate.
    """

    statistic: float
    df1: int
    df2: float
    p: float
    estimate: float
    standard_error: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Mean:
    """Hold the mean of one modality over readers, from that modality's data alone.

    Args:
        value: Mean.
        standard_error: Of the mean.
        df: Degrees of freedom, Hillis' ddf_H for one modality; infinite with fixed readers.
        interval: Of the mean; not cut at 0 and 1.
        p: Of a mean of zero; of use where the values are differences.
    """

    value: float
    standard_error: float
    df: float
    interval: Interval
    p: float


@dataclass(frozen=True, slots=True)
class Mrmc:
    """Hold the whole analysis.

    Args:
        mean_square_modality: MS(T).
        mean_square_reader: MS(R).
        mean_square_interaction: MS(T*R).
        components: Of the error.
        random_readers: Readers and cases are samples: holds for other readers too.
        fixed_readers: Only cases are a sample: holds for these readers.
        means_random: One per modality, random readers.
        means_fixed: One per modality, fixed readers.
    """

    mean_square_modality: float
    mean_square_reader: float
    mean_square_interaction: float
    components: Components
    random_readers: Difference
    fixed_readers: Difference
    means_random: tuple[Mean, ...]
    means_fixed: tuple[Mean, ...]


def auc_estimates(labels: ArrayLike, scores: ArrayLike) -> Estimates:
    """Estimate the areas under the ROC curve and their covariance by DeLong's method (1988).

    Args:
        labels: (cases,) 1 or 0.
        scores: (modalities, readers, cases).

    Raises:
        PerformanceError: A class is missing, or labels and scores do not fit together.
    """
    scores = _checked_scores(labels, scores)
    modalities, readers, cases = scores.shape
    areas, covariance = auc_covariance(labels, *scores.reshape(-1, cases))
    shape = (modalities, readers)
    return Estimates(areas.reshape(shape), covariance.reshape(*shape, *shape))


def jackknife_estimates(labels: ArrayLike, scores: ArrayLike, *, metric: Metric = auc) -> Estimates:
    """Estimate any figure of merit and its covariance by leaving out one case at a time.

    Covariance: (n - 1) / n times the sum of products of deviations (Efron 1982); what OR-DBM MRMC does.

    Args:
        labels: (cases,) 1 or 0.
        scores: (modalities, readers, cases).
        metric: Of one reader in one modality.

    Raises:
        PerformanceError: The metric is not defined for all cases or with one of them left out.
    """
    scores, labels = _checked_scores(labels, scores), np.asarray(labels)
    shape, cases = scores.shape[:2], scores.shape[2]
    flat = scores.reshape(-1, cases)
    values = np.array([metric(labels, one) for one in flat])
    kept = ~np.eye(cases, dtype=bool)
    left_out = np.array([[metric(labels[keep], one[keep]) for one in flat] for keep in kept])
    if not (np.isfinite(values).all() and np.isfinite(left_out).all()):
        raise PerformanceError("The jackknife needs at least two cases with and two without the finding.")
    deviations = left_out - left_out.mean(axis=0)
    covariance = (cases - 1) / cases * deviations.T @ deviations
    return Estimates(values.reshape(shape), covariance.reshape(*shape, *shape))


def obuchowski_rockette(estimates: Estimates, *, level: float = LEVEL) -> Mrmc:
    """Analyze a fully crossed study by the model of Obuchowski & Rockette with Hillis' degrees of freedom.

    Random readers: F = MS(T) / (MS(T*R) + r max(Cov2 - Cov3, 0)), ddf_H = denominator² / (MS(T*R)² / ((t-1)(r-1)))
    (Hillis 2007, Statistics in Medicine 26:596). Fixed readers: chi-square = (t-1) MS(T) / (Var - Cov1 +
    (r-1) max(Cov2 - Cov3, 0)).

    Args:
        estimates: Of at least two modalities and two readers.
        level: Coverage of the intervals.

    Raises:
        PerformanceError: There are fewer modalities or readers.
    """
    values = estimates.values
    if min(values.shape) < 2:
        raise PerformanceError("This analysis needs at least two modalities and two readers who read every case.")
    components = _components(estimates.covariance)
    squares = _mean_squares(values)
    return Mrmc(
        *squares,
        components,
        _random_readers(values, squares, components, level),
        _fixed_readers(values, squares, components, level),
        tuple(_mean(values[k], estimates.covariance[k, :, k], level, fixed=False) for k in range(len(values))),
        tuple(_mean(values[k], estimates.covariance[k, :, k], level, fixed=True) for k in range(len(values))),
    )


def readers_against_network(
    labels: ArrayLike, readers: ArrayLike, network: ArrayLike, *, fixed: bool = False, level: float = LEVEL
) -> Mean:
    """Compare the mean area of readers with that of a network that reads alone.

    The differences reader - network are analyzed as one modality, so that the network's own error, common to all
    of them, counts in their covariance (Chakraborty 2017, Observer Performance Methods, chapter on standalone CAD;
    degrees of freedom of one modality: Hillis 2007).

    Args:
        labels: (cases,) 1 or 0.
        readers: (readers, cases) confidences.
        network: (cases,) probabilities.
        fixed: These readers only, instead of readers like them.
        level: Coverage of the interval.

    Raises:
        PerformanceError: Fewer than two readers, a class is missing, or the lists do not fit together.
    """
    readers = np.atleast_2d(np.asarray(readers, dtype=np.float64))
    if len(readers) < 2:
        raise PerformanceError("The comparison of readers with the network needs at least two readers.")
    areas, covariance = auc_covariance(labels, *readers, network)
    contrast = np.hstack([np.eye(len(readers)), -np.ones((len(readers), 1))])
    return _mean(contrast @ areas, contrast @ covariance @ contrast.T, level, fixed=fixed)


def _checked_scores(labels: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 3 or scores.shape[2:] != np.shape(labels):
        raise PerformanceError("Scores must be given per modality, reader and case, for the same cases as the labels.")
    return scores


def _components(covariance: NDArray[np.float64]) -> Components:
    modalities, readers = covariance.shape[:2]
    same_modality = np.eye(modalities, dtype=bool)[:, None, :, None]
    same_reader = np.eye(readers, dtype=bool)[None, :, None, :]

    def average(choice: NDArray[np.bool_]) -> float:
        return float(covariance[np.broadcast_to(choice, covariance.shape)].mean())

    return Components(
        average(same_modality & same_reader),
        average(~same_modality & same_reader),
        average(same_modality & ~same_reader),
        average(~same_modality & ~same_reader),
    )


def _mean_squares(values: NDArray[np.float64]) -> tuple[float, float, float]:
    modalities, readers = values.shape
    of_modality, of_reader, grand = values.mean(axis=1), values.mean(axis=0), values.mean()
    rest = values - of_modality[:, None] - of_reader[None, :] + grand
    return (
        _without_rounding(readers * ((of_modality - grand) ** 2).sum() / (modalities - 1)),
        _without_rounding(modalities * ((of_reader - grand) ** 2).sum() / (readers - 1)),
        _without_rounding((rest**2).sum() / ((modalities - 1) * (readers - 1))),
    )


def _without_rounding(variance: float) -> float:
    return float(variance) if variance > ROUNDING else 0.0


def _random_readers(values: NDArray, squares: tuple[float, float, float], part: Components, level: float) -> Difference:
    modalities, readers = values.shape
    between, _, interaction = squares
    error = interaction + readers * max(part.cov2 - part.cov3, 0.0)
    df1, free = modalities - 1, (modalities - 1) * (readers - 1)
    df2 = float(np.inf) if interaction <= 0 < error else _ratio(error**2 * free, interaction**2)
    statistic = _ratio(between, error)
    p = float(stats.f.sf(statistic, df1, df2)) if np.isfinite(df2) else float(stats.chi2.sf(statistic * df1, df1))
    return _difference(values, statistic, df1, df2, p, float(np.sqrt(2 / readers * error)), level)


def _fixed_readers(values: NDArray, squares: tuple[float, float, float], part: Components, level: float) -> Difference:
    modalities, readers = values.shape
    error = part.variance - part.cov1 + (readers - 1) * max(part.cov2 - part.cov3, 0.0)
    df1, error = modalities - 1, max(error, 0.0)
    statistic = _ratio(df1 * squares[0], error)
    p = float(stats.chi2.sf(statistic, df1))
    return _difference(values, statistic, df1, float(np.inf), p, float(np.sqrt(2 / readers * error)), level)


def _difference(
    values: NDArray, statistic: float, df1: int, df2: float, p: float, error: float, level: float
) -> Difference:
    estimate = float(values[0].mean() - values[1].mean())
    return Difference(statistic, df1, df2, p, estimate, error, _interval(estimate, error, df2, level))


def _mean(values: NDArray, covariance: NDArray, level: float, *, fixed: bool) -> Mean:
    """Average one modality over readers, with ddf_H of Hillis 2007 where readers are a sample."""
    readers = len(values)
    diagonal = np.eye(readers, dtype=bool)
    cov2 = max(float(covariance[~diagonal].mean()), 0.0)
    spread = _without_rounding(values.var(ddof=1))
    if fixed:
        square, df = float(covariance[diagonal].mean()) + (readers - 1) * cov2, float(np.inf)
    else:
        square = spread + readers * cov2
        df = float(np.inf) if spread <= 0 < square else _ratio(square**2 * (readers - 1), spread**2)
    value, error = float(values.mean()), float(np.sqrt(max(square, 0.0) / readers))
    statistic = _ratio(abs(value), error)
    return Mean(value, error, df, _interval(value, error, df, level), float(2 * stats.t.sf(statistic, df)))


def _interval(value: float, error: float, df: float, level: float) -> Interval:
    if not error > 0 or not df > 0:
        return UNDEFINED
    spread = float(stats.t.ppf((1 + level) / 2, df)) * error
    return Interval(value - spread, value + spread)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
