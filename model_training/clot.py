"""Find the clot that a drawn edema ring surrounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from strokeapp.imaging.normalize import BRAIN_GRAY

CLOT_OVER_BRAIN = 0.1
"""8 HU above the brain's median: fresh blood lies 15 to 40 HU above it, partial volume less."""
SMALLEST_CLOT = 12
"""Pixels at network resolution, about 15 mm²."""
REACH = 20
"""Pixels a clot may reach beyond the hull of its ring."""
BONE = 0.95


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    points = np.argwhere(mask)
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:
        return mask
    picture = Image.new("1", mask.shape[::-1])
    ImageDraw.Draw(picture).polygon([(int(c), int(r)) for r, c in corners], fill=1, outline=1)
    return np.asarray(picture, dtype=bool)


def clot_inside_ring(ring: NDArray[np.bool_], leveled: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return the bright tissue that an edema ring surrounds or touches, or None where there is too little.

    Args:
        ring: (rows, columns) drawn edema; may cover a part of the clot's border only.
        leveled: (rows, columns) gray with the brain's median at ``BRAIN_GRAY``.
    """
    if ring.sum() < 3:
        return None
    near = ndimage.binary_dilation(_hull(ring), iterations=2)
    smooth = ndimage.gaussian_filter(leveled, 0.8)
    bone = ndimage.binary_dilation(ndimage.gaussian_filter(leveled, 2.0) > BONE, iterations=3)
    bright = (smooth > BRAIN_GRAY + CLOT_OVER_BRAIN) & ~bone & ndimage.binary_dilation(near, iterations=REACH)
    labels, _ = ndimage.label(ndimage.binary_opening(bright))
    touching = np.bincount(labels[near], minlength=labels.max() + 1) >= SMALLEST_CLOT // 2
    touching[0] = False
    clot = ndimage.binary_fill_holes(touching[labels])
    return clot if clot.sum() >= SMALLEST_CLOT else None
