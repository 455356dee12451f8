"""Find parts of an MR head that hold no measurement: slices without image, heads cut straight, blocks of one value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.inference.quality.morphology import eroded, opened
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import Modality, QualityFlag, Severity

LARGE = 0.5
"""Share of the largest outline: an empty slice beside such a one is lost, not the end of the head."""
LOST_SLICES = 0.1
"""Lost slices over those with a head, from which on nothing is read."""
STRAIGHT = 0.2
"""Share of an outline on one row or column; the flattest side of an oval has 0.07."""
BLOCK = 0.1
"""Share of the head in one thick patch of a single value; ventricles and skull that were set to 0 are thinner."""
FEWEST = 0.2
"""Share of the large slices that must be cut or patched."""
NEAR = 2
"""Reduced pixels from the picture's border, where a cut is the field of view's: see ``cropping``."""


def gaps(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report severely that a large part of an MR head holds no measurement (NaN, or one value all over)."""
    area = view.head.sum(axis=(1, 2))
    if view.scan.modality is not Modality.MR or not area.any():
        return ()
    lost = lost_slices(view, area)
    if lost >= LOST_SLICES * (area > 0).sum() and lost:
        return _flag(f"{lost} of the {len(area)} slices looked at hold no image where the head goes on.")
    large = np.flatnonzero(area > LARGE * area.max()).tolist()
    wanted = max(1.0, FEWEST * len(large))
    cut = sum(straight_share(view.head[k]) >= STRAIGHT for k in large)
    if cut >= wanted:
        return _flag(f"The head ends along a straight line on {cut} of {len(large)} slices: a part of it is missing.")
    patched = sum(patch_share(view, k) >= BLOCK for k in large)
    if patched >= wanted:
        return _flag(f"A large part of the head has one single value on {patched} of {len(large)} slices.")
    return ()


def _flag(what: str) -> tuple[QualityFlag, ...]:
    message = f"{what} The file is damaged or was cut; export the series again."
    return (QualityFlag("part_missing", Severity.SEVERE, message),)


def lost_slices(view: HeadView, area: NDArray[np.intp]) -> int:
    """Return how many slices without image lie between slices of the head, or beside a large one at an end.

    Args:
        view: Of an MR.
        area: (n,) of the head's outline per slice looked at.
    """
    empty = np.ptp(view.gray, axis=(1, 2)) == 0
    runs, count = ndimage.label(empty)
    lost = 0
    for number in range(1, count + 1):
        run = np.flatnonzero(runs == number)
        beside = [area[k] for k in (run[0] - 1, run[-1] + 1) if 0 <= k < len(area)]
        inside = len(beside) == 2 and min(beside) > 0
        if inside or max(beside, default=0) > LARGE * area.max():
            lost += len(run)
    return lost


def straight_share(head: NDArray[np.bool_]) -> float:
    """Return the largest share of a head's outline that lies on one row or column away from the picture's border."""
    outline = head & ~eroded(head)
    inner = outline[NEAR:-NEAR, NEAR:-NEAR]
    most = max(inner.sum(axis=0).max(initial=0), inner.sum(axis=1).max(initial=0))
    return float(most / max(1, outline.sum()))


def patch_share(view: HeadView, number: int) -> float:
    """Return the share of one slice's head that lies in thick patches of a single voxel value.

    Args:
        view: Of an MR.
        number: Into the slices looked at.
    """
    head = view.head[number]
    image = view.scan.voxels[view.index[number]]
    row, column = (
        np.minimum((np.arange(n) * k).astype(int), m - 2)
        for n, k, m in zip(head.shape, view.step, image.shape, strict=True)
    )
    here = image[np.ix_(row, column)]
    same = (here == image[np.ix_(row + 1, column)]) & (here == image[np.ix_(row, column + 1)])
    return float(opened(same & head).sum() / max(1, head.sum()))
