"""Put intervals around figures: bootstrap over patients, and Wilson's for proportions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import checked
from strokeapp.performance.threshold import MEASURES, fractions, ratio

RESAMPLES = 1000
LEVEL = 0.95
SEED = 20140101
MIN_DEFINED = 0.9
_CHUNK = 100

WeightedMetric = Callable[[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Takes labels (images,), scores (images,), weights (resamples, images); returns (resamples,)."""


class Interval(NamedTuple):
    """Hold the two ends; both nan where no interval can be given."""

    low: float
    high: float

    @property
    def defined(self) -> bool:
        """Tell whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


UNDEFINED = Interval(float("nan"), float("nan"))


def wilson(successes: float, total: float, *, level: float = LEVEL) -> Interval:
    """Compute Wilson's score interval of a proportion (Wilson 1927; method 3 of Newcombe 1998).

    Args:
        successes: 0 … total.
        total: Number of independent trials; 0 gives nan.
        level: Coverage aimed at.
    """
    _check_level(level)
    if total <= 0:
        return UNDEFINED
    z = norm.ppf((1 + level) / 2)
    share = successes / total
    center = share + z**2 / (2 * total)
    spread = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return Interval(max(0.0, float((center - spread) / scale)), min(1.0, float((center + spread) / scale)))


def patient_draws(groups: ArrayLike, *, n: int = RESAMPLES, seed: int = SEED) -> tuple[NDArray, NDArray[np.float64]]:
    """Draw patients with replacement.

    Args:
        groups: (images,) patient of each image, any hashable codes.
        n: Resamples.
        seed: The same seed gives the same draws.

    Returns:
        (images,) codes 0 … patients - 1, and (n, patients) how often each patient was drawn.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    count = max(names.size, 1)
    picks = np.random.default_rng(seed).integers(0, count, size=(n, count))
    flat = (picks + count * np.arange(n)[:, None]).ravel()
    return codes, np.bincount(flat, minlength=n * count).reshape(n, count).astype(np.float64)


