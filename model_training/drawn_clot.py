"""Draw synthetic clots inside the brain, with or without a rim of edema.

The labelled clots of a source sit where that source's patients bleed (the basal ganglia of spontaneous bleeds), and
a network learns the place with the clot. A drawn clot lies anywhere inside the skull, in slices of every source.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_training.blood_paint import BONE, SMALLEST, inside_skull, paint_blood

RADIUS = (3.5, 26.0)
"""Pixels of a 192-pixel head, drawn on a logarithmic scale: about 4 to 30 mm."""
SLIMNESS = (0.45, 1.0)
ROUGHNESS = (0.1, 0.6)
"""Strength of the noise that bends the outline, in radii."""
EDEMA_CHANCE = 0.6
EDEMA_WIDTH = (0.2, 0.8)
"""In radii."""
EDEMA_DARKER = (0.03, 0.14)
"""Gray under brain: 2 to 11 HU."""


def draw_clot(
    gray: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return the slice with a clot in its brain and the clot's mask, or None where no skull encloses brain.

    Args:
        gray: (size, size) leveled, free of bleeding; its noise is kept.
        rng: Decides place, size, shape, brightness and edema.
    """
    inside = inside_skull(gray)
    if inside is None:
        return None
    scale = gray.shape[0] / 192
    radius = float(np.exp(rng.uniform(*np.log(RADIUS)))) * scale
    room = np.argwhere(ndimage.distance_transform_edt(inside) > min(radius, 8 * scale))
    if not len(room):
        return None
    far = _distance(gray.shape, room[rng.integers(len(room))], radius, rng)
    labels, _ = ndimage.label((far < 1) & inside & (gray < BONE))
    clot = labels == 1 + np.argmax(np.bincount(labels.ravel(), minlength=2)[1:])
    if clot.sum() < SMALLEST:
        return None
    if rng.random() < EDEMA_CHANCE:
        rim = (far < 1 + rng.uniform(*EDEMA_WIDTH)) & inside & ~clot
        soft = ndimage.gaussian_filter(rim.astype(np.float32), 2 * scale) * inside
        gray = gray - soft * np.float32(rng.uniform(*EDEMA_DARKER))
    return paint_blood(gray, clot, inside, rng), clot


def _distance(
    shape: tuple[int, int], center: NDArray[np.int64], radius: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the distance from the center in radii of a bent ellipse."""
    angle = rng.uniform(0, np.pi)
    row, column = np.indices(shape) - center[:, None, None]
    along = np.cos(angle) * row + np.sin(angle) * column
    across = np.cos(angle) * column - np.sin(angle) * row
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), max(1.5, radius / 2.5))
    bend = noise / noise.std() * rng.uniform(*ROUGHNESS) * 0.5
    return np.hypot(along, across / rng.uniform(*SLIMNESS)) / radius + bend
