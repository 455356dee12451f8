"""Render slices of a head: sample the anatomy over each slice's thickness and average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_training.phantom.anatomy import Head, cavity_depth
from model_training.phantom.brain import paint_cavity
from model_training.phantom.context import Context
from model_training.phantom.lesions import Lesion
from model_training.phantom.shapes import Canvas, Plane
from model_training.phantom.skull import paint_outside, support_alpha
from model_training.phantom.tissues import Palette, Tissue
from strokeapp.types import Geometry


@dataclass(frozen=True)
class Sampling:
    """Say how slices sample space.

    Args:
        geometry: Place of every voxel, LPS mm.
        rows, columns: Of a slice.
        thickness_mm: Of a slice, along its normal.
        samples: Planes averaged per slice.
    """

    geometry: Geometry
    rows: int
    columns: int
    thickness_mm: float
    samples: int = 2

    def coordinates(self, index: int, offset_mm: float) -> NDArray[np.float64]:
        """Return (rows, columns, 3) LPS mm of a plane beside slice ``index``."""
        g = self.geometry
        origin = g.slice_origins[index] + offset_mm * g.normal
        return (
            origin + np.arange(self.rows)[:, None, None] * g.row_step + np.arange(self.columns)[:, None] * g.column_step
        )

    @property
    def offsets_mm(self) -> NDArray[np.float64]:
        """Return the offsets of the averaged planes from the middle of a slice."""
        return ((np.arange(self.samples) + 0.5) / self.samples - 0.5) * self.thickness_mm


def render_slice(
    head: Head, lesion: Lesion, palette: Palette, sampling: Sampling, index: int, *, support: bool
) -> tuple[Plane, Plane]:
    """Render one slice without noise.

    Args:
        head: Anatomy.
        lesion: What is wrong with it.
        palette: Value of every tissue.
        sampling: Geometry and thickness.
        index: Of the slice.
        support: Paint the headrest.

    Returns:
        (rows, columns) values in the palette's units and lesion fraction in [0, 1].
    """
    planes = [
        _render_plane(head, lesion, palette, sampling.coordinates(index, float(offset)), support=support)
        for offset in sampling.offsets_mm
    ]
    values = np.mean([values for values, _ in planes], axis=0, dtype=np.float32)
    return values, np.mean([mask for _, mask in planes], axis=0, dtype=np.float32)


def _render_plane(
    head: Head, lesion: Lesion, palette: Palette, coordinates: NDArray[np.float64], *, support: bool
) -> tuple[Plane, Plane]:
    shape = coordinates.shape[:2]
    canvas = Canvas(np.full(shape, palette[Tissue.AIR], np.float32), np.zeros(shape, np.float32))
    if support:
        shell = support_alpha(*(coordinates[..., axis].astype(np.float32) for axis in (0, 1)))
        canvas.paint(shell, palette[Tissue.SUPPORT])
    points = head.place(coordinates)
    depth, vault, above = cavity_depth(points)
    window = _window(vault > -60.0)
    if window is not None:
        inner = points.crop(*window)
        part, texture = canvas.crop(*window), head.texture(inner)
        paint_outside(part, inner, head, palette, vault=vault[window], above=above[window], texture=texture)
    window = _window(depth > -1.5)
    if window is not None:
        inner = points.crop(*window)
        part, texture = canvas.crop(*window), head.texture(inner)
        moved = lesion.displace(inner)
        paint_cavity(Context(part, inner, moved, depth[window], head, palette, lesion, texture))
    return canvas.values, canvas.lesion


def _window(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the rectangle around the true voxels, or None."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
