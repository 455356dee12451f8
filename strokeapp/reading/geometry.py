"""Bring slices to the house orientation by flips and transpositions, and measure what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.types import Geometry, Plane, QualityFlag, Severity

# Wanted direction of (columns to the right, rows downward, slices) in LPS, by the axis the slices run along.
WANTED = {
    0: ((1, +1.0), (2, -1.0), +1.0),  # sagittal: front on the left, head at the top, right to left
    1: ((0, +1.0), (2, -1.0), +1.0),  # coronal: right on the left, head at the top, front to back
    2: ((0, +1.0), (1, +1.0), +1.0),  # axial: right on the left, front at the top, feet to head
}
PLANES = {0: Plane.SAGITTAL, 1: Plane.CORONAL, 2: Plane.AXIAL}
OBLIQUE_COSINE = 0.8
"""A slice normal further than 37° from every axis makes a plane oblique: gantry tilts reach 30°."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Say how native slices become house slices.

    Args:
        transpose: Swap rows and columns first.
        flip_rows: Then turn rows over.
        flip_columns: Then turn columns over.
        reverse: Then reverse the order of slices.
    """

    transpose: bool
    flip_rows: bool
    flip_columns: bool
    reverse: bool

    def slice(self, image: NDArray) -> NDArray:
        """Turn one native slice (rows, columns); a view."""
        image = image.T if self.transpose else image
        return image[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def volume(self, voxels: NDArray) -> NDArray:
        """Turn a native volume (slices, rows, columns); a view."""
        voxels = voxels.transpose(0, 2, 1) if self.transpose else voxels
        step = -1 if self.reverse else 1
        return voxels[::step, :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def canonical(geometry: Geometry, rows: int, columns: int) -> tuple[Turn, Geometry, Plane]:
    """Find the flips and transpositions that show slices the way ``types.Scan`` says.

    Args:
        geometry: Native, LPS mm.
        rows: Native rows.
        columns: Native columns.

    Returns:
        The turn, the geometry after it, and the acquired plane.
    """
    normal = geometry.normal
    axis = int(np.argmax(np.abs(normal)))
    (column_axis, column_sign), (row_axis, row_sign), slice_sign = WANTED[axis]
    column_step, row_step = geometry.column_step, geometry.row_step
    unit = [step / np.linalg.norm(step) for step in (column_step, row_step)]
    straight = abs(unit[0][column_axis]) + abs(unit[1][row_axis])
    crossed = abs(unit[0][row_axis]) + abs(unit[1][column_axis])
    transpose = bool(crossed > straight)
    origins = geometry.slice_origins
    if transpose:
        column_step, row_step, rows, columns = row_step, column_step, columns, rows
    flip_columns = bool(column_step[column_axis] * column_sign < 0)
    if flip_columns:
        origins, column_step = origins + (columns - 1) * column_step, -column_step
    flip_rows = bool(row_step[row_axis] * row_sign < 0)
    if flip_rows:
        origins, row_step = origins + (rows - 1) * row_step, -row_step
    toward = np.sign(normal[axis]) * normal  # points to +axis whichever way the native normal points
    along = geometry.slice_origins @ toward
    reverse = bool((along[-1] - along[0]) * slice_sign < 0)
    turned = Geometry(*map(_frozen, (origins[::-1] if reverse else origins, row_step, column_step)))
    plane = PLANES[axis] if abs(normal[axis]) >= OBLIQUE_COSINE else Plane.OBLIQUE
    return Turn(transpose, flip_rows, flip_columns, reverse), turned, plane


def _frozen(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a read-only copy: scans are shared between sessions."""
    copy = np.array(values, dtype=np.float64)
    copy.flags.writeable = False
    return copy


OF_GEOMETRY = {"gantry_tilt", "missing_slices", "variable_spacing", "shifted_slices", "single_slice"}
"""Flags that ``quality_flags`` gives."""


