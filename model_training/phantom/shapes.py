"""Measure distances to simple solids and paint them on a slice.

Signed distances are in millimeters and positive inside. Points are in the head frame of
``anatomy.Head``: x to the left, y to the back, z to the vertex, origin near the center of the brain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""One value per point, (rows, columns)."""


class Points(NamedTuple):
    """Hold (rows, columns) coordinates in mm, head frame."""

    x: Plane
    y: Plane
    z: Plane

    def crop(self, rows: slice, columns: slice) -> Points:
        """Return the points of a rectangle of the slice."""
        return Points(self.x[rows, columns], self.y[rows, columns], self.z[rows, columns])


class Canvas:
    """Collect the values of one slice and how much of each voxel is lesion.

    Args:
        values: (rows, columns), painted in place.
        lesion: (rows, columns) fraction in [0, 1], painted in place.
    """

    def __init__(self, values: Plane, lesion: Plane) -> None:
        self.values = values
        self.lesion = lesion

    def crop(self, rows: slice, columns: slice) -> Canvas:
        """Return a canvas that paints into a rectangle of this one."""
        return Canvas(self.values[rows, columns], self.lesion[rows, columns])

    def paint(self, alpha: Plane, value: Plane | float, *, lesion: bool = False) -> None:
        """Cover what is there by a fraction ``alpha`` of ``value``; other tissue hides the lesion under it."""
        self.values += alpha * (value - self.values)
        self.lesion += alpha * ((1.0 if lesion else 0.0) - self.lesion)


def cover(distance: Plane, soft: float = 0.9) -> Plane:
    """Turn signed distances into the covered fraction of a voxel; the edge is ``soft`` mm wide."""
    return np.clip(distance * np.float32(1.0 / soft) + np.float32(0.5), 0.0, 1.0)


def smoothstep(values: Plane, low: float, high: float) -> Plane:
    """Rise from 0 at ``low`` to 1 at ``high`` with flat ends."""
    t = np.clip((values - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return t * t * (np.float32(3.0) - np.float32(2.0) * t)


def bump(values: Plane, center: float, width: float) -> Plane:
    """Return a Gaussian of height 1."""
    t = (values - np.float32(center)) * np.float32(1.0 / width)
    return np.exp(-t * t)


def ellipsoid(points: Points, center: Sequence[float], radii: Sequence[float]) -> Plane:
    """Return the signed distance to an ellipsoid, first order (Quilez 2008, ``k0 (k0 - 1) / k1``)."""
    k0 = np.zeros_like(points.x)
    k1 = np.zeros_like(points.x)
    for axis, c, r in zip(points, center, radii, strict=True):
        t = (axis - np.float32(c)) * np.float32(1.0 / r)
        k0 += t * t
        t *= np.float32(1.0 / r)
        k1 += t * t
    # Both terms vanish at the center, where their ratio is a radius.
    k0 = np.sqrt(k0) + np.float32(1e-5)
    k1 = np.sqrt(k1) + np.float32(1e-5 / min(radii))
    return k0 * (np.float32(1.0) - k0) / k1


def capsule(points: Points, start: Sequence[float], end: Sequence[float], radii: tuple[float, float]) -> Plane:
    """Return the signed distance to a straight tube whose radius changes from start to end."""
    a = np.asarray(start, np.float32)
    b = np.asarray(end, np.float32) - a
    offsets = [axis - c for axis, c in zip(points, a, strict=True)]
    t = sum(offset * c for offset, c in zip(offsets, b, strict=True)) / np.float32(b @ b)
    t = np.clip(t, 0.0, 1.0)
    squared = sum((offset - t * c) ** 2 for offset, c in zip(offsets, b, strict=True))
    return np.float32(radii[0]) + np.float32(radii[1] - radii[0]) * t - np.sqrt(squared)


def chain(points: Points, nodes: Sequence[tuple[float, float, float, float]], *, blend: float = 2.0) -> Plane:
    """Return the signed distance to a tube through nodes (x, y, z, radius), its joints rounded over ``blend`` mm."""
    joined: Plane | None = None
    for (*start, r0), (*end, r1) in zip(nodes[:-1], nodes[1:], strict=True):
        part = capsule(points, start, end, (r0, r1))
        joined = part if joined is None else union(joined, part, blend)
    if joined is None:
        raise ValueError("a chain needs two nodes or more")
    return joined


def union(first: Plane, second: Plane, blend: float) -> Plane:
    """Join two solids with a fillet of ``blend`` mm (Quilez 2013, polynomial smooth maximum)."""
    h = np.maximum(np.float32(blend) - np.abs(first - second), 0.0)
    return np.maximum(first, second) + h * h * np.float32(0.25 / blend)


def mirror(points: Points) -> Points:
    """Fold the right half onto the left, so that a shape given at x > 0 stands on both sides."""
    return Points(np.abs(points.x), points.y, points.z)
