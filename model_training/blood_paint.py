"""Paint blood into a CT slice, and find the room inside the skull for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.imaging.normalize import BRAIN_GRAY

BONE = 0.95
LEAST_INSIDE = 0.12
"""Share of the picture that must lie inside the skull for blood to be drawn."""
BRIGHTER = (0.14, 0.45)
"""Gray over brain: 11 to 36 HU, from subacute or anemic to fresh blood."""
SMALLEST = 40
"""Pixels; a smaller drawing is not worth a label."""
EDGE = (0.6, 2.2)
"""Softness of the border in pixels of a 192-pixel head: partial volume and age blur it."""


def inside_skull(gray: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return the largest region enclosed by bone, or None where there is none of use.

    Args:
        gray: (size, size) leveled CT slice.
    """
    bone = ndimage.binary_closing(gray > BONE, np.ones((3, 3)), iterations=2)
    inside = ndimage.binary_fill_holes(bone) & ~bone
    labels, count = ndimage.label(ndimage.binary_opening(inside, np.ones((3, 3))))
    if count == 0:
        return None
    region = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    return region if region.mean() >= LEAST_INSIDE else None


def paint_blood(
    gray: NDArray[np.float32],
    blood: NDArray[np.bool_],
    room: NDArray[np.bool_],
    rng: np.random.Generator,
    brighter: tuple[float, float] = BRIGHTER,
) -> NDArray[np.float32]:
    """Bring blood pixels to one brightness with slow variation; fine noise stays that of the slice.

    Args:
        gray: (rows, columns) leveled.
        blood: (rows, columns).
        room: (rows, columns) inside of the skull: where the border may be soft.
        rng: Decides brightness and how soft the border is.
        brighter: Range of the brightness over brain, in gray.
    """
    smooth = ndimage.gaussian_filter(gray, 1.5)
    fine = gray - smooth
    slow = ndimage.gaussian_filter(rng.standard_normal(gray.shape), 6).astype(np.float32)
    level = BRAIN_GRAY + rng.uniform(*brighter) + 0.35 * slow
    edge = rng.uniform(*EDGE) * gray.shape[0] / 192
    share = ndimage.gaussian_filter(blood.astype(np.float32), edge) * (room & (gray < BONE))
    noise = np.clip(fine, -0.15, 0.15)
    return (gray + share * (level + noise - gray)).astype(np.float32)
