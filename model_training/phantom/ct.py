"""Turn an anatomy into a plain CT: blur, beam hardening, streaks, noise, Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from model_training.phantom.anatomy import Head
from model_training.phantom.lesions import Lesion
from model_training.phantom.noise import ct_noise
from model_training.phantom.render import Sampling, render_slice
from model_training.phantom.shapes import Plane
from model_training.phantom.tissues import CT_HU, Tissue
from strokeapp.types import Geometry


@dataclass(frozen=True)
class CtProtocol:
    """Hold how the scanner is set.

    Args:
        slices: Number of slices, from the skull base to the vertex.
        size: Rows and columns.
        pixel_mm: Pixel spacing.
        gap_mm: Distance of slice planes.
        lowest_mm: Height of the lowest slice in the head frame.
        tilt_degrees: Gantry tilt; the table still moves along z, so that slices are sheared.
        noise_hu: Standard deviation in the brain.
        blur_mm: Standard deviation of the point spread function.
    """

    slices: int = 32
    size: int = 512
    pixel_mm: float = 0.46
    gap_mm: float = 4.8
    lowest_mm: float = -62.0
    tilt_degrees: float = 0.0
    noise_hu: float = 2.9
    blur_mm: float = 0.42


def ct_geometry(protocol: CtProtocol) -> Geometry:
    """Place the slices in LPS mm; with a tilt the rows lean toward the feet at the front or back."""
    angle = np.radians(protocol.tilt_degrees)
    column_step = np.array([protocol.pixel_mm, 0.0, 0.0])
    row_step = protocol.pixel_mm * np.array([0.0, np.cos(angle), -np.sin(angle)])
    half = (protocol.size - 1) / 2
    first = -half * (column_step + row_step) + np.array([0.0, -5.0, protocol.lowest_mm])
    table = protocol.gap_mm / np.cos(angle)
    origins = first + np.arange(protocol.slices)[:, None] * np.array([0.0, 0.0, table])
    return Geometry(slice_origins=origins, row_step=row_step, column_step=column_step)


def render_ct(
    head: Head, lesion: Lesion, protocol: CtProtocol, rng: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.bool_], Geometry]:
    """Render a CT study.

    Returns:
        Voxels (slices, rows, columns) int16 HU, feet to head; lesion mask of the same shape; geometry (LPS, mm).
    """
    geometry = ct_geometry(protocol)
    sampling = Sampling(geometry, protocol.size, protocol.size, protocol.gap_mm)
    shape = (protocol.slices, protocol.size, protocol.size)
    voxels, mask = np.empty(shape, np.int16), np.empty(shape, np.bool_)
    for index in range(protocol.slices):
        values, lesion_part = render_slice(head, lesion, CT_HU, sampling, index, support=True)
        voxels[index] = _acquire(values, protocol, rng)
        mask[index] = lesion_part > 0.5
    return voxels, mask, geometry


def _acquire(values: Plane, protocol: CtProtocol, rng: np.random.Generator) -> NDArray[np.int16]:
    """Add what the scanner adds to true HU."""
    bone = np.clip(values - 250.0, 0.0, 1200.0)
    image = gaussian_filter(values, protocol.blur_mm / protocol.pixel_mm, truncate=3.0)
    coarse = gaussian_filter(bone[::4, ::4], 4.0 / (4 * protocol.pixel_mm), truncate=3.0)
    near_bone = np.kron(coarse, np.ones((4, 4), np.float32))
    near_bone = gaussian_filter(near_bone, 3.0, truncate=2.0)
    image += 0.011 * near_bone
    water = gaussian_filter((values[::4, ::4] > -300.0).astype(np.float32), 9.0)
    path = np.kron(water, np.ones((4, 4), np.float32)) ** 2
    texture = ct_noise(rng, values.shape, pixel_mm=protocol.pixel_mm, peak_per_mm=0.17)
    image += protocol.noise_hu * (0.04 + 1.01 * path) * texture
    image += _streaks(bone, path, rng)
    return np.clip(np.rint(image), CT_HU[Tissue.AIR] - 24.0, 3071.0).astype(np.int16)


def _streaks(bone: Plane, path: Plane, rng: np.random.Generator) -> Plane:
    """Return dark bands and streaks across the picture where much bone lies in the row (petrous bones)."""
    load = bone.mean(axis=1) / 100.0
    load = np.maximum(gaussian_filter(load, 3.0) - 1.6, 0.0)
    ripple = gaussian_filter(rng.standard_normal(len(load), dtype=np.float32), 1.6) * 5.0
    return (load * (ripple - 1.6)).astype(np.float32)[:, None] * path
