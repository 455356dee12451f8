"""Describe one head: its size, its asymmetry, its folds and where it lies on the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from model_training.phantom.noise import Field, Waves
from model_training.phantom.shapes import Plane, Points, bump, smoothstep

INNER_RADII_MM = (67.0, 88.0, 74.0)
"""Half width, half length and height above ``CENTER_Z_MM`` of the cranial cavity before scaling."""

CENTER_Z_MM = 4.0


@dataclass(frozen=True)
class Head:
    """Hold what makes one head differ from the next.

    Head frame: mm, x to the left, y to the back, z to the vertex; the origin lies between the thalami.

    Args:
        center: (3,) LPS position of the origin, mm.
        rotation: (3, 3) from head frame to LPS.
        scale: (3,) size of this head relative to the template.
        atrophy: Width of sulci relative to a middle-aged adult.
        ventricles: Ventricle size relative to a middle-aged adult.
        bone: Skull thickness relative to the template.
        asymmetry: Smooth displacement of a few mm.
        sulci, shallow, medial: Distance in mm to the middle of a sulcus; see ``brain``.
        depth: Modulates the depth of sulci and the outline of lesions (wavelength 26 mm).
        texture: Fine texture (7 mm) of bone, fat and clot.
    """

    center: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scale: NDArray[np.float64]
    atrophy: float
    ventricles: float
    bone: float
    asymmetry: Waves
    wobble: Waves
    sulci: Field
    shallow: Field
    medial: Field
    depth: Field
    texture: Field

    @classmethod
    def draw(cls, rng: np.random.Generator, *, age_factor: float = 1.0) -> Head:
        """Draw a head.

        Args:
            rng: Source of everything random.
            age_factor: Multiplies atrophy and ventricle size; 1 is about sixty years.
        """
        angles = rng.normal(0.0, (2.0, 1.5, 2.5))
        return cls(
            center=rng.normal(0.0, (3.0, 3.0, 0.0)) + (0.0, 2.0, 0.0),
            rotation=Rotation.from_euler("xyz", angles, degrees=True).as_matrix(),
            scale=rng.normal(1.0, 0.025, 3),
            atrophy=age_factor * rng.uniform(0.9, 1.1),
            ventricles=age_factor * rng.uniform(0.92, 1.12),
            bone=rng.uniform(0.9, 1.15),
            asymmetry=Waves(rng, amplitude_mm=1.05, wavelength_mm=110.0),
            wobble=Waves(rng, amplitude_mm=1.5, wavelength_mm=24.0),
            sulci=Field.draw(rng, wavelength_mm=27.0).to_distance(),
            shallow=Field.draw(rng, wavelength_mm=19.0).to_distance(),
            medial=Field.draw(rng, wavelength_mm=24.0).to_distance(),
            depth=Field.draw(rng, wavelength_mm=26.0, nodes=64, per_wave=7),
            texture=Field.draw(rng, wavelength_mm=7.0, nodes=64, per_wave=5),
        )

    def place(self, coordinates: NDArray[np.float64]) -> Points:
        """Bring LPS coordinates (mm), shape (rows, columns, 3), into the head frame with its asymmetry."""
        local = ((coordinates - self.center) @ self.rotation / self.scale).astype(np.float32)
        return self.asymmetry(Points(local[..., 0], local[..., 1], local[..., 2]))

    def locate(self, point: tuple[float, float, float]) -> NDArray[np.float64]:
        """Return the LPS position (mm) of a head-frame point, to first order in the asymmetry."""
        here = Points(*(np.full((1, 1), v, np.float32) for v in point))
        shift = np.array([float(a[0, 0] - b) for a, b in zip(self.asymmetry(here), point, strict=True)])
        return self.rotation @ ((np.asarray(point) - shift) * self.scale) + self.center

    @property
    def volume_factor(self) -> float:
        """Return the patient volume of a unit of head-frame volume, to first order."""
        return float(np.prod(self.scale))


def vault_radius(points: Points) -> Plane:
    """Return 0 at the center of the cranial vault and 1 on the inner table; egg shaped, wider behind."""
    a, b, c = INNER_RADII_MM
    t = points.y * np.float32(1.0 / b)
    width = np.float32(a) * (np.float32(1.0) + np.float32(0.065) * t - np.float32(0.02) * t * t)
    squares = (np.abs(points.x) / width) ** 2.25
    squares += np.abs(t) ** np.float32(2.25)
    squares += (np.abs(points.z - np.float32(CENTER_Z_MM)) * np.float32(1.0 / c)) ** np.float32(2.25)
    return squares ** np.float32(1 / 2.25)


def vault_depth(points: Points) -> tuple[Plane, Plane]:
    """Return the distance to the vault's inner table (mm, positive inside) and the vault radius."""
    k = np.maximum(vault_radius(points), np.float32(0.05))
    length = np.sqrt(points.x**2 + points.y**2 + (points.z - np.float32(CENTER_Z_MM)) ** 2)
    return (1.0 - k) * length / k, k


