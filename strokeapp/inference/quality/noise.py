"""Measure the noise inside the brain on CT: at the scanner's pixels (a kernel for bone) and as the networks see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.imaging.head_crop import reduced
from strokeapp.inference.quality.morphology import eroded
from strokeapp.inference.quality.orientation import large_slices
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import QualityFlag, Severity, Units

MOST_SLICES = 6
DEPTH = 10
"""Reduced pixels (about 18 mm) under the skin, looked at where noise itself leaves no brain that could be outlined."""
MARGIN = 4
"""Reduced pixels (about 7 mm) from the brain's outline: edges of bone are no noise."""
LEAST_PIXELS = 100
LAPLACE = (np.array([1.0, -2.0, 1.0]), 6.0)
"""Difference of two Laplacians, separable, and the deviation it gives white noise of one (Immerkær 1996)."""
BONE_KERNEL_HU = 6.0
"""High-pass noise; see docs/suitability.md for what soft and sharp reconstructions have."""
TAGGED_HU = 3.0
"""The same where the tags name a kernel for bone."""
SEEN_HU = 12.0
"""Noise left at reduced pixels (1.8 mm): twice the difference of gray and white matter."""


@dataclass(frozen=True)
class Noise:
    """Hold standard deviations in HU, medians over the slices measured.

    Args:
        fine: High-pass noise at the scanner's pixels.
        seen: The same at reduced pixels, about as the networks see it.
    """

    fine: float
    seen: float


def brain_noise(view: HeadView) -> Noise | None:
    """Measure noise inside the brain of a few large slices, None where none is large enough.

    Robust (median absolute value times 1.4826), so that ventricles, calcium and vessels do not count.
    """
    if view.scan.units is not Units.HU:
        return None
    area = view.head.sum(axis=(1, 2))
    large = large_slices(view) if view.shows_brain.any() else np.flatnonzero(area >= 0.8 * max(1, area.max()))
    if not large.size:
        return None
    chosen = large[np.unique(np.linspace(0, len(large) - 1, MOST_SLICES).round().astype(int))]
    found = [_slice_noise(view, number) for number in chosen.tolist()]
    found = [pair for pair in found if pair is not None]
    return Noise(*np.median(found, axis=0).tolist()) if found else None


def _slice_noise(view: HeadView, number: int) -> tuple[float, float] | None:
    inner = eroded(view.brain[number], iterations=MARGIN)
    if inner.sum() < LEAST_PIXELS:
        inner = eroded(view.head[number], iterations=DEPTH)
    if inner.sum() < LEAST_PIXELS:
        return None
    rows, columns = ndimage.find_objects(inner.astype(np.uint8))[0]
    image = view.scan.voxels[view.index[number]].astype(np.float32)
    full = tuple(slice(round(s.start * k), round(s.stop * k)) for s, k in zip((rows, columns), view.step, strict=True))
    wide = _enlarged(inner[rows, columns], image[full].shape)
    return _high_pass(image[full], wide), _high_pass(reduced(image)[rows, columns], inner[rows, columns])


def _enlarged(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    row, column = ((np.arange(n) * m // n) for n, m in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(row, column)]


def _high_pass(image: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the deviation of white noise that would leave as much after the mask of Laplacians."""
    kernel, gain = LAPLACE
    once = ndimage.correlate1d(image, kernel, axis=0)
    twice = ndimage.correlate1d(once, kernel, axis=1)
    return float(1.4826 * np.median(np.abs(twice[inside])) / gain)


def noise(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report a reconstruction for bone, and severely noise that hides the brain from the networks."""
    measured = brain_noise(view)
    if measured is None:
        return ()
    if measured.seen >= SEEN_HU:
        message = f"Noise hides the brain: {measured.seen:.0f} HU are left at 2 mm, gray and white matter differ by 7."
        return (QualityFlag("noisy", Severity.SEVERE, message),)
    tagged = any(flag.code == "bone_kernel_tag" for flag in view.scan.flags)
    if measured.fine < (TAGGED_HU if tagged else BONE_KERNEL_HU):
        return ()
    message = (
        f"The brain shows {measured.fine:.0f} HU of fine noise, as images made for bone do (sharp kernel) or with very "
        "little dose; read the series made for brain if there is one."
    )
    return (QualityFlag("sharp_kernel", Severity.WARNING, message),)
