"""Decide from the voxels whether an axial MR slice shows a brain, with its skull or without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.imaging.head_crop import crop, head_box, head_mask

SIDE = 96
BACKGROUND = 0.12
"""Share of the slice's 99th percentile below which a pixel is air, bone or fluid."""


@dataclass(frozen=True)
class BrainRule:
    """Bound what counts as a head on one axial MR slice.

    Args:
        elongation: Least and largest ratio of the outline's longer to its shorter axis.
        least_solidity: Area of the outline over that of the ellipse of the same second moments.
        most_dark: Largest share of dark pixels inside the outline: lungs are dark, ventricles are small.
        least_symmetry: Correlation of the slice with its mirror image about the outline's own long axis.
        least_texture: Spread of gray inside over its median: a bottle is even, a brain is not.
        diameter_mm: Least and largest mean diameter, where the spacing is known.
        least_slices: Share of a volume's slices that must pass.
    """

    elongation: tuple[float, float] = (1.0, 1.7)
    least_solidity: float = 0.9
    most_dark: float = 0.4
    least_symmetry: float = 0.3
    least_texture: float = 0.08
    diameter_mm: tuple[float, float] = (85.0, 230.0)
    least_slices: float = 0.3


RULE = BrainRule()


@dataclass(frozen=True)
class HeadShape:
    """Describe the largest thing on a slice; see ``BrainRule`` for its fields.

    Args:
        radius: Of the circle of the same area, as a share of the head box's width.
        box_width: In pixels of the slice.
    """

    elongation: float
    solidity: float
    dark: float
    symmetry: float
    texture: float
    radius: float
    box_width: float


def head_shape(gray: NDArray[np.float32], *, aspect: float = 1.0) -> HeadShape | None:
    """Measure the largest thing on a slice; None where there is next to nothing.

    Args:
        gray: (rows, columns) in [0, 1].
        aspect: Row spacing over column spacing.
    """
    gray = np.ascontiguousarray(gray, np.float32)
    box = head_box(gray, aspect=aspect)
    small = crop(gray, box, SIDE)
    top = float(np.percentile(small, 99))
    if top <= 0:
        return None
    mask = head_mask(small / top, tissue=BACKGROUND)
    if mask.sum() < 0.1 * mask.size:
        return None
    center, (longer, shorter), angle = _ellipse(mask)
    inside = small[mask]
    upright = ndimage.rotate(np.where(mask, small, 0), np.degrees(angle), reshape=False, order=1)
    shift = round((SIDE - 1) / 2 - center)
    upright = np.roll(upright, shift, axis=1)
    smooth = ndimage.gaussian_filter(upright, 1.5)
    return HeadShape(
        elongation=longer / shorter,
        solidity=float(mask.sum() / (np.pi * longer * shorter)),
        dark=float((inside < BACKGROUND * top).mean()),
        symmetry=float(np.corrcoef(smooth.ravel(), smooth[:, ::-1].ravel())[0, 1]),
        texture=float(np.subtract(*np.percentile(inside, (75, 25))) / max(1e-6, np.median(inside))),
        radius=float(np.sqrt(mask.sum() / np.pi) / SIDE),
        box_width=box.right - box.left,
    )


def _ellipse(mask: NDArray[np.bool_]) -> tuple[float, tuple[float, float], float]:
    """Return the column of the center after uprighting, the half axes and the tilt of the ellipse of equal moments."""
    points = np.argwhere(mask).astype(np.float64)
    center = points.mean(0)
    values, vectors = np.linalg.eigh(np.cov((points - center).T))
    half = 2 * np.sqrt(np.maximum(values, 1e-6))
    row, column = vectors[:, 1]
    tilt = np.arctan2(column, row)
    tilt = (tilt + np.pi / 2) % np.pi - np.pi / 2
    if abs(tilt) > np.pi / 4 or half[1] / half[0] < 1.05:
        tilt = 0.0
    offset = center - (SIDE - 1) / 2
    return (
        float((SIDE - 1) / 2 + np.cos(tilt) * offset[1] - np.sin(tilt) * offset[0]),
        (float(half[1]), float(half[0])),
        float(-tilt),
    )


def brain_on_slice(
    gray: NDArray[np.float32], *, spacing_mm: tuple[float, float] | None = None, rule: BrainRule = RULE
) -> bool:
    """Tell whether an axial MR slice shows a head.

    Args:
        gray: (rows, columns) in [0, 1].
        spacing_mm: (row, column) of the pixels, or None.
        rule: Bounds.
    """
    shape = head_shape(gray, aspect=spacing_mm[0] / spacing_mm[1] if spacing_mm else 1.0)
    if shape is None or not rule.elongation[0] <= shape.elongation <= rule.elongation[1]:
        return False
    if shape.solidity < rule.least_solidity or shape.dark > rule.most_dark:
        return False
    if shape.symmetry < rule.least_symmetry or shape.texture < rule.least_texture:
        return False
    if spacing_mm is None:
        return True
    diameter = 2 * shape.radius * shape.box_width * spacing_mm[1]
    return bool(rule.diameter_mm[0] <= diameter <= rule.diameter_mm[1])