def percentile_interval(values: ArrayLike, *, level: float = LEVEL, min_defined: float = MIN_DEFINED) -> Interval:
    """Take the percentile interval of bootstrapped values (Efron & Tibshirani 1993, chapter 13).

    Args:
        values: (resamples,); nan where a resample left the figure undefined.
        level: Coverage aimed at.
        min_defined: With a smaller share of defined values the answer is nan, for what is left is a biased part.

    Returns:
        nan also where all resamples agree (one patient, or no error to resample): zero width would be a lie.
    """
    values = np.asarray(values, dtype=np.float64)
    defined = values[np.isfinite(values)]
    if not defined.size or defined.size < min_defined * values.size or np.ptp(defined) < 1e-12:
        return UNDEFINED
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_interval(
    metric: WeightedMetric,
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    n: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> Interval:
    """Resample patients, not images, and take the percentile interval of a figure.

    Images of one patient are alike; drawn one by one they would make the interval too narrow. A drawn patient
    enters as a weight on all of its images, so that a metric works on many resamples at once.

    Args:
        metric: ``weighted_auc``, ``weighted_average_precision`` or alike.
        labels: (images,) 1 or 0.
        scores: (images,).
        groups: (images,) patient of each image.
        n: Resamples.
        level: Coverage aimed at.
        seed: Of the draws.

    Raises:
        PerformanceError: Labels, scores and groups do not fit together, or n or level are impossible.
    """
    _check_level(level)
    labels, scores = checked(labels, scores, both_classes=False)
    if np.shape(groups) != labels.shape or n < 1:
        raise PerformanceError("The bootstrap needs one patient per image and at least one resample.")
    codes, draws = patient_draws(groups, n=n, seed=seed)
    chunks = [metric(labels, scores, part[:, codes]) for part in _chunks(draws)]
    return percentile_interval(np.concatenate(chunks), level=level)


def weighted_auc(labels: NDArray, scores: NDArray, weights: NDArray) -> NDArray[np.float64]:
    """Compute the Mann-Whitney area of each resample; see ``WeightedMetric``."""
    positive, negative, _ = _by_score(labels, scores, weights)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return ratio((positive * below).sum(axis=1), pairs)


def weighted_average_precision(labels: NDArray, scores: NDArray, weights: NDArray) -> NDArray[np.float64]:
    """Compute the average precision of each resample; see ``WeightedMetric``."""
    positive, negative, _ = _by_score(labels, -scores, weights)
    true = np.cumsum(positive, axis=1)
    precision = np.nan_to_num(ratio(true, true + np.cumsum(negative, axis=1)))
    return ratio((positive * precision).sum(axis=1), true[:, -1])


def _band(
    rows_of: Callable[..., NDArray[np.float64]],
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    grid: NDArray,
    *,
    n: int,
    level: float,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bootstrap a pointwise band of the curves that ``rows_of`` draws, one row per resample it is defined for."""
    labels, scores = checked(labels, scores)
    codes, draws = patient_draws(groups, n=n, seed=seed)
    curves = np.concatenate([rows_of(labels, scores, part[:, codes], grid) for part in _chunks(draws)])
    if len(curves) < MIN_DEFINED * n:
        return np.full(grid.shape, np.nan), np.full(grid.shape, np.nan)
    low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def roc_band(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    grid: ArrayLike,
    n: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bootstrap a pointwise band of sensitivity at given false positive rates.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,).
        groups: (images,) patient of each image.
        grid: (points,) false positive rates, rising.
        n: Resamples; those that lack a class are left out.
        level: Coverage aimed at, at each point by itself.
        seed: Of the draws.

    Returns:
        Lower and upper sensitivity, (points,) each; nan where too few resamples have both classes.

    Raises:
        PerformanceError: As ``checked``.
    """
    return _band(_roc_rows, labels, scores, groups, np.asarray(grid), n=n, level=level, seed=seed)


def precision_recall_band(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    grid: ArrayLike,
    n: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bootstrap a pointwise band of precision at given recalls.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,).
        groups: (images,) patient of each image.
        grid: (points,) recalls in (0, 1]; each takes the highest threshold that reaches it.
        n: Resamples; those without a positive are left out.
        level: Coverage aimed at, at each point by itself.
        seed: Of the draws.

    Returns:
        Lower and upper precision, (points,) each; nan where too few resamples have a positive.

    Raises:
        PerformanceError: As ``checked``.
    """
    return _band(_precision_rows, labels, scores, groups, np.asarray(grid), n=n, level=level, seed=seed)


def _precision_rows(labels: NDArray, scores: NDArray, weights: NDArray, grid: NDArray) -> NDArray[np.float64]:
    """Return (resamples with a positive, points) precision at each recall."""
    positive, negative, _ = _by_score(labels, -scores, weights)
    true, flagged = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
    rows = []
    for found, called in zip(true, flagged, strict=True):
        if found[-1] > 0:
            at = np.searchsorted(found, grid * found[-1] - 1e-9, side="left")
            rows.append(found[at] / called[at])
    return np.array(rows).reshape(-1, grid.size)


def confusion_intervals(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    threshold: ArrayLike,
    *,
    n: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> Mapping[str, Interval]:
    """Bootstrap every measure of the confusion matrix over patients.

    Where a proportion is 0 or 1 the bootstrap has nothing to vary: Wilson's interval over the patients that
    contribute is given instead (as wide as if each patient were one image). F1 is no proportion and gets nan there.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,).
        groups: (images,) patient of each image.
        threshold: In use: one, or (images,). It is held still: that another sample would give another is not in
            the interval.
        n: Resamples.
        level: Coverage aimed at.
        seed: Of the draws.

    Returns:
        One interval per name in ``MEASURES``; nan with fewer than two patients.

    Raises:
        PerformanceError: As ``checked``.
    """
    labels, scores = checked(labels, scores, both_classes=False)
    codes, draws = patient_draws(groups, n=n, seed=seed)
    flagged = scores >= threshold
    cells = (flagged & labels, flagged & ~labels, ~flagged & ~labels, ~flagged & labels)
    per_patient = [np.bincount(codes[cell], minlength=draws.shape[1]).astype(np.float64) for cell in cells]
    resampled = fractions(*(draws @ counts for counts in per_patient))
    found = fractions(*per_patient)
    return {name: _measure_interval(name, resampled[name], found[name], level=level) for name in MEASURES}


def _measure_interval(name: str, resampled: tuple, found: tuple, *, level: float) -> Interval:
    interval = percentile_interval(ratio(*resampled), level=level)
    part, whole = found
    patients = int((whole > 0).sum())
    share = float(ratio(part.sum(), whole.sum()))
    if not interval.defined and name != "f1" and patients > 1 and share in (0.0, 1.0):
        return wilson(share * patients, patients, level=level)
    return interval


def _roc_rows(labels: NDArray, scores: NDArray, weights: NDArray, grid: NDArray) -> NDArray[np.float64]:
    """Return (resamples with both classes, points) sensitivity; the highest where the curve is vertical."""
    positive, negative, _ = _by_score(labels, -scores, weights)
    true, false = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    whole = (true[:, -1] > 0) & (false[:, -1] > 0)
    rows = [
        np.interp(grid, np.append(0.0, f / f[-1]), np.append(0.0, t / t[-1]))
        for t, f in zip(true[whole], false[whole], strict=True)
    ]
    return np.array(rows).reshape(-1, grid.size)


def _by_score(labels: NDArray, scores: NDArray, weights: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Sum weights of positives and negatives per distinct score, from low to high: (resamples, scores) each."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.append(0, np.flatnonzero(np.diff(ordered)) + 1)
    weights = weights[:, order]
    positive = np.add.reduceat(weights * labels[order], starts, axis=1)
    return positive, np.add.reduceat(weights, starts, axis=1) - positive, ordered[starts]


def _chunks(draws: NDArray) -> list[NDArray]:
    """Split the resamples so that one piece fits into a few megabytes."""
    return np.array_split(draws, max(1, -(-len(draws) // _CHUNK)))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise PerformanceError(f"The level of an interval lies between 0 and 1, not at {level}.")
