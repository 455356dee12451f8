"""Find by how much the head is turned in the picture's plane, from its mirror symmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.inference.quality.cropping import BRAIN_CROPPED, cropping
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import QualityFlag, Severity

ANGLES, RADII = 180, 40
REACH = 1.15
"""Radius looked at, over that of the circle of the head's area: to the forehead and the back of a long head."""
MOST_SLICES = 8
LARGE_SHARE = 0.5
"""Share of the largest brain area from which on a slice is used: below it the base and the face decide."""
SURE_SYMMETRY = 0.6
"""Mirror correlation from which on the axis is believed; whole heads have 0.75, a craniectomy 0.3 to 0.5."""
ACROSS_LEAD = 0.15
"""An oval has two axes: one beyond 45 degrees is believed only with this lead; 0.11 at most on 201 volumes."""
FEWEST_ACROSS = 3
"""Slices needed for that: a single oval slice looks as symmetric across as along (1 % by 0.2 and more)."""
NOTED_DEGREES = 25.0
"""The networks' training pictures were turned by some degrees at random; 93 % of 201 patients lie within 25."""


@dataclass(frozen=True)
class Axis:
    """Describe the mirror axis of a head.

    Args:
        degrees: From the picture's upright, clockwise, in (-90, 90].
        symmetry: Correlation of the head with its mirror image, after what depends on the radius alone is removed.
    """

    degrees: float
    symmetry: float


def orientation(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report a head turned in the plane, severe where it lies on its side: no patient is scanned so.

    A brain that the border cuts has no axis of its own, and nothing is said of it.
    """
    if any(flag.code == BRAIN_CROPPED for flag in cropping(view)):
        return ()
    axis = mirror_axis(view)
    if axis is None or axis.symmetry < SURE_SYMMETRY or abs(axis.degrees) < NOTED_DEGREES:
        return ()
    severity = Severity.SEVERE if abs(axis.degrees) > 45.0 else Severity.INFO
    message = f"The head is turned by {abs(axis.degrees):.0f}° in the picture; the networks learned from upright heads."
    return (QualityFlag("turned_head", severity, message),)


def mirror_axis(view: HeadView) -> Axis | None:
    """Return the axis about which the head's large slices are most alike their mirror image, or None without any.

    In polar coordinates a mirror about the angle a turns phi into 2 a - phi, so that one circular correlation of
    the picture with itself, by Fourier transform, tries every axis at once.
    """
    large = large_slices(view)
    if not large.size:
        return None
    chosen = large[np.unique(np.linspace(0, len(large) - 1, MOST_SLICES).round().astype(int))]
    alike, energy = np.zeros(ANGLES), 0.0
    for number in chosen.tolist():
        rays, radius = _polar(view.gray[number] * view.head[number], view.head[number], view.step)
        rays = (rays - rays.mean(axis=1, keepdims=True)) * np.sqrt(radius)[:, None]
        waves = np.fft.fft(rays, axis=1)
        alike += np.fft.ifft(waves * waves, axis=1).real.sum(axis=0)
        energy += float((rays**2).sum())
    return _best(alike / max(energy, 1e-9), len(chosen))


def _best(symmetry: NDArray[np.float64], slices: int) -> Axis:
    """Return the axis nearest upright unless one across is clearly better."""
    degrees = np.arange(ANGLES) * 180.0 / ANGLES
    degrees[degrees > 90.0] -= 180.0
    upright = np.abs(degrees) <= 45.0
    lead = symmetry[~upright].max() - symmetry[upright].max()
    across = lead >= ACROSS_LEAD and slices >= FEWEST_ACROSS
    best = int(np.argmax(np.where(upright != across, symmetry, -np.inf)))
    return Axis(float(degrees[best]), float(symmetry[best]))


def large_slices(view: HeadView) -> NDArray[np.intp]:
    """Return which slices looked at have a large brain area."""
    area = view.brain.sum(axis=(1, 2))
    return np.flatnonzero(view.shows_brain & (area >= LARGE_SHARE * np.percentile(area, 95)))


def _polar(
    image: NDArray[np.float32], head: NDArray[np.bool_], step: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return (radii, angles) values around the head's middle, angle 0 upward and clockwise, and the radii."""
    middle = ndimage.center_of_mass(head)
    radius = (np.arange(RADII) + 0.5) / RADII * REACH * np.sqrt(head.sum() / np.pi)
    angle = np.arange(ANGLES) * 2 * np.pi / ANGLES
    places = [middle[0] - np.outer(radius, np.cos(angle)), middle[1] + np.outer(radius, np.sin(angle))]
    return ndimage.map_coordinates(image, places, order=1), radius
