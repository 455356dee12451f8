"""Judge attributions against drawn lesions, and against what the network itself does.

Attributions are (n, rows, columns), not negative, on the grid of the masks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.stats import rankdata

from strokeapp.errors import PerformanceError

TOLERANCE_PX = 3.0
"""Distance from the mask that still counts as a hit: borders are drawn by hand, and some masks are hollow."""
CUTS = tuple(round(0.05 * step, 2) for step in range(1, 20))
STEPS = 12
Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Takes pictures (n, rows, columns), returns (n,) scores."""


def _pair(values: ArrayLike, masks: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, masks = np.asarray(values, dtype=np.float64), np.asarray(masks, dtype=bool)
    if values.ndim != 3 or values.shape != masks.shape:
        raise PerformanceError(
            "Attributions and masks must have one shape (pictures, rows, columns).",
            detail=f"{values.shape} and {masks.shape}",
        )
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0:
        raise PerformanceError("Attributions to be judged must be finite and not negative.")
    return values, masks


def hits(values: ArrayLike, masks: ArrayLike, *, tolerance: float = TOLERANCE_PX) -> NDArray[np.bool_]:
    """Play the pointing game: does the highest value lie in the mask?

    Source: Zhang et al., Top-down neural attention by excitation backprop (ECCV 2016). A picture without any
    attribution, or with the same everywhere, points nowhere and misses.

    Args:
        values: (n, rows, columns), not negative.
        masks: (n, rows, columns) bool.
        tolerance: Distance from the mask in pixels that still counts.

    Returns:
        (n,) bool.

    Raises:
        PerformanceError: Shapes differ, or values are negative or not finite.
    """
    values, masks = _pair(values, masks)
    return np.array([_hit(v, m, tolerance) for v, m in zip(values, masks, strict=True)], dtype=bool)


def _hit(values: NDArray[np.float64], mask: NDArray[np.bool_], tolerance: float) -> bool:
    if not mask.any() or np.ptp(values) == 0:
        return False
    place = np.unravel_index(int(values.argmax()), values.shape)
    return bool(ndimage.distance_transform_edt(~mask)[place] <= tolerance)


def overlap_at_best_cut(
    values: ArrayLike, masks: ArrayLike, *, cuts: ArrayLike = CUTS
) -> tuple[float, NDArray[np.float64]]:
    """Find the one threshold for the whole set at which the mean IoU is highest.

    Args:
        values: (n, rows, columns) in [0, 1].
        masks: (n, rows, columns) bool.
        cuts: Thresholds tried; the lowest of equally good ones is taken.

    Returns:
        The threshold, and (n,) IoU of every picture at it; 0 where both are empty.

    Raises:
        PerformanceError: As ``hits``.
    """
    values, masks = _pair(values, masks)
    table = np.stack([_overlap(values >= cut, masks) for cut in np.asarray(cuts)])
    best = int(table.mean(1).argmax())
    return float(np.asarray(cuts)[best]), table[best]


def _overlap(marked: NDArray[np.bool_], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    union = (marked | masks).sum((1, 2))
    return (marked & masks).sum((1, 2)) / np.maximum(union, 1)


def energy_inside(values: ArrayLike, masks: ArrayLike) -> NDArray[np.float64]:
    """Return (n,) share of each picture's attribution that lies in its mask; nan where there is none.

    Args:
        values: (n, rows, columns), not negative.
        masks: (n, rows, columns) bool; give the outside of the head to learn what is spent there.

    Raises:
        PerformanceError: As ``hits``.
    """
    values, masks = _pair(values, masks)
    whole = values.sum((1, 2))
    return np.divide((values * masks).sum((1, 2)), whole, out=np.full(len(whole), np.nan), where=whole > 0)


def rank_correlation(first: ArrayLike, second: ArrayLike, inside: ArrayLike) -> NDArray[np.float64]:
    """Return (n,) Spearman correlation of two attributions, over the pixels inside the head.

    Outside the head both are mostly 0, which would make any two agree. Where one of them is constant the answer
    is 0: nothing is shared.

    Args:
        first, second: (n, rows, columns), not negative.
        inside: (n, rows, columns) bool.

    Raises:
        PerformanceError: As ``hits``.
    """
    first, inside = _pair(first, inside)
    second, _ = _pair(second, inside)
    return np.array([_spearman(a[m], b[m]) for a, b, m in zip(first, second, inside, strict=True)])


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def structural_similarity(first: ArrayLike, second: ArrayLike, *, sigma: float = 1.5) -> NDArray[np.float64]:
    """Return (n,) mean structural similarity of pictures in [0, 1].

    Source: Wang et al., Image quality assessment (IEEE TIP 2004), with its constants and Gaussian weights.

    Args:
        first, second: (n, rows, columns) in [0, 1].
        sigma: Of the weights, in pixels.

    Raises:
        PerformanceError: As ``hits``.
    """
    a, _ = _pair(first, np.ones_like(np.asarray(first), dtype=bool))
    b, _ = _pair(second, np.ones_like(a, dtype=bool))

    def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return ndimage.gaussian_filter(x, (0, sigma, sigma), truncate=3.5)

    mean_a, mean_b = mean(a), mean(b)
    spread = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    shared = mean(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
    return (light * (2 * shared + 9e-4) / (spread + 9e-4)).mean((1, 2))


def removal_curves(
    score: Score,
    pictures: NDArray[np.float32],
    references: NDArray[np.float32],
    values: ArrayLike,
    *,
    steps: int = STEPS,
    insertion: bool = False,
) -> NDArray[np.float64]:
    """Follow the score while pixels are taken away, or put in, from the highest attribution on.

    Source: Petsiuk et al., RISE (BMVC 2018). The n-th step has replaced the share (n / steps)², so that the first,
    which matter most, are looked at closely.

    Args:
        score: Of pictures, e.g. a finding's probability.
        pictures: (n, rows, columns).
        references: (n, rows, columns) what a removed pixel becomes.
        values: (n, rows, columns), not negative.
        steps: Points of the curve after the first.
        insertion: Start from the reference and put pixels in.

    Returns:
        (n, steps + 1) scores.

    Raises:
        PerformanceError: As ``hits``.
    """
    values, _ = _pair(values, np.ones(pictures.shape, dtype=bool))
    # Ties keep their order in the picture, so that the same attribution always gives the same curve.
    order = np.argsort(-values.reshape(len(values), -1), axis=1, kind="stable")
    start, end = (references, pictures) if insertion else (pictures, references)
    flat_end, current, curves, done = end.reshape(len(end), -1), start.reshape(len(start), -1).copy(), [], 0
    for share in removal_shares(steps):
        upto = round(share * current.shape[1])
        places = order[:, done:upto]
        np.put_along_axis(current, places, np.take_along_axis(flat_end, places, 1), 1)
        curves.append(score(current.reshape(pictures.shape)))
        done = upto
    return np.stack(curves, axis=1).astype(np.float64)


def removal_shares(steps: int = STEPS) -> NDArray[np.float64]:
    """Return (steps + 1,) shares of pixels replaced, from 0 to 1."""
    return (np.arange(steps + 1) / steps) ** 2


def curve_area(curves: ArrayLike) -> NDArray[np.float64]:
    """Return (n,) area under removal curves over the share of pixels replaced.

    Args:
        curves: (n, steps + 1) as ``removal_curves`` returns them.
    """
    curves = np.asarray(curves, dtype=np.float64)
    return np.trapezoid(curves, removal_shares(curves.shape[1] - 1), axis=1)
