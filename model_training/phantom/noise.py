"""Make random fields: folds and textures in space, and the noise of a CT and of an MR image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from model_training.phantom.shapes import Plane, Points


class Field:
    """Hold a periodic band-limited Gaussian field of unit variance, sampled by linear interpolation.

    Args:
        grid: (n, n, n) values over x, y, z.
        spacing_mm: Between grid nodes.
    """

    def __init__(self, grid: NDArray[np.float32], spacing_mm: float) -> None:
        self._grid = grid
        self._spacing = spacing_mm

    @classmethod
    def draw(cls, rng: np.random.Generator, *, wavelength_mm: float, nodes: int = 96, per_wave: int = 9) -> Field:
        """Draw a field whose spectrum is a ring around one wavelength (relative width 0.22)."""
        frequency = _radial_frequency((nodes,) * 3) * per_wave
        ring = np.exp(-(((frequency - 1.0) / 0.22) ** 2)).astype(np.float32)
        spectrum = np.fft.rfftn(rng.standard_normal((nodes,) * 3, dtype=np.float32))
        grid = np.fft.irfftn(spectrum * ring, s=(nodes,) * 3, axes=(0, 1, 2)).astype(np.float32)
        return cls(grid / grid.std(), wavelength_mm / per_wave)

    def to_distance(self, *, limit_mm: float = 9.0) -> Field:
        """Return the approximate distance in mm to the field's zero surface, value over gradient."""
        gradient = np.stack([(np.roll(self._grid, -1, a) - np.roll(self._grid, 1, a)) for a in range(3)])
        slope = np.sqrt((gradient**2).sum(axis=0)) / (2.0 * self._spacing)
        distance = np.abs(self._grid) / np.sqrt(slope**2 + (0.35 * slope.mean()) ** 2)
        return Field(np.minimum(distance, limit_mm).astype(np.float32), self._spacing)

    def __call__(self, points: Points) -> Plane:
        """Return the field at points (mm); the field repeats after ``nodes * spacing`` mm."""
        coordinates = np.stack(np.broadcast_arrays(*points)) * np.float32(1.0 / self._spacing)
        return map_coordinates(self._grid, coordinates, output=np.float32, order=1, mode="grid-wrap")


class Waves:
    """Displace points smoothly by sums of long sine waves.

    Args:
        rng: Source of directions and phases.
        amplitude_mm: Typical displacement per axis.
        wavelength_mm: Typical wavelength.
    """

    def __init__(self, rng: np.random.Generator, *, amplitude_mm: float, wavelength_mm: float, terms: int = 3) -> None:
        directions = rng.standard_normal((3, terms, 3))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        self._k = (directions * 2 * np.pi / wavelength_mm * rng.uniform(0.7, 1.4, (3, terms, 1))).astype(np.float32)
        self._phase = rng.uniform(0, 2 * np.pi, (3, terms)).astype(np.float32)
        self._amplitude = np.float32(amplitude_mm * np.sqrt(2 / terms))

    def __call__(self, points: Points) -> Points:
        """Return the displaced points."""
        moved = []
        for axis, ks, phases in zip(points, self._k, self._phase, strict=True):
            waves = zip(ks, phases, strict=True)
            shift = sum(np.sin(k[0] * points.x + k[1] * points.y + k[2] * points.z + phase) for k, phase in waves)
            moved.append(axis + self._amplitude * shift)
        return Points(*moved)


def ct_noise(rng: np.random.Generator, shape: tuple[int, int], *, pixel_mm: float, peak_per_mm: float) -> Plane:
    """Draw one slice of unit-variance noise with the spectrum of filtered back projection.

    The spectrum rises like the ramp filter and falls with the kernel: f exp(-(f / peak)^2 / 2), whose
    maximum lies at ``peak_per_mm`` (Riederer, Pelc and Chesler 1978).
    """
    frequency = _radial_frequency(shape) / pixel_mm
    transfer = np.sqrt((frequency + 0.01) * np.exp(-0.5 * (frequency / peak_per_mm) ** 2))
    white = rng.standard_normal(shape, dtype=np.float32)
    noise = np.fft.irfft2(np.fft.rfft2(white) * transfer, s=shape).astype(np.float32)
    return noise / noise.std()


def rician(rng: np.random.Generator, signal: NDArray[np.float32], *, sigma: float) -> NDArray[np.float32]:
    """Add the noise of a magnitude image (Gudbjartsson and Patz 1995)."""
    real = signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.sqrt(real**2 + imaginary**2)


def _radial_frequency(shape: tuple[int, ...]) -> NDArray[np.float64]:
    axes = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    grids = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.sqrt(sum(grid**2 for grid in grids))
