"""Name what the viewer is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError
from strokeapp.types import Scan

Colormap = Literal["hot", "cool", "viridis", "cividis"]
COLORMAPS: tuple[Colormap, ...] = ("hot", "cool", "viridis", "cividis")


@dataclass(frozen=True)
class Overlay:
    """Hold a map that is laid over the slices.

    Args:
        label: As shown in the chooser; unique among the overlays shown together.
        values: (n, rows, columns) uint8, 255 = 1, stretched over the slice's field of view (edges of the
            first and last pixel meet the slice's edges), whatever its resolution.
        slice_indices: The slice each of the n maps belongs to; None = all slices in order.
        colormap: All are ordered in lightness, so that color vision is not needed.
        quantity: What the values are, as written beside the color bar; "probability" for maps and "relative
            attribution" for explanations, unless given.
        explains: Whether this explains a reading; overlays of some slices always do.
        shown: Put on show when the series is opened; of one kind the last one wins.
    """

    label: str
    values: NDArray[np.uint8]
    slice_indices: tuple[int, ...] | None = None
    colormap: Colormap = "hot"
    quantity: str = ""
    explains: bool = False
    shown: bool = False

    @property
    def kind(self) -> Literal["map", "explanation"]:
        """Tell maps of the whole series from explanations; one of each can be shown at a time."""
        return "explanation" if self.explains or self.slice_indices is not None else "map"


@dataclass(frozen=True)
class Strip:
    """Hold one probability per slice, drawn along the slices.

    Args:
        label: As shown beside the strip, e.g. the finding.
        values: One per slice, in [0, 1]; None where there is none.
        threshold: Operating point, in [0, 1].
        color: CSS color of the bars.
    """

    label: str
    values: tuple[float | None, ...]
    threshold: float
    color: str = "#6ea8d8"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold a second series that is shown beside the first, scrolling with it in mm.

    Args:
        scan: Voxels must stay unwritten while shown.
        same_frame: Whether both series state the same frame of reference; None where one states none.
    """

    scan: Scan
    same_frame: bool | None = None


@dataclass(frozen=True, slots=True)
class ViewerEvent:
    """Say what the reader asked for.

    Args:
        action: ``"explain"``: explain the reading of one slice.
        slice_index: Into the scan.
    """

    action: Literal["explain"]
    slice_index: int


def check_overlay(overlay: Overlay, scan: Scan) -> None:
    """Check that an overlay belongs to a scan.

    Raises:
        StrokeAppError: If the number of maps, a slice index or the color map is impossible.
    """
    slices = len(scan.voxels)
    indices = range(slices) if overlay.slice_indices is None else overlay.slice_indices
    fits = len(overlay.values) == len(indices) and all(0 <= index < slices for index in indices)
    if not fits or overlay.colormap not in COLORMAPS:
        raise StrokeAppError(
            f'The overlay "{overlay.label}" does not belong to this series.',
            detail=f"{len(overlay.values)} maps, indices {overlay.slice_indices}, {slices} slices, {overlay.colormap}",
            code="bad_overlay",
        )


def check_strip(strip: Strip, scan: Scan) -> None:
    """Check that a strip has one probability per slice of a scan.

    Raises:
        StrokeAppError: If it has not, or a number lies outside [0, 1].
    """
    numbers = [value for value in strip.values if value is not None] + [strip.threshold]
    if len(strip.values) != len(scan.voxels) or not all(0 <= number <= 1 for number in numbers):
        raise StrokeAppError(
            f'The probabilities "{strip.label}" do not belong to this series.',
            detail=f"{len(strip.values)} values for {len(scan.voxels)} slices, all numbers must lie in [0, 1]",
            code="bad_strip",
        )
