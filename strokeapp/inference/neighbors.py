"""Let a slice hear its neighbors: the finding of one slice of a volume is rarely alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def with_neighbors(
    logits: ArrayLike, positions: ArrayLike, *, weight: float, volumes: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Average every slice's logit with those of the slices next to it.

    With a weight of 0.5 a slice inside a volume counts twice and each neighbor once (binomial smoothing). A slice
    without neighbors keeps its own logit.

    Args:
        logits: (slices,) of one finding, in any order.
        positions: (slices,) place within the volume; two slices are neighbors if theirs differ by 1. A slice whose
            position is nan, or that shares its place with another slice, stands alone.
        weight: Of a neighbor beside the slice's own 1; 0 changes nothing.
        volumes: (slices,) which volume each belongs to; one volume unless given.
    """
    values, places = np.asarray(logits, np.float64), np.asarray(positions, np.float64)
    if weight == 0 or values.size < 2:
        return values.copy()
    _, volume = np.unique(np.zeros(values.size) if volumes is None else np.asarray(volumes), return_inverse=True)
    placed = np.flatnonzero(np.isfinite(places))
    order = placed[np.lexsort((places[placed], volume[placed]))]
    twin = np.diff(places[order], prepend=np.nan, append=np.nan) == 0
    twin &= np.diff(volume[order], prepend=-1, append=-1) == 0
    order = order[~(twin[:-1] | twin[1:])]
    linked = (np.diff(places[order]) == 1) & (np.diff(volume[order]) == 0)
    before, after = order[:-1][linked], order[1:][linked]
    total, count = values.copy(), np.ones(values.size)
    for target, source in ((before, after), (after, before)):
        total[target] += weight * values[source]
        count[target] += weight
    return total / count


def spread(
    positions: ArrayLike, places_mm: ArrayLike, *, reach_mm: float, tolerance: float = 0.02
) -> NDArray[np.float64]:
    """Return positions in which slices that lie too far from each other are no longer neighbors.

    Args:
        positions: (slices,) ascending, as for ``with_neighbors``.
        places_mm: (slices,) along the slice normal.
        reach_mm: Largest distance of neighbors.
        tolerance: Share by which a distance may exceed it, for files that round theirs.
    """
    gaps = np.abs(np.diff(np.asarray(places_mm, np.float64), prepend=np.nan))
    return np.asarray(positions, np.float64) + np.cumsum(gaps > reach_mm * (1 + tolerance))
