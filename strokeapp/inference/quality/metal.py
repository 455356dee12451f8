"""Find metal in the head on CT, and how much of the brain its streaks disturb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.imaging.head_crop import reduced
from strokeapp.inference.quality.morphology import dilated, eroded
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import QualityFlag, Severity, Units

METAL_HU = 2800.0
"""Above cortical bone (to about 2,200 HU, 2,700 with a sharp kernel) and below where 12-bit scanners end (3,071)."""
THINNING = 2
"""Every second pixel is looked at, each way: a clip of 3 mm still has 10 of them."""
LEAST_MM2 = 8.0
"""Area of metal on one slice that is worth a word; 8 thinned pixels where the spacing is not known."""
DEPTH = 8
"""Reduced pixels (about 14 mm) under the skin: inside the skull of a vault slice, so neither bone nor air is there."""
DISTURBED_HU = (-30.0, 110.0)
"""Outside of this, a reduced pixel deep in the vault is a streak (or air, or calcium)."""
VAULT = (0.4, 0.85)
"""Part of the way from the lowest slice with brain to the highest: above the skull base and below the cap of bone.
By place and not by area, since wide streaks hide the brain itself."""
SEVERE_DISTURBED, SEVERE_SLICES = 0.2, 1 / 3
"""A fifth of the deep pixels on a third of the vault slices: the networks see streaks, not brain."""


def metal(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report metal at the level of the brain; severe where streaks cover much of it on many slices.

    Teeth and fillings below the brain get a note only.
    """
    if view.scan.units is not Units.HU:
        return ()
    area = metal_mm2(view)
    found = area >= LEAST_MM2
    if not found.any():
        return ()
    level = _brain_level(view)
    if not (found & level).any():
        message = f"Metal below the brain (teeth or neck) on {found.sum()} slices looked at."
        return (QualityFlag("metal_below", Severity.INFO, message),)
    disturbed = np.array([disturbed_share(view, k) if found[k] and level[k] else 0.0 for k in range(len(found))])
    spoilt = disturbed >= SEVERE_DISTURBED
    severity = Severity.SEVERE if spoilt.sum() >= SEVERE_SLICES * _vault(view).sum() else Severity.WARNING
    message = (
        f"Metal at the level of the brain on {(found & level).sum()} of {len(found)} slices looked at "
        f"(up to {area[level].max() / 100:.1f} cm²); streaks disturb up to {disturbed.max():.0%} of a slice's brain."
    )
    return (QualityFlag("metal", severity, message),)


def metal_mm2(view: HeadView) -> NDArray[np.float64]:
    """Return per slice looked at the area of metal within 5 reduced pixels of the head, mm² (or thinned pixels)."""
    thin = view.scan.voxels[:, ::THINNING, ::THINNING]
    spacing = view.scan.spacing_mm
    pixel = 1.0 if spacing is None else spacing[1] * spacing[2] * THINNING**2
    area = np.zeros(len(view.index))
    for number, index in enumerate(view.index.tolist()):
        row, column = np.nonzero(thin[index] > METAL_HU)
        if row.size:
            near = dilated(view.head[number], iterations=5)
            scale = [THINNING / step for step in view.step]
            place = ((row * scale[0]).astype(int), (column * scale[1]).astype(int))
            area[number] = pixel * near[place].sum()
    return area


def _brain_level(view: HeadView) -> NDArray[np.bool_]:
    """Return which slices lie between the lowest and the highest that show brain; streaks may hide it between."""
    seen = np.flatnonzero(view.shows_brain)
    level = np.zeros(len(view.index), bool)
    if seen.size:
        level[seen[0] : seen[-1] + 1] = True
    return level


def _vault(view: HeadView) -> NDArray[np.bool_]:
    """Return which slices lie in the vault of the skull."""
    level = np.flatnonzero(_brain_level(view))
    vault = np.zeros(len(view.index), bool)
    if level.size:
        low, high = (round(level[0] + part * (level[-1] - level[0])) for part in VAULT)
        vault[low : high + 1] = True
    return vault


def disturbed_share(view: HeadView, number: int) -> float:
    """Return the share of pixels deep inside one slice's head whose HU no brain has; 0 off the vault.

    Args:
        view: Of a CT.
        number: Into the slices looked at.
    """
    if not _vault(view)[number]:
        return 0.0
    hu = reduced(view.scan.voxels[view.index[number]].astype(np.float32))
    deep = eroded(view.head[number], iterations=DEPTH)
    if not deep.any():
        return 0.0
    values = hu[deep]
    return float(((values < DISTURBED_HU[0]) | (values > DISTURBED_HU[1])).mean())
