"""Erode, dilate and open small masks: the same as SciPy's with its defaults, several times faster at 128 pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DISK = np.hypot(*np.ogrid[-3:4, -3:4]) <= 3.3
"""Seven pixels across; ``opened`` goes through its rows: half widths 3, 3, 2, 1 at the distances 0 to 3."""


def eroded(mask: NDArray[np.bool_], *, iterations: int = 1) -> NDArray[np.bool_]:
    """Take away pixels with one of their four neighbors outside the mask, again and again; outside is empty.

    Args:
        mask: (rows, columns).
        iterations: Times.
    """
    return _by_cross(np.logical_and, mask, iterations)


def dilated(mask: NDArray[np.bool_], *, iterations: int = 1) -> NDArray[np.bool_]:
    """Add the four neighbors of every pixel, again and again.

    Args:
        mask: (rows, columns).
        iterations: Times.
    """
    return _by_cross(np.logical_or, mask, iterations)


def _by_cross(join: np.ufunc, mask: NDArray[np.bool_], iterations: int) -> NDArray[np.bool_]:
    """Join every pixel with its four neighbors.

    Rows lie one behind the other with two empty columns between them, so that every neighbor is one fixed distance
    away in memory and whole pictures are joined at once.
    """
    rows, columns = mask.shape
    width = columns + 2
    wide = np.zeros((rows + 2, width), bool)
    wide[1:-1, 1:-1] = mask
    inner = slice(width, -width)
    flat = wide.reshape(-1)
    for _ in range(iterations):
        result = join(flat[: -2 * width], flat[2 * width :])
        join(result, flat[width - 1 : -width - 1], out=result)
        join(result, flat[width + 1 : flat.size - width + 1], out=result)
        flat[inner] = join(result, flat[inner])
        wide[:, 0] = wide[:, -1] = False
    return wide[1:-1, 1:-1].copy()


def opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Erode by ``DISK``, then dilate by it: what is narrower than the disk falls away; outside is empty."""
    return _by_disk(np.logical_or, _by_disk(np.logical_and, mask))


def _by_disk(join: np.ufunc, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = mask.shape
    wide = np.pad(mask, 3)
    three = join(join(wide[:, 2:-4], wide[:, 3:-3]), wide[:, 4:-2])
    five = join(join(three, wide[:, 1:-5]), wide[:, 5:-1])
    seven = join(join(five, wide[:, :columns]), wide[:, 6:])
    result = join(join(seven[2:-4], seven[3:-3]), seven[4:-2])
    for run, away in ((five, 2), (three, 3)):
        result = join(result, run[3 - away : 3 - away + rows])
        result = join(result, run[3 + away : 3 + away + rows])
    return result
