"""Measure whether what a network is unsure of is what it gets wrong."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strokeapp.performance.intervals import RESAMPLES, bootstrap_interval
from strokeapp.performance.summary import plain
from strokeapp.performance.threshold import ratio

SHARES = (0.1, 0.2, 0.5)


def weighted_caught(wrong: NDArray, doubt: NDArray, weights: NDArray, *, share: float) -> NDArray[np.float64]:
    """Compute per resample the share of errors among the most doubtful images; see ``WeightedMetric``.

    An image on the border counts with the part of its weight that still fits.

    Args:
        wrong: (images,) bool.
        doubt: (images,) higher = abstained from earlier; of equal ones the first given is.
        weights: (resamples, images).
        share: Of the images that is abstained from.

    Returns:
        (resamples,) nan where there is no error.
    """
    order = np.argsort(-doubt, kind="stable")
    wrong, weights = wrong[order].astype(np.float64), weights[:, order]
    before = np.cumsum(weights, axis=1) - weights
    inside = np.clip(share * weights.sum(axis=1, keepdims=True) - before, 0, weights)
    return ratio(inside @ wrong, weights @ wrong)


def errors_caught(wrong: ArrayLike, doubt: ArrayLike, groups: ArrayLike, *, n: int = RESAMPLES) -> list[dict[str, Any]]:
    """Return, for each of ``SHARES`` abstained from, which share of the errors that catches.

    Args:
        wrong: (images,) whether the call was wrong.
        doubt: (images,) higher = less sure.
        groups: (images,) patient of each.
        n: Resamples of patients.

    Returns:
        abstained, caught, low, high (95 %) as plain values; None where there is no error, or no interval.
    """
    wrong, doubt = np.asarray(wrong, bool), np.asarray(doubt, np.float64)
    rows = []
    for share in SHARES:
        metric = partial(weighted_caught, share=share)
        value = float(metric(wrong, doubt, np.ones((1, wrong.size)))[0])
        ends = bootstrap_interval(metric, wrong, doubt, groups, n=n)
        rows.append(dict(zip(("abstained", "caught", "low", "high"), (share, *plain(value, *ends)), strict=True)))
    return rows
