"""Tell whether the slices reach from the skull base to the vertex, from the brain's own area on each slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.inference.quality.view import HeadView
from strokeapp.types import Modality, QualityFlag, Severity

FEWEST_SLICES = 5
"""Fewer slices are no stack whose ends could be judged; a picture alone is not meant to cover a brain."""
MOST_AT_VERTEX = 0.5
"""Area on the highest slice over the largest area; 0.33 at most on 201 whole volumes, 1 where the top is missing."""
MOST_AT_BASE = 0.6
"""The same for the lowest slice on CT; 0.46 at most on 201 whole volumes."""
MOST_AT_VERTEX_MR = 0.75
"""The same of the head's outline, which ends more bluntly than the brain."""
LEAST_MM = 90.0
"""Least height of the brain-bearing slices; an adult brain is 120 to 150 mm high."""


def coverage(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report brain that the slices do not reach.

    Never severe: what is shown can be read, and the flag says that the rest was not seen.
    """
    area = view.brain.sum(axis=(1, 2)).astype(float)
    seen = np.flatnonzero(view.shows_brain)
    if len(view.scan.voxels) < FEWEST_SLICES or len(seen) < 2:
        return ()
    flags = _ends(view, area / np.percentile(area, 95))
    height = _height_mm(view, seen)
    if height is not None and height < LEAST_MM:
        message = f"The slices that show the head's inside span {height:.0f} mm; a whole brain takes 120 mm or more."
        flags.append(QualityFlag("short_coverage", Severity.WARNING, message))
    return tuple(flags)


def _ends(view: HeadView, share: NDArray[np.float64]) -> list[QualityFlag]:
    is_mr = view.scan.modality is Modality.MR
    flags = []
    if share[-1] > (MOST_AT_VERTEX_MR if is_mr else MOST_AT_VERTEX):
        message = f"The vertex is not covered: the highest slice still shows {share[-1]:.0%} of the largest brain area."
        flags.append(QualityFlag("vertex_missing", Severity.WARNING, message))
    # An MR outline holds face and neck, which do not get smaller toward the feet.
    if not is_mr and share[0] > MOST_AT_BASE:
        message = f"The skull base is not covered: the lowest slice shows {share[0]:.0%} of the largest brain area."
        flags.append(QualityFlag("base_missing", Severity.WARNING, message))
    return flags


def _height_mm(view: HeadView, seen: NDArray[np.intp]) -> float | None:
    """Return the height of the brain-bearing slices with their own thickness, or None without geometry."""
    geometry = view.scan.geometry
    if geometry is None:
        return None
    positions = geometry.positions_mm[view.index[seen]]
    return float(np.ptp(positions) + np.median(geometry.slice_gaps_mm))
