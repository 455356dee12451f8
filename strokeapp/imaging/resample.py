"""Put the slices of a scan on a regular grid with axes at right angles, for reformatted views.

The grid keeps the directions of rows and columns; slices follow their normal. Gantry tilt, jitter and sideways
shifts then are one offset in the slice plane per slice, and uneven spacing or missing slices are an interpolation
between two neighbors: no voxel needs a three-dimensional search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.errors import GeometryError, LimitError
from strokeapp.types import Geometry, QualityFlag, Scan, Severity, Units

AIR_HU = -1024.0
FINE_GAP = 10.0
"""Percentile of the distances between slices that becomes the grid's: thin blocks keep their slices."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Place native slices in the grid's directions; lengths in mm, slices ascending along the normal.

    Args:
        order: Native indices of slices by position.
        axes: (3, 3) unit vectors of slices, rows, columns in LPS.
        places: (slices, 3) of each first voxel along the axes.
        rows: Row spacing across the column direction.
        columns: Column spacing.
        skew: Shift along the columns per row step, 0 where rows and columns are at right angles.
    """

    order: NDArray[np.intp]
    axes: NDArray[np.float64]
    places: NDArray[np.float64]
    rows: float
    columns: float
    skew: float

    @property
    def gaps(self) -> NDArray[np.float64]:
        """Return (slices - 1,) distances between neighboring planes."""
        return np.diff(self.places[:, 0])


@dataclass(frozen=True, slots=True)
class Grid:
    """Describe the regular grid in the directions of a ``Placement``.

    Args:
        start: (3,) of the first voxel, mm along the axes.
        spacing: (slices, rows, columns) in mm.
        shape: (slices, rows, columns).
    """

    start: NDArray[np.float64]
    spacing: NDArray[np.float64]
    shape: tuple[int, int, int]

    def along(self, axis: int) -> NDArray[np.float64]:
        """Return the positions of voxels along an axis, mm."""
        return self.start[axis] + self.spacing[axis] * np.arange(self.shape[axis])


def regular_volume(
    scan: Scan,
    *,
    spacing_mm: tuple[float, float, float] | None = None,
    order: int = 1,
    fill: float | None = None,
    tolerance: float = 0.05,
    max_voxels: int = 2**28,
) -> Scan | None:
    """Resample a scan to a regular grid whose axes stand at right angles, covering all of its slices.

    A scan that is regular already comes back as it is, without a copy. Masks and maps over a scan's voxels are
    resampled the same way: ``regular_volume(replace(scan, voxels=mask), order=0, fill=0)``.

    Args:
        scan: Any order and spacing of slices.
        spacing_mm: (z, y, x); in plane as acquired, and the fine slice distances of the scan, unless given.
        order: 1 interpolates linearly, 0 takes the nearest voxel (masks).
        fill: Value outside the acquired slices; air for HU, else the scan's lowest value, unless given.
        tolerance: Part of a voxel by which slices may lie beside a regular grid before they are resampled.
        max_voxels: Bound for the result.

    Returns:
        Voxels (slices, rows, columns) of the same type, read-only; geometry regular and orthogonal, LPS mm, slices
        along their normal; flag ``resampled`` with the numbers. None where the scan claims no geometry.

    Raises:
        GeometryError: Two slices at one position, a spacing that is not positive, or another order than 0 and 1.
        LimitError: The grid would have more than ``max_voxels``.
    """
    if scan.geometry is None:
        return None
    if order not in (0, 1):
        raise GeometryError("Slices are interpolated linearly (order 1) or taken from the nearest voxel (order 0).")
    placement = _placement(scan.geometry)
    wanted = _wanted_spacing(placement, spacing_mm)
    if spacing_mm is None and is_regular(scan.geometry, tolerance=tolerance):
        return scan
    grid = _grid(placement, wanted, scan.voxels.shape[1:])
    if np.prod(grid.shape, dtype=np.int64) > max_voxels:
        raise LimitError("Slices lie so far apart that a regular volume would not fit into memory.")
    outside = _outside(scan) if fill is None else fill
    voxels = _filled(scan.voxels, placement, grid, order, outside)
    geometry = _grid_geometry(placement, grid)
    return replace(scan, voxels=voxels, geometry=geometry, flags=(*scan.flags, _flag(placement, grid, tolerance)))


def is_regular(geometry: Geometry, *, tolerance: float = 0.05) -> bool:
    """Tell whether slices are stacked evenly along their normal, in ascending order, with axes at right angles.

    Args:
        geometry: LPS mm.
        tolerance: Part of a voxel by which slices may lie beside the grid.
    """
    placement = _placement(geometry)
    if abs(placement.skew) > tolerance * placement.columns or np.any(np.diff(placement.order) < 0):
        return False
    shifts = np.abs(placement.places[:, 1:] - placement.places[0, 1:]) / (placement.rows, placement.columns)
    if len(placement.places) < 3:
        return bool(shifts.max() <= tolerance)
    gap = (placement.places[-1, 0] - placement.places[0, 0]) / (len(placement.places) - 1)
    even = placement.places[0, 0] + gap * np.arange(len(placement.places))
    return bool(shifts.max() <= tolerance and np.abs(placement.places[:, 0] - even).max() <= tolerance * gap)


def _placement(geometry: Geometry) -> Placement:
    """Express slice origins along the normal, the rows and the columns of the slices."""
    normal, columns = geometry.normal, float(np.linalg.norm(geometry.column_step))
    right = geometry.column_step / columns
    down = np.cross(normal, right)
    if len(geometry.slice_origins) > 1:
        # The normal follows the stack, so that the grid runs the way the slices do.
        along = geometry.positions_mm
        normal = normal if along[-1] >= along[0] else -normal
    axes = np.stack([normal, down, right])
    places = geometry.slice_origins @ axes.T
    order = np.argsort(places[:, 0], kind="stable")
    step = axes @ geometry.row_step
    return Placement(order, axes, places[order], float(step[1]), columns, float(step[2]))


def _wanted_spacing(placement: Placement, spacing: tuple[float, float, float] | None) -> NDArray[np.float64]:
    gaps = placement.gaps
    if gaps.size and gaps.min() < 1e-3:
        raise GeometryError("Two slices lie at one position; no volume can be made of them.")
    if spacing is not None:
        wanted = np.array(spacing, dtype=np.float64)
        if wanted.shape != (3,) or not np.all(np.isfinite(wanted)) or wanted.min() <= 0:
            raise GeometryError("The spacing of a volume needs three lengths above zero, in mm.")
        return wanted
    # Lower: a real gap of the series, not a mean of two.
    gap = np.percentile(gaps, FINE_GAP, method="lower") if gaps.size else 1.0
    even = gaps[np.abs(gaps - gap) < 0.1 * gap]
    return np.array([even.mean() if even.size else gap, placement.rows, placement.columns])


def _grid(placement: Placement, spacing: NDArray[np.float64], shape: tuple[int, ...]) -> Grid:
    """Cover every slice; half a voxel less is not worth another row."""
    rows, columns = shape
    skews = np.array([0.0, placement.skew * (rows - 1)])
    reach = np.array([0.0, placement.rows * (rows - 1), placement.columns * (columns - 1) + skews.max()])
    start = placement.places.min(axis=0) + (0.0, 0.0, skews.min())
    end = placement.places.max(axis=0) + reach
    counts = np.ceil((end - start) / spacing - 0.5).astype(int) + 1
    return Grid(start, spacing, (int(counts[0]), int(counts[1]), int(counts[2])))


def _grid_geometry(placement: Placement, grid: Grid) -> Geometry:
    normal, down, right = placement.axes
    first = grid.start @ placement.axes
    origins = first + np.arange(grid.shape[0])[:, None] * (normal * grid.spacing[0])
    parts = origins, down * grid.spacing[1], right * grid.spacing[2]
    for part in parts:
        part.flags.writeable = False
    return Geometry(*parts)


def _outside(scan: Scan) -> float:
    if scan.units is Units.HU:
        return AIR_HU
    if scan.voxels.dtype.kind != "f":
        return float(scan.voxels.min())
    finite = scan.voxels[np.isfinite(scan.voxels)]
    return float(finite.min()) if finite.size else 0.0


def _filled(voxels: NDArray, placement: Placement, grid: Grid, order: int, fill: float) -> NDArray:
    """Interpolate plane by plane; at most two native slices are held in the grid's plane at once."""
    result = np.empty(grid.shape, voxels.dtype)
    held: dict[int, NDArray] = {}
    for number, (lower, upper, weight) in enumerate(_neighbors(placement, grid, order)):
        held = {key: image for key, image in held.items() if key in (lower, upper)}
        for key in (lower, upper):
            if key not in held:
                held[key] = _in_plane(voxels[placement.order[key]], placement, grid, key, order, fill)
        image = held[lower] if weight == 0 else held[lower] + np.float32(weight) * (held[upper] - held[lower])
        result[number] = np.rint(image) if voxels.dtype.kind in "iu" and image.dtype.kind == "f" else image
    result.flags.writeable = False
    return result


