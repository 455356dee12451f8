"""State facts of a marked lesion: side, level, size, gray against the other side, slices, quality flags.

Every sentence is a measurement put into words. Nothing here interprets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.errors import GeometryError, StrokeAppError
from strokeapp.imaging.head_crop import box_around, head_mask
from strokeapp.imaging.measures import largest_diameter_mm, volume_ml
from strokeapp.imaging.scan_input import Slab, gray_window, slab_gray
from strokeapp.inference.words import NAMES
from strokeapp.types import Finding, Plane, Reading, Scan, Severity, Units

SMALLEST_ML = 0.05
"""Below it a volume would be written 0.0."""
ONE_SIDE = 0.8
"""Share of the lesion on one side of the head's middle from which it is said to lie on that side."""


class Side(StrEnum):
    """Side of the patient, or of the picture where the patient's directions are not known."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both sides"


@dataclass(frozen=True)
class LesionFacts:
    """Hold what was measured of the pixels marked for one finding.

    Args:
        finding: They are marked for.
        slices: Indices of the slices with marked pixels, rising.
        parts: Number of connected parts.
        side: Of the patient; of the picture where ``sure_side`` is false; None off the axial plane.
        sure_side: The scan states the patient's directions.
        level_mm: From the lowest slice to the middle of the largest part along the slice normal; None without geometry.
        level_share: The same as a share of the scan's length, or of its slices.
        volume_ml, diameter_mm: Of all parts together, and of the largest; None without geometry.
        inside, mirrored: Mean voxel value in the lesion and in its mirror image on the head's other side, each nan
            where there is no such voxel.
        units: Of the two.
        flags: Messages of the scan's warnings.
    """

    finding: Finding
    slices: tuple[int, ...]
    parts: int
    side: Side | None
    sure_side: bool
    level_mm: float | None
    level_share: float
    volume_ml: float | None
    diameter_mm: float | None
    inside: float
    mirrored: float
    units: Units
    flags: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """Return the facts in words, one sentence each."""
        lines = [self._place(), self._level(), self._size(), self._gray()]
        lines += [f"Quality: {flag}" for flag in self.flags]
        return tuple(line for line in lines if line)

    def _place(self) -> str:
        first, last = self.slices[0] + 1, self.slices[-1] + 1
        where = f"slice {first}" if first == last else f"{len(self.slices)} slices from {first} to {last}"
        parts = "in one part" if self.parts == 1 else f"in {self.parts} parts"
        text = f"{NAMES[self.finding]} is marked on {where}, {parts}"
        if self.side is None:
            return f"{text}."
        if self.side is Side.BOTH:
            return f"{text}, on both sides of the head's middle."
        if self.sure_side:
            return f"{text}, on the patient's {self.side.value}."
        return f"{text}, on the picture's {self.side.value}; the file does not tell which side of the patient that is."

    def _level(self) -> str:
        middle = "Its middle lies" if self.parts == 1 else "The middle of the largest part lies"
        share = f"{self.level_share:.0%} of the way from the lowest slice to the highest"
        if self.level_mm is None:
            return f"{middle} {share}." if np.isfinite(self.level_share) else ""
        return f"{middle} {self.level_mm:.0f} mm above the lowest slice, {share}."

    def _size(self) -> str:
        if self.volume_ml is None:
            return "The file does not tell millimeters, so size is not given."
        size = f"{self.volume_ml:.1f} ml" if self.volume_ml >= SMALLEST_ML else "less than 0.1 ml"
        return f"It measures {size}; its largest part is {self.diameter_mm or 0.0:.0f} mm across."

    def _gray(self) -> str:
        if not np.isfinite((self.inside, self.mirrored)).all():
            return ""
        unit, change = self.units.value, self.inside - self.mirrored
        relation = "brighter" if change > 0 else "darker"
        return (
            f"Its mean is {self.inside:.0f} {unit}, {abs(change):.1f} {unit} {relation} than the mirrored place "
            f"({self.mirrored:.0f} {unit})."
        )


def lesion_facts(scan: Scan, reading: Reading, finding: Finding, *, cut: float) -> LesionFacts | None:
    """Measure what a reading's lesion map marks; None where it marks nothing.

    Args:
        scan: That was read, canonical orientation.
        reading: Of it.
        finding: One of the reading's.
        cut: Lesion probability from which a pixel counts, from the network's card.

    Raises:
        StrokeAppError: The reading has no map of that finding, or not over this scan.
    """
    lesion_map = reading.lesion_maps.get(finding)
    if lesion_map is None or len(lesion_map) != len(scan.voxels):
        raise StrokeAppError("The reading has no lesion map over this scan. Read the scan again.")
    mask = lesion_map >= cut * 255
    if not mask.any():
        return None
    labels, parts = ndimage.label(mask)
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    slices = tuple(int(k) for k in np.flatnonzero(mask.any((1, 2))))
    measures = _measures(scan, mask, largest)
    level_mm, level_share = _level(scan, largest)
    side, inside, mirrored = None, float("nan"), float("nan")
    if scan.plane in (Plane.AXIAL, Plane.UNKNOWN):
        shown = [_marked(scan, index, mask[index]) for index in slices]
        side, (inside, mirrored) = _side(scan, shown), _gray(scan, shown)
    warned = tuple(flag.message for flag in scan.flags if flag.severity is not Severity.INFO)
    return LesionFacts(
        finding, slices, parts, side, scan.oriented, level_mm, level_share, *measures, inside, mirrored,
        scan.units, warned,
    )  # fmt: skip


def _measures(scan: Scan, mask: NDArray[np.bool_], largest: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Return volume and diameter; None where slices at one position leave them undefined."""
    try:
        return volume_ml(mask, scan), largest_diameter_mm(largest, scan)
    except GeometryError:
        return None, None


