"""Measure regions drawn on the native slices of a scan: volume in ml, largest diameter in mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from strokeapp.errors import GeometryError
from strokeapp.types import Geometry, Scan


def slice_thickness_mm(geometry: Geometry) -> NDArray[np.float64] | None:
    """Return (slices,) lengths along the slice normal that each slice stands for; None for a single slice.

    Each slice stands for what is nearer to its plane than to any other (Voronoi intervals); the outer slices reach
    as far outward as inward. Summed areas then are the trapezoidal rule, exact to the second order of the spacing.

    Args:
        geometry: LPS mm, slices in any order.

    Raises:
        GeometryError: Two slices lie at one position.
    """
    positions = geometry.positions_mm
    if len(positions) < 2:
        return None
    order = np.argsort(positions)
    gaps = np.diff(positions[order])
    if gaps.min() < 1e-3:
        raise GeometryError("Two slices lie at one position; no volume can be measured on them.")
    thickness = np.empty(len(positions))
    thickness[order] = (np.r_[gaps[0], gaps] + np.r_[gaps, gaps[-1]]) / 2
    return thickness


def volume_ml(mask: NDArray, scan: Scan) -> float | None:
    """Return the volume of a region in ml, or None where the scan's geometry does not tell it.

    The cell of a voxel is the area of its pixel times the distance between slice planes, which for tilted slices
    is the determinant of the sheared steps, not the distance along the table.

    Args:
        mask: (slices, rows, columns), true or above zero inside; rows and columns may be fewer than the scan's over
            the same field of view (lesion maps).
        scan: Native slices.

    Raises:
        GeometryError: The mask has another number of slices, or two slices lie at one position.
    """
    if scan.geometry is None:
        return None
    down, right = _steps(mask, scan)
    thickness = slice_thickness_mm(scan.geometry)
    if thickness is None:
        return None
    area = float(np.linalg.norm(np.cross(down, right)))
    counts = np.count_nonzero(np.asarray(mask) > 0, axis=(1, 2))
    return float(counts @ thickness) * area / 1000.0


def largest_diameter_mm(mask: NDArray, scan: Scan) -> float | None:
    """Return the largest distance within a region in mm, in three dimensions, between edges of its pixels.

    All parts of the mask count as one region; give one connected part to measure it alone.

    Args:
        mask: As for ``volume_ml``.
        scan: Native slices.

    Returns:
        0 for an empty mask; None where no geometry is claimed.

    Raises:
        GeometryError: The mask has another number of slices.
    """
    if scan.geometry is None:
        return None
    down, right = _steps(mask, scan)
    corner = scan.geometry.slice_origins + _first_center(mask, scan)
    inside = np.asarray(mask) > 0
    slices, rows = np.nonzero(inside.any(axis=2))
    if not slices.size:
        return 0.0
    lines = inside[slices, rows]
    first, last = lines.argmax(axis=1), lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
    points = [
        corner[slices] + (rows + half_row)[:, None] * down + (columns + half_column)[:, None] * right
        for columns in (first, last)
        for half_row, half_column in ((-0.5, 0.0), (0.5, 0.0), (0.0, -0.5), (0.0, 0.5))
    ]
    return _span(np.concatenate(points))


def _steps(mask: NDArray, scan: Scan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mask's row and column steps in LPS mm."""
    if (
        scan.geometry is None
        or np.ndim(mask) != 3
        or len(mask) != len(scan.geometry.slice_origins)
        or not np.size(mask)
    ):
        raise GeometryError(
            "The region does not lie on the slices of this scan; measure it on the scan it was drawn on.",
            detail=f"mask {np.shape(mask)}, scan {scan.voxels.shape}",
        )
    (rows, columns), (all_rows, all_columns) = np.shape(mask)[1:], scan.voxels.shape[1:]
    return scan.geometry.row_step * (all_rows / rows), scan.geometry.column_step * (all_columns / columns)


def _first_center(mask: NDArray, scan: Scan) -> NDArray[np.float64]:
    """Return how far the center of the mask's first pixel lies from that of the scan's first pixel."""
    geometry = scan.geometry
    if geometry is None:
        return np.zeros(3)
    (rows, columns), (all_rows, all_columns) = np.shape(mask)[1:], scan.voxels.shape[1:]
    return (all_rows / rows - 1) / 2 * geometry.row_step + (all_columns / columns - 1) / 2 * geometry.column_step


def _span(points: NDArray[np.float64]) -> float:
    """Return the largest distance between points; only corners of their convex hull can be farthest."""
    centered = points - points.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centered.T @ centered)
    flat = centered @ directions[sizes > 1e-9 * sizes[0]].T  # slices of one plane have no hull in space
    corners = flat[ConvexHull(flat).vertices] if flat.shape[1] > 1 else flat
    return float(pdist(corners).max())
