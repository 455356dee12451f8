"""Turn an anatomy into an MR image: FLAIR, or diffusion with the look of echo-planar imaging."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from model_training.phantom.anatomy import Head
from model_training.phantom.lesions import Lesion
from model_training.phantom.noise import rician
from model_training.phantom.render import Sampling, render_slice
from model_training.phantom.shapes import Plane
from model_training.phantom.tissues import DIFFUSION, FLAIR, Palette
from strokeapp.types import Geometry, Sequence


@dataclass(frozen=True)
class MrProtocol:
    """Hold how the scanner is set.

    Args:
        sequence: ``FLAIR`` or ``DWI``.
        slices: Number of slices.
        size: Rows and columns of the acquired matrix.
        pixel_mm: Acquired pixel spacing.
        interpolation: Whole factor by which the scanner interpolates in the plane.
        gap_mm: Distance of slice planes.
        thickness_mm: Of a slice.
        lowest_mm: Height of the lowest slice in the head frame.
        noise: Standard deviation of each receiver channel, in the palette's units.
        bias: Relative half range of the receiver's smooth shading.
        epi_shift_mm: Greatest displacement along the phase direction near air.
    """

    sequence: Sequence = Sequence.FLAIR
    slices: int = 24
    size: int = 256
    pixel_mm: float = 0.9
    interpolation: int = 1
    gap_mm: float = 5.5
    thickness_mm: float = 5.0
    lowest_mm: float = -50.0
    noise: float = 12.0
    bias: float = 0.12
    epi_shift_mm: float = 0.0


FLAIR_PROTOCOL = MrProtocol()
DWI_PROTOCOL = MrProtocol(
    sequence=Sequence.DWI,
    size=128,
    pixel_mm=1.8,
    interpolation=2,
    noise=11.0,
    bias=0.08,
    epi_shift_mm=7.0,
)

_PALETTES: dict[Sequence, Palette] = {Sequence.FLAIR: FLAIR, Sequence.DWI: DIFFUSION}


@dataclass(frozen=True)
class _EpiSampling(Sampling):
    """Sample space as echo-planar imaging does: signal near air moves along y."""

    shift_mm: float = 0.0

    def coordinates(self, index: int, offset_mm: float) -> NDArray[np.float64]:
        coordinates = super().coordinates(index, offset_mm)
        coordinates[..., 1] += self.shift_mm * _off_resonance(coordinates)
        return coordinates


def _off_resonance(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the field error around the paranasal sinuses and the mastoids (LPS mm), at most about 1."""
    x, y, z = (coordinates[..., axis] for axis in range(3))
    sinuses = np.exp(-((x / 24.0) ** 2) - ((y + 62.0) / 34.0) ** 2 - ((z + 34.0) / 17.0) ** 2)
    mastoids = np.exp(-(((np.abs(x) - 52.0) / 18.0) ** 2) - ((y - 18.0) / 20.0) ** 2 - ((z + 42.0) / 14.0) ** 2)
    return sinuses - 0.5 * mastoids


def mr_geometry(protocol: MrProtocol) -> Geometry:
    """Place the pixels of the stored (interpolated) matrix in LPS mm."""
    pixel, size = protocol.pixel_mm / protocol.interpolation, protocol.size * protocol.interpolation
    half = (size - 1) / 2 * pixel
    first = np.array([-half, -half - 4.0, protocol.lowest_mm])
    origins = first + np.arange(protocol.slices)[:, None] * np.array([0.0, 0.0, protocol.gap_mm])
    return Geometry(
        slice_origins=origins, row_step=np.array([0.0, pixel, 0.0]), column_step=np.array([pixel, 0.0, 0.0])
    )


def render_mr(
    head: Head, lesion: Lesion, protocol: MrProtocol, rng: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.bool_], Geometry]:
    """Render an MR study.

    Returns:
        Voxels (slices, rows, columns) int16 in arbitrary units, feet to head; lesion mask of the same shape;
        geometry (LPS, mm). The mask moves with the distortion of the image.
    """
    acquired = mr_geometry(replace(protocol, interpolation=1))
    sampling = _EpiSampling(
        acquired, protocol.size, protocol.size, protocol.thickness_mm, samples=3, shift_mm=protocol.epi_shift_mm
    )
    size = protocol.size * protocol.interpolation
    voxels = np.empty((protocol.slices, size, size), np.int16)
    mask = np.empty(voxels.shape, np.bool_)
    shading = _receiver_shading(protocol, rng)
    for index in range(protocol.slices):
        values, part = render_slice(head, lesion, _PALETTES[protocol.sequence], sampling, index, support=False)
        if protocol.epi_shift_mm:
            values = values * _pile_up(sampling, index)
            values = values + 0.025 * np.roll(values, protocol.size // 2, axis=0)
        image = rician(rng, gaussian_filter(values, 0.5) * shading, sigma=protocol.noise)
        voxels[index] = np.clip(np.rint(_interpolate(image, protocol.interpolation)), 0, 4095)
        mask[index] = _interpolate(part, protocol.interpolation) > 0.5
    return voxels, mask, mr_geometry(protocol)


def _interpolate(image: Plane, factor: int) -> Plane:
    """Enlarge a picture so that its pixel areas stay where they are in ``mr_geometry``."""
    if factor == 1:
        return image
    return zoom(image, factor, order=3, mode="nearest", grid_mode=True)


def _pile_up(sampling: _EpiSampling, index: int) -> Plane:
    """Return the intensity factor of the distortion: the Jacobian along y, so that signal is kept."""
    here = Sampling.coordinates(sampling, index, 0.0)
    field = sampling.shift_mm * _off_resonance(here)
    stretch = np.gradient(field, axis=0) / np.linalg.norm(sampling.geometry.row_step)
    return np.clip(1.0 + 1.6 * stretch, 0.3, 2.2).astype(np.float32)


def _receiver_shading(protocol: MrProtocol, rng: np.random.Generator) -> Plane:
    """Return smooth shading, brighter toward the coil elements around the head."""
    axis = np.linspace(-1.0, 1.0, protocol.size, dtype=np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    tilt = rng.uniform(-0.4, 0.4, 2)
    shading = tilt[0] * x + tilt[1] * y + 0.9 * (x**2 + y**2) - 0.3
    return (1.0 + protocol.bias * shading).astype(np.float32)
