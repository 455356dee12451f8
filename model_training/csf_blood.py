"""Draw synthetic blood into cerebrospinal fluid: a level in a ventricle, or a cast of sulci and cisterns.

Intraventricular and subarachnoid blood are rare in the labelled sets (two dozen and 18 slices).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_training.blood_paint import SMALLEST, inside_skull, paint_blood
from strokeapp.imaging.normalize import BRAIN_GRAY

FLUID = 0.17
"""Gray under brain: 14 HU, half way to cerebrospinal fluid."""
SULCUS = 0.08
"""The same for a sulcus, which shares its pixels with cortex."""
DEEP = 18
"""Pixels of a 192-pixel head between the skull and a ventricle."""
REGION = (14.0, 50.0)
"""Radius of the region whose sulci fill, same pixels."""
LEVEL = (0.0, 0.85)
"""Share of a ventricle, from the front, that stays free: patients lie on their backs and blood settles."""
BRIGHTER = (0.02, 0.36)
"""Gray over brain: 2 HU where blood is diluted to 29 HU."""


def fill_fluid(
    gray: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return the slice with blood in its fluid and the blood's mask, or None where too little fluid is seen.

    Args:
        gray: (size, size) leveled, front at the top, free of bleeding; its noise is kept.
        rng: Decides ventricle or sulci, place, extent and brightness.
    """
    inside = inside_skull(gray)
    if inside is None:
        return None
    scale = gray.shape[0] / 192
    smooth, depth = ndimage.gaussian_filter(gray, 1.0), ndimage.distance_transform_edt(inside)
    draw = _ventricle if rng.random() < 0.5 else _sulci
    blood = draw(smooth, depth, scale, rng)
    if blood is None or blood.sum() < SMALLEST:
        return None
    return paint_blood(gray, blood, inside, rng, BRIGHTER), blood


def _ventricle(smooth, depth, scale: float, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    fluid = (smooth < BRAIN_GRAY - FLUID) & (depth > DEEP * scale)
    labels, count = ndimage.label(fluid)
    large = [n for n in range(1, count + 1) if (labels == n).sum() >= SMALLEST]
    if not large:
        return None
    ventricle = labels == rng.choice(large)
    rows = np.flatnonzero(ventricle.any(1))
    top = rows[0] + rng.uniform(*LEVEL) * (rows[-1] - rows[0])
    return ventricle & (np.arange(len(smooth))[:, None] >= top)


def _sulci(smooth, depth, scale: float, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    fluid = (smooth < BRAIN_GRAY - SULCUS) & (depth > 1.5 * scale)
    places = np.argwhere(fluid)
    if not len(places):
        return None
    center = places[rng.integers(len(places))]
    row, column = np.indices(smooth.shape)
    near = np.hypot(row - center[0], column - center[1]) < rng.uniform(*REGION) * scale
    return fluid & near
