"""Find the head in a slice, cut a square around it, and put results back in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

MASK_SIDE = 128
"""Side of the reduced picture in which the head is looked for."""
TISSUE = 0.15
"""Gray above which a pixel is tissue; 12 HU in the brain window."""


@dataclass(frozen=True, slots=True)
class Box:
    """Mark a rectangle in pixel edges; it may reach over the picture's border.

    Args:
        top, left, bottom, right: Edges, row 0's upper edge being 0.
    """

    top: float
    left: float
    bottom: float
    right: float


def reduced(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture averaged down to a side of at most ``MASK_SIDE``."""
    if max(gray.shape) <= MASK_SIDE:
        return gray
    factor = MASK_SIDE / max(gray.shape)
    rows, columns = (max(1, round(n * factor)) for n in gray.shape)
    return np.asarray(Image.fromarray(gray).resize((columns, rows), Image.Resampling.BOX))


def head_mask(gray: NDArray[np.float32], *, tissue: float = TISSUE) -> NDArray[np.bool_]:
    """Return the filled outline of the largest thing in a slice, at a side of at most ``MASK_SIDE``.

    Thin shells such as the table are removed by an opening of 3 × 3 pixels.

    Args:
        gray: (rows, columns) in [0, 1].
    """
    mask = ndimage.binary_opening(reduced(gray) > tissue, np.ones((3, 3)))
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    return ndimage.binary_fill_holes(largest)


def head_box(gray: NDArray[np.float32], *, aspect: float = 1.0, margin: float = 0.04) -> Box:
    """Return a box around the head that is square in millimeters.

    Args:
        gray: (rows, columns) in [0, 1].
        aspect: Row spacing over column spacing.
        margin: Added on every side, as a share of the head's longer side.

    Returns:
        The whole picture (made square) where nothing is found.
    """
    mask = head_mask(gray)
    if mask.any():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        scale_r, scale_c = gray.shape[0] / mask.shape[0], gray.shape[1] / mask.shape[1]
        top, bottom = rows[0] * scale_r, (rows[-1] + 1) * scale_r
        left, right = columns[0] * scale_c, (columns[-1] + 1) * scale_c
    else:
        top, left, bottom, right, margin = 0.0, 0.0, float(gray.shape[0]), float(gray.shape[1]), 0.0
    half = max((bottom - top) * aspect, right - left) * (1 + 2 * margin) / 2
    row, column = (top + bottom) / 2, (left + right) / 2
    return Box(row - half / aspect, column - half, row + half / aspect, column + half)


def crop(gray: NDArray[np.float32], box: Box, size: int, *, nearest: bool = False) -> NDArray[np.float32]:
    """Cut the box out and bring it to (size, size), averaging where pixels shrink; outside is 0."""
    pad = int(np.ceil(max(0.0, -box.top, -box.left, box.bottom - gray.shape[0], box.right - gray.shape[1])))
    picture = Image.fromarray(np.pad(gray, pad) if pad else gray)
    edges = (box.left + pad, box.top + pad, box.right + pad, box.bottom + pad)
    method = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return np.asarray(picture.resize((size, size), method, box=edges), dtype=np.float32)


def place_back(
    values: NDArray[np.float32], box: Box, shape: tuple[int, int], *, out: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return values given over a box as a picture over the whole slice; 0 outside the box.

    Args:
        values: (rows, columns) over the box.
        box: As cut from a slice of ``shape``.
        shape: (rows, columns) of the slice.
        out: (rows, columns) of the result, over the same field of view; ``shape`` unless given.
    """
    out = out or shape
    scale_r, scale_c = out[0] / shape[0], out[1] / shape[1]
    step_r = (box.bottom - box.top) / values.shape[0] * scale_r
    step_c = (box.right - box.left) / values.shape[1] * scale_c
    row = (np.arange(out[0]) + 0.5 - box.top * scale_r) / step_r - 0.5
    column = (np.arange(out[1]) + 0.5 - box.left * scale_c) / step_c - 0.5
    grid = np.meshgrid(row, column, indexing="ij")
    return ndimage.map_coordinates(values, grid, order=1, mode="constant", output=np.float32)