def quality_flags(
    geometry: Geometry,
    *,
    tilt_from_degrees: float = 1.0,
    gap_tolerance: float = 0.1,
    jump_from_mm: float = 1.0,
    severe_missing_from: float = 0.25,
) -> tuple[QualityFlag, ...]:
    """Report tilt, missing slices, uneven spacing and slices shifted sideways.

    Args:
        geometry: LPS mm, slices in order.
        tilt_from_degrees: Smallest angle between slice normal and the line of the slices that is reported.
        gap_tolerance: Part of the median gap by which a gap may differ from it.
        jump_from_mm: Smallest sideways departure from the line of the slices that is reported.
        severe_missing_from: Part of the slices that must be missing for the loss to be severe.
    """
    flags: list[QualityFlag] = []
    if len(geometry.slice_origins) < 2:
        return (QualityFlag("single_slice", Severity.INFO, "A single slice: no neighbors to compare it with."),)
    tilt = geometry.tilt_degrees
    if tilt >= tilt_from_degrees:
        message = f"Slices are tilted by {tilt:.1f}° against the line they are stacked along (gantry tilt)."
        flags.append(QualityFlag("gantry_tilt", Severity.INFO, message))
    flags.extend(_gap_flags(geometry.slice_gaps_mm, gap_tolerance, severe_missing_from))
    jump = _largest_jump(geometry)
    if jump >= jump_from_mm:
        message = f"Slices are shifted sideways against each other by up to {jump:.1f} mm."
        flags.append(QualityFlag("shifted_slices", Severity.WARNING, message))
    return tuple(flags)


def distance_flags(
    geometry: Geometry, stated: float | None, thickness: float | None, *, tolerance: float = 0.05
) -> tuple[QualityFlag, ...]:
    """Report a distance of slices that is a whole multiple of the one the tags state, or a whole part of it.

    Where every second file is lost, what is left is evenly spaced: only the tag tells. It places nothing.

    Args:
        geometry: LPS mm, slices in order.
        stated: SpacingBetweenSlices in mm, or None.
        thickness: SliceThickness in mm, or None.
        tolerance: Part of the multiple by which the distance may differ from it.
    """
    if not stated or len(geometry.slice_origins) < 2:
        return ()
    measured, stated = geometry.spacing_mm[0], abs(stated)
    gap = thickness is not None and stated < thickness and abs(stated + thickness - measured) <= tolerance * measured
    ratio = max(measured / stated, stated / measured)
    if gap or round(ratio) < 2 or abs(ratio - round(ratio)) > tolerance * round(ratio):
        return ()  # some scanners state the gap between slices instead of the distance of their centers
    cause = "slices may be missing" if measured > stated else "several scans may lie between each other"
    message = f"Slices are {measured:.1f} mm apart where the tags state {stated:.1f} mm: {cause}."
    return (QualityFlag("spacing_disagrees", Severity.WARNING, message),)


def _gap_flags(gaps: NDArray[np.float64], tolerance: float, severe_from: float) -> list[QualityFlag]:
    """Tell whole missing slices (gaps that are multiples of the median) from uneven spacing."""
    usual = float(np.median(gaps))
    ratio = gaps / usual
    nearest = np.round(ratio)
    holes = (nearest >= 2) & (np.abs(ratio - nearest) <= tolerance * nearest)
    uneven = (np.abs(ratio - 1) > tolerance) & ~holes
    flags = []
    # Two spacings in one series (base thin, vertex thick) are a protocol, not a loss: holes are few and lonely.
    if holes.any() and holes.sum() > max(2, 0.2 * len(gaps)) and _one_block(holes):
        uneven, holes = uneven | holes, np.zeros_like(holes)
    if holes.any():
        missing = int((nearest[holes] - 1).sum())
        severe = missing >= severe_from * (missing + len(gaps) + 1)
        severity = Severity.SEVERE if severe else Severity.WARNING
        message = (
            f"{missing} slice(s) seem to be missing: a gap of {gaps[holes].max():.1f} mm "
            f"where slices are {usual:.1f} mm apart."
        )
        flags.append(QualityFlag("missing_slices", severity, message))
    if uneven.any():
        message = f"Slices are unevenly spaced: {gaps.min():.1f} to {gaps.max():.1f} mm apart."
        flags.append(QualityFlag("variable_spacing", Severity.WARNING, message))
    return flags


def _one_block(mask: NDArray[np.bool_]) -> bool:
    return int(np.count_nonzero(np.diff(mask.astype(int)) == 1) + mask[0]) == 1


def _largest_jump(geometry: Geometry) -> float:
    """Return the largest sideways distance (mm) of a slice origin from a straight line through all of them."""
    positions, origins = geometry.positions_mm, geometry.slice_origins
    if len(origins) < 3:
        return 0.0
    design = np.stack([np.ones_like(positions), positions], axis=1)
    fit = design @ np.linalg.lstsq(design, origins, rcond=None)[0]
    return float(np.linalg.norm(origins - fit, axis=1).max())
