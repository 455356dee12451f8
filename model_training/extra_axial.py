"""Draw synthetic epidural and subdural blood along the inside of the skull.

Extra-axial blood is rare in the labelled sets (a few dozen patients), so a network learns those patients by
heart. A lens (epidural) or crescent (subdural) of blood laid along the skull of bleed-free slices of every
source shows it the shape and place instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_training.blood_paint import SMALLEST, inside_skull, paint_blood

LENS_WIDTH, LENS_DEPTH = (14.0, 45.0), (4.0, 16.0)
CRESCENT_WIDTH, CRESCENT_DEPTH = (40.0, 110.0), (2.5, 9.0)
"""Half-width along the skull and depth, in pixels of a 192-pixel head."""


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
    return paint_blood(gray, blood, inside, rng), blood
