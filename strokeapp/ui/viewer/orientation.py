"""Name the edges of a slice: the letters a reader orients by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from strokeapp.types import Geometry

_POSITIVE = "LPS"
_NEGATIVE = "RAI"


def direction_letters(direction: NDArray[np.float64], *, tolerance: float = 0.4) -> str:
    """Name a direction by patient letters, the strongest first.

    Args:
        direction: (3,) in LPS; any length but zero.
        tolerance: Components of the unit direction below this get no letter; 0.4 is about 24 degrees.

    Returns:
        One to three of R/L, A/P, S/I, e.g. ``"L"`` or ``"PS"``.
    """
    unit = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    strongest_first = np.argsort(-np.abs(unit), kind="stable")
    return "".join(
        _POSITIVE[axis] if unit[axis] > 0 else _NEGATIVE[axis]
        for axis in strongest_first
        if abs(unit[axis]) >= tolerance
    )


def edge_letters(geometry: Geometry) -> Mapping[str, str]:
    """Return the letters for the picture's left, right, top and bottom edge."""
    columns, rows = geometry.column_step, geometry.row_step
    return {
        "left": direction_letters(-columns),
        "right": direction_letters(columns),
        "top": direction_letters(-rows),
        "bottom": direction_letters(rows),
    }