def _level(scan: Scan, mask: NDArray[np.bool_]) -> tuple[float | None, float]:
    weights = mask.sum((1, 2))
    if len(weights) < 2:
        return None, float("nan")
    if scan.geometry is None:
        return None, float(weights @ np.arange(len(weights)) / weights.sum() / (len(weights) - 1))
    positions = scan.geometry.positions_mm
    above = np.abs(positions - positions[0])
    middle = float(weights @ above / weights.sum())
    return middle, middle / float(above.max())


def _full(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return one slice of a mask on the scan's own pixels (nearest)."""
    row, column = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(row, column)]


class _Marked(NamedTuple):
    """A slice with marked pixels: its index, what is marked, what is head, and the column of the head's middle."""

    index: int
    pixels: NDArray[np.bool_]
    head: NDArray[np.bool_]
    middle: float


def _marked(scan: Scan, index: int, mask: NDArray[np.bool_]) -> _Marked:
    shape = scan.voxels.shape[1:]
    head = head_mask(slab_gray(scan, Slab(index, index), gray_window(scan)))
    box = box_around(head, shape, margin=0.0)
    return _Marked(index, _full(mask, shape), _full(head, shape), (box.left + box.right) / 2 - 0.5)


def _side(scan: Scan, shown: Iterable[_Marked]) -> Side:
    """Count marked pixels on each side of the head's middle.

    The patient's left is where x of the patient frame (LPS) grows; where that is not known left is the picture's.
    """
    left = whole = 0
    left_is_beyond = scan.oriented and scan.geometry is not None and float(scan.geometry.column_step[0]) > 0
    for item in shown:
        columns = np.nonzero(item.pixels)[1]
        beyond = int((columns > item.middle).sum())
        left += beyond if left_is_beyond else len(columns) - beyond
        whole += len(columns)
    share = left / whole
    return Side.LEFT if share >= ONE_SIDE else Side.RIGHT if share <= 1 - ONE_SIDE else Side.BOTH


def _gray(scan: Scan, shown: Iterable[_Marked]) -> tuple[float, float]:
    """Return mean voxel values inside the mask and in its mirror image, without what is itself marked or not head."""
    inside, mirrored = [], []
    for item in shown:
        voxels = scan.voxels[item.index]
        row, column = np.nonzero(item.pixels)
        other = np.rint(2 * item.middle - column).astype(int)
        fits = (other >= 0) & (other < voxels.shape[1])
        inside.append(voxels[row, column])
        row, other = row[fits], other[fits]
        free = item.head[row, other] & ~item.pixels[row, other]
        mirrored.append(voxels[row[free], other[free]])
    return _mean(inside), _mean(mirrored)


def _mean(parts: list[NDArray]) -> float:
    values = np.concatenate(parts)
    return float(values.mean()) if values.size else float("nan")
