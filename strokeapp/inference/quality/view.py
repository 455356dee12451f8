"""Look once at every slice: reduced gray, the head's outline, the brain inside the skull. Every check uses this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.imaging.head_crop import filled, head_mask, reduced
from strokeapp.imaging.scan_input import Slab, gray_window, slab_gray
from strokeapp.inference.quality.morphology import dilated, eroded, opened
from strokeapp.types import Modality, Scan

MOST_SLICES = 48
"""Of a longer volume this many evenly spaced slices are looked at: a head is 150 mm high, so 3 to 4 mm apart."""
BONE_GRAY = 0.93
"""74 HU in the brain window: skull; fresh clot stays below for the most part."""
BRAIN_GRAY = (0.03, 0.93)
"""2 to 74 HU: brain, fluid, clot; neither skull nor air nor fat."""
MR_TISSUE = 0.12
"""Share of the slice's 99th percentile below which an MR pixel is air, bone or fluid."""
MOST_HEAD = 0.9
"""Share of the picture from which on an MR outline is the noise of an empty slice."""
LEAST_PART = 0.004
"""Share of the picture that a part must fill: about 2 cm2."""
LEAST_BONE = 0.6
"""Share of a part's outline that must lie against bone; a neck has 0.2, a skull after craniectomy 0.7."""
REACH = 3
"""Reduced pixels between brain and bone that still count as lying against it: fluid and the opening's rounding."""
LEAST_BRAIN = 0.01
"""Share of the picture from which on a slice counts as showing brain; a vertex slice has 2 to 5 %."""


@dataclass(frozen=True)
class HeadView:
    """Hold what every check looks at; all pictures are reduced to at most 128 pixels a side.

    Args:
        scan: Looked at.
        index: (n,) slices of the scan that were looked at, rising.
        gray: (n, rows, columns) in [0, 1], as the networks see it.
        head: Same shape: filled outline of the largest thing.
        brain: Same shape: on CT and pictures what lies inside the skull, on MR the head itself.
        step: (row, column) pixels of the scan per reduced pixel.
        pixel_mm: (row, column) of a reduced pixel, or None where no geometry is claimed.
    """

    scan: Scan
    index: NDArray[np.intp]
    gray: NDArray[np.float32]
    head: NDArray[np.bool_]
    brain: NDArray[np.bool_]
    step: tuple[float, float]
    pixel_mm: tuple[float, float] | None

    @cached_property
    def shows_brain(self) -> NDArray[np.bool_]:
        """Return (n,) which slices show brain: the run of slices with most of it, gaps of a slice or two bridged."""
        area = self.brain.mean(axis=(1, 2))
        enough = area >= LEAST_BRAIN
        runs, count = ndimage.label(ndimage.binary_closing(np.pad(enough, 2))[2:-2])
        if count < 2:
            return enough
        largest = 1 + int(np.argmax(ndimage.sum_labels(area, runs, np.arange(1, count + 1))))
        return enough & (runs == largest)


def look(scan: Scan, *, most: int = MOST_SLICES) -> HeadView:
    """Reduce the slices of a scan and outline head and brain on each.

    Args:
        scan: Axial, canonical orientation.
        most: Largest number of slices looked at; they are evenly spaced.
    """
    count, window = len(scan.voxels), gray_window(scan)
    index = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))
    gray = np.stack([reduced(np.ascontiguousarray(slab_gray(scan, Slab(k, k), window))) for k in index.tolist()])
    if scan.modality is Modality.MR:
        head = np.stack([_mr_head(image) for image in gray])
        brain = head
    else:
        head = np.stack([head_mask(image) for image in gray])
        brain = np.stack([inside_skull(image, outline) for image, outline in zip(gray, head, strict=True)])
    step = (scan.voxels.shape[1] / gray.shape[1], scan.voxels.shape[2] / gray.shape[2])
    spacing = scan.spacing_mm
    pixel = None if spacing is None else (spacing[1] * step[0], spacing[2] * step[1])
    return HeadView(scan, index, gray, head, brain, step, pixel)


def _mr_head(gray: NDArray[np.float32]) -> NDArray[np.bool_]:
    top = float(np.percentile(gray, 99))
    head = head_mask(gray / top, tissue=MR_TISSUE) if top > 0 else np.zeros(gray.shape, bool)
    return head if head.mean() < MOST_HEAD else np.zeros(gray.shape, bool)


def inside_skull(gray: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the tissue that bone surrounds, fluid included; sutures and holes of the skull are bridged.

    Tissue is opened with a disk of 12 mm, so that what leads through a gap falls away; each part left must lie against
    bone along most of its outline. Where the picture's border cuts the head, the border stands for bone.

    Args:
        gray: (rows, columns) in [0, 1], brain window.
        head: Outline of the head.
    """
    tissue = head & (gray > BRAIN_GRAY[0]) & (gray < BRAIN_GRAY[1])
    core = opened(tissue)
    labels, count = ndimage.label(core)
    brain = np.zeros(gray.shape, bool)
    bone = np.pad(gray > BONE_GRAY, 1, constant_values=True)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        part = labels[place] == number
        if part.sum() < LEAST_PART * gray.size:
            continue
        whole = filled(part)
        if _bone_share(whole, place, bone) >= LEAST_BONE:
            brain[place] |= whole
    return brain


def _bone_share(part: NDArray[np.bool_], place: tuple[slice, slice], bone: NDArray[np.bool_]) -> float:
    """Return the share of a part's outline within ``REACH`` pixels of bone.

    Args:
        part: (rows, columns) of the rectangle ``place``, without holes.
        place: In the picture.
        bone: Of the picture, with one pixel of bone around it.
    """
    outline = part & ~eroded(part)
    rows, columns = (slice(max(0, s.start + 1 - REACH), s.stop + 1 + REACH) for s in place)
    near = dilated(bone[rows, columns], iterations=REACH)
    top, left = place[0].start + 1 - rows.start, place[1].start + 1 - columns.start
    near = near[top : top + part.shape[0], left : left + part.shape[1]]
    return float((outline & near).sum() / max(1, outline.sum()))
