"""Turn a scan into network input: gray values, slabs as thick as the training slices, head crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.imaging.network_input import SliceInput, slice_input
from strokeapp.imaging.windows import CT_PRESETS, WindowPreset, apply_window, percentile_window
from strokeapp.types import Modality, Scan, Units

BRAIN = CT_PRESETS[0]
SLAB_MM = 5.0
"""Thickness the CT training slices mostly have; thinner slices are averaged to it."""
THIN_MM = 3.0
"""CT slices from this spacing on are read one by one."""
MR_SLAB_MM, MR_THIN_MM = 3.0, 1.5
"""The same for MR, whose training slices are not averaged: only thin 3D acquisitions are."""


@dataclass(frozen=True)
class Slab:
    """Name neighboring slices that are read as one.

    Args:
        first, last: Slice indices, last included.
    """

    first: int
    last: int


@dataclass(frozen=True)
class ScanInput:
    """Hold all network input of one scan; ``inputs[i]`` shows ``slabs[i]``."""

    slabs: tuple[Slab, ...]
    inputs: tuple[SliceInput, ...]
    modality: Modality


def plan_slabs(
    slices: int, spacing_mm: float | None, *, slab_mm: float = SLAB_MM, thin_mm: float = THIN_MM
) -> tuple[Slab, ...]:
    """Group slices into slabs of about ``slab_mm``; slices of ``thin_mm`` or more stay alone.

    Args:
        slices: Number of slices.
        spacing_mm: Distance between slice planes, or None where not known.
    """
    thin = spacing_mm is not None and 0 < spacing_mm < thin_mm
    size = max(1, round(slab_mm / spacing_mm)) if thin else 1
    return tuple(Slab(first, min(first + size, slices) - 1) for first in range(0, slices, size))


def gray_window(scan: Scan) -> WindowPreset:
    """Return the window in which a scan is given to a network."""
    if scan.units is Units.HU:
        return BRAIN
    if scan.units is Units.GRAY:
        return WindowPreset("Full", 255, 127.5)
    return percentile_window(scan.voxels)


def pixel_aspect(scan: Scan) -> float:
    """Return row spacing over column spacing; 1 where no geometry is claimed."""
    spacing = scan.spacing_mm
    return spacing[1] / spacing[2] if spacing else 1.0


def slab_gray(scan: Scan, slab: Slab, window: WindowPreset) -> NDArray[np.float32]:
    """Return the mean of a slab's slices as gray in [0, 1]."""
    voxels = scan.voxels[slab.first : slab.last + 1]
    mean = voxels[0] if len(voxels) == 1 else voxels.mean(0, dtype=np.float32)
    return apply_window(mean, window)


def scan_input(
    scan: Scan,
    modality: Modality,
    *,
    size: int,
    margin: float,
    progress: Callable[[float], None] | None = None,
) -> ScanInput:
    """Make network input of every slice (or slab) of a scan.

    Args:
        scan: Canonical orientation, as reading returns it.
        modality: Of the network: decides how gray is leveled.
        size, margin: From the network's card.
        progress: Called with the share done.
    """
    spacing = scan.spacing_mm
    thick = {} if modality is Modality.CT else {"slab_mm": MR_SLAB_MM, "thin_mm": MR_THIN_MM}
    slabs = plan_slabs(len(scan.voxels), spacing[0] if spacing else None, **thick)
    window = gray_window(scan)
    aspect = pixel_aspect(scan)
    inputs = []
    for number, slab in enumerate(slabs, 1):
        gray = slab_gray(scan, slab, window)
        inputs.append(slice_input(gray, modality, size=size, aspect=aspect, margin=margin))
        if progress is not None:
            progress(number / len(slabs))
    return ScanInput(slabs, tuple(inputs), modality)
