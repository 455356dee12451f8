"""Put artefacts of known strength into scans: noise of a sharp kernel, metal, vessels, jumps, cuts, ghosts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.types import Scan

ANGLES = 60


def changed(scan: Scan, voxels: NDArray) -> Scan:
    """Return the scan with other voxels of its own kind."""
    kind = scan.voxels.dtype
    if kind.kind in "iu":
        bounds = np.iinfo(kind)
        voxels = np.clip(np.rint(voxels), bounds.min, bounds.max)
    return replace(scan, voxels=voxels.astype(kind))


def turned(scan: Scan, quarters: int) -> Scan:
    """Turn every picture by quarters of a circle."""
    return replace(scan, voxels=np.ascontiguousarray(np.rot90(scan.voxels, quarters, (1, 2))))


def sharpened(scan: Scan, noise_hu: float, *, seed: int = 0) -> Scan:
    """Add noise whose spectrum rises up to the highest frequencies, as a kernel for bone leaves it."""
    white = np.random.default_rng(seed).standard_normal(scan.voxels.shape).astype(np.float32)
    high = white - ndimage.gaussian_filter(white, (0, 1.0, 1.0))
    return changed(scan, scan.voxels + noise_hu * high / high.std())


def grainy(scan: Scan, noise_hu: float, *, blur: float, seed: int = 0) -> Scan:
    """Add noise of low dose, smoothed over ``blur`` pixels, of a deviation of ``noise_hu``."""
    white = np.random.default_rng(seed).standard_normal(scan.voxels.shape).astype(np.float32)
    smooth = ndimage.gaussian_filter(white, (0, blur, blur))
    return changed(scan, scan.voxels + noise_hu * smooth / smooth.std())


def with_metal(scan: Scan, slices: range, *, radius_mm: float, starved: float = 0.5, side: int = 128) -> Scan:
    """Put two clips beside the head's middle into slices, with the streaks of rays that hardly pass them.

    The projections through metal are cut by a share, and the filtered back projection of what is missing is added
    (parallel beam, ramp filter: Kak and Slaney 1988, chapter 3).

    Args:
        scan: CT with geometry.
        slices: That get metal.
        radius_mm: Of each clip.
        starved: Share of the metal's attenuation that is lost; 0 leaves no streaks.
        side: Of the grid on which streaks are computed.
    """
    rows, columns = scan.voxels.shape[1:]
    row, column = np.mgrid[:rows, :columns]
    pixel, half = scan.spacing_mm[1], rows / 2
    clips = np.zeros((rows, columns), bool)
    for shift in (-0.12, 0.15):
        clips |= np.hypot(row - half, column - columns / 2 - shift * columns) * pixel <= radius_mm
    dense = ndimage.zoom(np.where(clips, 8000.0, 0.0), (side / rows, side / columns), order=1)
    streaks = ndimage.zoom(_streaks(dense, starved), (rows / side, columns / side), order=1)
    voxels = scan.voxels.astype(np.float32)
    for index in slices:
        voxels[index] = np.where(clips, 3071, np.minimum(voxels[index] + streaks, 3071))
    return changed(scan, np.clip(voxels, -1024, 3071))


def _streaks(dense: NDArray[np.float64], starved: float) -> NDArray[np.float64]:
    """Return what is reconstructed from the missing part of the projections of dense things."""
    angles = np.arange(ANGLES) * 180 / ANGLES
    rays = np.stack([ndimage.rotate(dense, a, reshape=False, order=1).sum(axis=0) for a in angles])
    lost = -starved * rays**2 / max(1.0, rays.max())
    ramp = np.abs(np.fft.fftfreq(dense.shape[1]))
    filtered = np.fft.ifft(np.fft.fft(lost, axis=1) * ramp, axis=1).real
    image = np.zeros_like(dense)
    for angle, line in zip(angles, filtered, strict=True):
        image += ndimage.rotate(np.tile(line, (len(dense), 1)), -angle, reshape=False, order=1)
    return image * np.pi / ANGLES


def with_vessels(scan: Scan, hu: float, *, radius_mm: float = 1.7) -> Scan:
    """Run contrast-filled tubes through the brain of every slice, on both sides, as arteries of the base do."""
    row, column = np.mgrid[: scan.voxels.shape[1], : scan.voxels.shape[2]]
    pixel = scan.spacing_mm[1]
    middle = (scan.voxels.shape[1] / 2, scan.voxels.shape[2] / 2)
    voxels = scan.voxels.copy()
    for index in range(len(voxels)):
        for side in (-1, 1):
            for number in range(4):
                place = middle[0] + (number * 14 - 25) / pixel, middle[1] + side * (8 + 7 * number) / pixel
                tube = np.hypot(row - place[0], column - place[1]) * pixel <= radius_mm + 0.4 * (number == 1)
                voxels[index][tube & (voxels[index] > -100) & (voxels[index] < 120)] = hu
    return changed(scan, voxels)


def jumped(scan: Scan, first: int, pixels: int) -> Scan:
    """Move the slices from ``first`` on sideways."""
    voxels = scan.voxels.copy()
    voxels[first:] = np.roll(voxels[first:], pixels, axis=2)
    return replace(scan, voxels=voxels)


def cut(scan: Scan, share: float, *, empty: float = -1000) -> Scan:
    """Cut off the right part of the head: ``share`` of its width, by the picture's border."""
    seen = np.flatnonzero((scan.voxels > (scan.voxels.max() + empty) / 8).any(axis=(0, 1)))
    columns = seen[-1] + 1 - round(share * (seen[-1] + 1 - seen[0]))
    return replace(scan, voxels=np.ascontiguousarray(scan.voxels[:, :, :columns]))


def ghosted(scan: Scan, strength: float) -> Scan:
    """Add the head's own picture, half a field of view away along the rows, as echo-planar imaging does."""
    half = scan.voxels.shape[1] // 2
    return changed(scan, scan.voxels + strength * np.roll(scan.voxels, half, axis=1))
