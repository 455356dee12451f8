"""Bring gray values of CT and MR slices to one scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BRAIN_GRAY = 0.45
"""Where every CT slice's brain is brought to: 36 HU in the brain window."""
LARGEST_SHIFT = 0.25
"""20 HU; a larger shift is cut to it, since the picture is then in another window."""
TISSUE_RANGE = (0.15, 0.85)
CENTER, SPREAD = 0.4, 0.3
"""Standardization of the network's input."""
MR_MEDIAN = 0.4
MR_LARGEST = 1.5


def _central_ellipse(shape: tuple[int, int], radius: float = 0.75) -> NDArray[np.bool_]:
    row, column = (np.linspace(-1, 1, n) for n in shape)
    return row[:, None] ** 2 + column[None, :] ** 2 <= radius**2


def brain_shift(gray: NDArray[np.float32]) -> float:
    """Return what must be added to a cropped CT slice to bring its brain to ``BRAIN_GRAY``.

    The median brain gray differs between sources by as much as an early infarct darkens it.

    Args:
        gray: (rows, columns) in [0, 1], brain window 80/40, cropped to the head.
    """
    inside = gray[_central_ellipse(gray.shape)]
    tissue = inside[(inside > TISSUE_RANGE[0]) & (inside < TISSUE_RANGE[1])]
    if tissue.size < 0.02 * inside.size:
        return 0.0
    return float(np.clip(BRAIN_GRAY - np.median(tissue), -LARGEST_SHIFT, LARGEST_SHIFT))


def mr_scale(gray: NDArray[np.float32]) -> float:
    """Return the factor that brings the median of an MR slice's tissue to ``MR_MEDIAN``.

    Tissue is what exceeds a fifth of the 95th percentile in the middle of the head, where neither scalp nor air
    lies, so that a slice with its skull and one without come to the same scale; MR values have no unit.

    Args:
        gray: (rows, columns), at least 0, cropped to the head.
    """
    inside = gray[_central_ellipse(gray.shape)]
    top = float(np.percentile(inside, 95))
    tissue = inside[inside > 0.2 * top]
    return MR_MEDIAN / float(np.median(tissue)) if top > 0 and tissue.size else 1.0


def standardize(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return leveled gray as the network takes it."""
    return (gray - CENTER) / SPREAD