def base_height(points: Points) -> Plane:
    """Return the height z (mm) of the floor of the three cranial fossae over (x, y)."""
    ax, y = np.abs(points.x), points.y
    narrow = ax * (1.0 + 0.6 * smoothstep(y, -55.0, -88.0) - 0.15 * smoothstep(y, -60.0, -40.0))
    anterior = -21.0 - 8.0 * bump(narrow, 0.0, 15.0) + 3.0 * bump(ax, 33.0, 12.0) * bump(y, -62.0, 18.0)
    middle = -48.0 + 0.011 * (ax - np.float32(38.0)) ** 2 + 0.009 * (y + np.float32(14.0)) ** 2
    middle = np.minimum(middle, np.float32(-27.0))
    sella = -27.0 - 5.0 * bump(y, -21.0, 5.0) - 1.6 * np.maximum(y + np.float32(10.0), 0.0)
    middle += smoothstep(ax, 20.0, 13.0) * (sella - middle)
    ridge = petrous_line(points)
    posterior = -67.0 + 0.0045 * (ax**2 + 0.8 * (y - np.float32(30.0)) ** 2)
    posterior = np.where(ax < 15.0, np.minimum(sella, posterior), posterior)
    wing = -36.0 - 9.0 * bump(ax, 36.0, 15.0) - 4.0 * smoothstep(ax, 30.0, 60.0)
    floor = anterior + smoothstep(y - wing, -2.5, 3.5) * (middle - anterior)
    floor += smoothstep(y - ridge, -3.0, 5.0) * (posterior - floor)
    crest = 19.0 * bump(y - ridge, 0.0, 6.0) * smoothstep(ax, 8.0, 15.0) * smoothstep(ax, 72.0, 50.0)
    return floor + crest


def petrous_line(points: Points) -> Plane:
    """Return the y (mm) of the petrous ridge at each x."""
    return np.float32(-4.0) + np.float32(0.55) * np.maximum(np.abs(points.x) - np.float32(10.0), 0.0)


def cavity_depth(points: Points) -> tuple[Plane, Plane, Plane]:
    """Return (depth, vault depth, height above the floor) in mm; depth is positive inside the cranial cavity."""
    vault, _ = vault_depth(points)
    above = (points.z - base_height(points)) * np.float32(0.8)
    return np.minimum(vault, above), vault, above


def tentorium_height(points: Points) -> Plane:
    """Return the z (mm) of the tentorium over (x, y): a tent with its ridge in the midline."""
    ridge = np.float32(0.5) - np.float32(0.33) * np.maximum(points.y - np.float32(25.0), 0.0)
    return ridge - np.float32(0.46) * np.sqrt(points.x**2 + np.float32(9.0))


def callosal_radius(points: Points) -> Plane:
    """Return 1 on the outer surface of the corpus callosum in the midline, more outside."""
    y, z = points.y - np.float32(-3.0), points.z - np.float32(2.0)
    return np.sqrt((y * np.float32(1 / 42.0)) ** 2 + (z * np.float32(1 / 27.0)) ** 2)


def falx_bend(points: Points) -> Plane:
    """Return the x (mm) of the falx, which is never quite straight."""
    return np.float32(0.9) * np.sin(points.y * np.float32(1 / 37.0) + points.z * np.float32(1 / 60.0))