def _neighbors(placement: Placement, grid: Grid, order: int) -> Iterator[tuple[int, int, float]]:
    """Yield for each plane of the grid the native slices below and above and the weight of the one above."""
    positions, last = placement.places[:, 0], len(placement.places) - 1
    for plane in grid.along(0):
        upper = int(np.clip(np.searchsorted(positions, plane), min(1, last), last))
        lower = max(upper - 1, 0)
        gap = positions[upper] - positions[lower]
        weight = float(np.clip((plane - positions[lower]) / gap, 0.0, 1.0)) if gap > 0 else 0.0
        # A plane within a hundredth of a gap of a slice is that slice: no work, no blur.
        if order == 0 or min(weight, 1 - weight) < 0.01:
            nearest = upper if weight >= 0.5 else lower
            yield nearest, nearest, 0.0
        else:
            yield lower, upper, weight


def _in_plane(image: NDArray, placement: Placement, grid: Grid, number: int, order: int, fill: float) -> NDArray:
    """Return one native slice on the grid's rows and columns."""
    if image.dtype == bool:
        image = image.view(np.uint8)
    if image.dtype.kind == "f":
        image = np.where(np.isfinite(image), image, image.dtype.type(fill))
    _, down, right = placement.places[number]
    rows = (grid.along(1) - down) / placement.rows
    if placement.skew:
        matrix = np.array([[grid.spacing[1] / placement.rows, 0.0], [0.0, grid.spacing[2] / placement.columns]])
        matrix[1, 0] = -placement.skew * grid.spacing[1] / placement.rows / placement.columns
        columns = (grid.start[2] - right - placement.skew * rows[0]) / placement.columns
        target = np.float32 if order else image.dtype
        return ndimage.affine_transform(
            image, matrix, (rows[0], columns), grid.shape[1:], target, order=order, cval=fill
        )
    columns = (grid.along(2) - right) / placement.columns
    return _sampled(_sampled(image, rows, 0, order, fill), columns, 1, order, fill)


