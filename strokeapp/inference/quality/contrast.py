"""Find contrast agent in the vessels on CT: bright voxels inside the brain, on both sides, over many slices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.inference.quality.morphology import eroded
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import QualityFlag, Severity, Units

VESSEL_HU = (110.0, 700.0)
"""Clotted blood ends at 90 to 100 HU, filled vessels begin above; metal and bone lie higher or at the margin."""
MARGIN = 3
"""Reduced pixels (about 5 mm) from the brain's outline that are left out: bone, and sinuses beside it."""
BLOCK = 2
"""Pixels averaged each way before the threshold, so that noise does not pass it."""
LEAST_ML = 3.0
"""Bright volume; physiological calcium of choroid plexus and pineal is below 1 ml, a filled circle of Willis with
its branches above 5."""
LEAST_SLICES, LEAST_SIDE = 4, 0.2
"""Slices on which bright voxels must lie, and their smallest share on either side of the head's middle."""


def contrast(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report vessels that are brighter than blood; nothing without geometry, since ml are asked for.

    Not severe: calcium of the basal ganglia on both sides looks the same. The tag alone is reported by reading.
    """
    if view.scan.units is not Units.HU or view.scan.geometry is None or len(view.scan.voxels) < LEAST_SLICES:
        return ()
    left, right = bright_ml(view)
    total, per_slice = left.sum() + right.sum(), left + right
    spread = (per_slice >= 0.02 * LEAST_ML).sum()
    if total < LEAST_ML or spread < LEAST_SLICES or min(left.sum(), right.sum()) < LEAST_SIDE * total:
        return ()
    message = (
        f"{total:.1f} ml inside the brain are brighter than blood, on both sides and {spread} slices: "
        "contrast agent in vessels, or calcium. The networks learned from plain CT."
    )
    return (QualityFlag("contrast_seen", Severity.WARNING, message),)


def bright_ml(view: HeadView) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ml of bright voxels per slice looked at, on the picture's left and right of the brain's middle."""
    gap, row, column = view.scan.spacing_mm
    gap *= len(view.scan.voxels) / len(view.index)
    volume = gap * row * column * BLOCK**2 / 1000
    sides = np.zeros((2, len(view.index)))
    for number in np.flatnonzero(view.shows_brain).tolist():
        inner = eroded(view.brain[number], iterations=MARGIN)
        if not inner.any():
            continue
        first, rectangle = _rectangle(inner, view.step)
        image = _blocks(view.scan.voxels[view.index[number]][rectangle])
        bright = np.argwhere((image > VESSEL_HU[0]) & (image < VESSEL_HU[1]))
        place = ((bright * BLOCK + first) / np.array(view.step)).astype(int)
        place = place[inner[place[:, 0], place[:, 1]]]
        middle = ndimage.center_of_mass(inner)[1]
        sides[:, number] = volume * np.array([(place[:, 1] < middle).sum(), (place[:, 1] >= middle).sum()])
    return sides[0], sides[1]


def _rectangle(inner: NDArray[np.bool_], step: tuple[float, float]) -> tuple[NDArray[np.intp], tuple[slice, slice]]:
    """Return the first pixel and the rows and columns of the scan that hold a mask, beginning with a whole block."""
    around = ndimage.find_objects(inner.astype(np.uint8))[0]
    starts = [int(side.start * k) // BLOCK * BLOCK for side, k in zip(around, step, strict=True)]
    # One block more than needed: the last may begin inside the mask and end outside of it.
    ends = [int(np.ceil(side.stop * k)) // BLOCK * BLOCK + BLOCK for side, k in zip(around, step, strict=True)]
    return np.array(starts), (slice(starts[0], ends[0]), slice(starts[1], ends[1]))


def _blocks(image: NDArray) -> NDArray[np.float32]:
    """Return means of BLOCK x BLOCK pixels; an odd last row or column is left out."""
    rows, columns = (n // BLOCK * BLOCK for n in image.shape)
    total = sum(image[i:rows:BLOCK, j:columns:BLOCK].astype(np.float32) for i in range(BLOCK) for j in range(BLOCK))
    return total / BLOCK**2
