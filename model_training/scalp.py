"""Draw skull and scalp around a brain-extracted MR slice.

The labelled MR slices have had the skull removed; those of a clinic have not. A network that has seen heads
with and without a drawn scalp reads both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

BRAIN = 0.08
SHRINK = (0.72, 0.92)
GAP = (2.0, 7.0)
"""Pixels between brain and scalp: fluid and the skull's signal void."""
THICKNESS = (1.5, 7.0)
BRIGHTNESS = (0.05, 1.3)
"""Of the scalp; the brain's median is 0.4. Fat-suppressed diffusion stays at the low end."""


def shrink(picture: NDArray[np.float32], side: int, corner: tuple[int, int]) -> NDArray[np.float32]:
    """Return the picture reduced to ``side`` pixels with its corner at (row, column); 0 elsewhere."""
    out = np.zeros_like(picture)
    small = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))
    out[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = small
    return out


def draw_scalp(
    gray: NDArray[np.float32], masks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the slice inside a drawn head, and its masks moved alike.

    Args:
        gray: (size, size) leveled, brain-extracted.
        masks: (findings, size, size) in [0, 1].
        rng: Decides sizes and brightness.
    """
    size = len(gray)
    side = round(size * rng.uniform(*SHRINK))
    low, high = (size - side) * 3 // 8, (size - side) * 5 // 8 + 1
    corner = tuple(int(n) for n in rng.integers(low, high, 2))
    gray = shrink(gray, side, corner)
    masks = np.stack([shrink(mask, side, corner) if mask.any() else mask for mask in masks])
    outline = ndimage.gaussian_filter(ndimage.binary_fill_holes(gray > BRAIN).astype(np.float32), 3) > 0.4
    if not outline.any():
        return gray, masks
    distance = ndimage.distance_transform_edt(~outline)
    begin, thickness = rng.uniform(*GAP), rng.uniform(*THICKNESS)
    ring = np.clip(distance - begin, 0, 1) * np.clip(begin + thickness - distance + 1, 0, 1)
    waves = ndimage.zoom(rng.uniform(0.3, 1.0, (6, 6)), size / 6, order=1)[:size, :size]
    head = gray + (ring * waves * rng.uniform(*BRIGHTNESS)).astype(np.float32) * ~outline
    return head.astype(np.float32), masks