def _sampled(image: NDArray, at: NDArray[np.float64], axis: int, order: int, fill: float) -> NDArray:
    """Sample an image along one axis at fractional indices; beyond half a voxel outside it is ``fill``."""
    size = image.shape[axis]
    inside = np.clip(at, 0, size - 1)
    low = np.floor(inside + 1e-6).astype(np.intp)
    part = np.clip(inside - low, 0.0, 1.0)
    if order == 0:
        low, part = np.rint(inside).astype(np.intp), np.zeros_like(part)
    if part.max() < 0.01:
        whole = len(at) == size and np.array_equal(low, np.arange(size))
        result = image if whole else image.take(low, axis)
    else:
        shape = [1, 1]
        shape[axis] = len(at)
        below = image.take(low, axis).astype(np.float32)
        above = image.take(np.minimum(low + 1, size - 1), axis)
        result = below + part.astype(np.float32).reshape(shape) * (above - below)
    missing = (at < -0.5) | (at > size - 0.5)
    if missing.any():
        result = result if result is not image else image.copy()
        result[(slice(None), missing) if axis else missing] = fill
    return result


def _flag(placement: Placement, grid: Grid, tolerance: float) -> QualityFlag:
    """Say how many planes of the grid no slice was acquired at."""
    distance = np.abs(grid.along(0)[:, None] - placement.places[None, :, 0]).min(axis=1)
    between = int((distance > tolerance * grid.spacing[0]).sum())
    z, y, x = grid.spacing
    message = (
        f"Resampled to a regular volume of {z:.2f} × {y:.2f} × {x:.2f} mm; "
        f"{between} of {grid.shape[0]} planes lie between acquired slices and are interpolated."
    )
    return QualityFlag("resampled", Severity.INFO, message)
