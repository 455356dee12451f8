"""Draw synthetic epidural and subdural blood along the inside of the skull.

Extra-axial blood is rare in the labelled sets (a few dozen patients), so a network learns those patients by
heart. A lens (epidural) or crescent (subdural) of blood laid along the skull of bleed-free slices of every
source shows it the shape and place instead.
"""

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
LENS_WIDTH, LENS_DEPTH = (14.0, 45.0), (4.0, 16.0)
CRESCENT_WIDTH, CRESCENT_DEPTH = (40.0, 110.0), (2.5, 9.0)
"""Half-width along the skull and depth, in pixels of a 192-pixel head."""
SMALLEST = 40


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


def draw_blood(
    gray: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return the slice with blood along its skull and the blood's mask, or None where no skull encloses brain.

    Args:
        gray: (size, size) leveled, free of bleeding; its noise is kept.
        rng: Decides kind, place, size and brightness.
    """
    inside = inside_skull(gray)
    if inside is None:
        return None
    depth = ndimage.distance_transform_edt(inside)
    rim = np.argwhere((depth > 0) & (depth < 2))
    center = rim[rng.integers(len(rim))]
    lens = rng.random() < 0.5
    widths, depths = (LENS_WIDTH, LENS_DEPTH) if lens else (CRESCENT_WIDTH, CRESCENT_DEPTH)
    scale = gray.shape[0] / 192
    width, most = rng.uniform(*widths) * scale, rng.uniform(*depths) * scale
    row, column = np.indices(gray.shape)
    along = np.hypot(row - center[0], column - center[1]) / width
    allowed = most * np.clip(1 - along ** (2 if lens else 4), 0, None)
    blood = inside & (depth <= allowed)
    if blood.sum() < SMALLEST:
        return None
    return _paint(gray, blood, rng), blood


def _paint(gray: NDArray[np.float32], blood: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """Bring blood pixels to one brightness with slow variation; fine noise stays that of the slice."""
    smooth = ndimage.gaussian_filter(gray, 1.5)
    fine = gray - smooth
    slow = ndimage.gaussian_filter(rng.standard_normal(gray.shape), 6).astype(np.float32)
    level = BRAIN_GRAY + rng.uniform(*BRIGHTER) + 0.35 * slow
    share = ndimage.gaussian_filter(blood.astype(np.float32), 0.8) * (gray < BONE)
    noise = np.clip(fine, -0.15, 0.15)
    return (gray + share * (level + noise - gray)).astype(np.float32)
