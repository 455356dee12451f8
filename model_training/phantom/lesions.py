"""Put a bleed, an infarct or a subdural hematoma into a head, with its mass effect.

Points are in the head frame (mm). A lesion paints itself, moves the tissue beside it and narrows sulci.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.phantom.anatomy import Head
from model_training.phantom.shapes import Canvas, Plane, Points, cover, ellipsoid, smoothstep
from model_training.phantom.tissues import Palette, Tissue


class Lesion:
    """Change nothing: the healthy brain, and the base of the lesions."""

    def displace(self, points: Points) -> Points:
        """Return the points from which tissue is taken: mass effect moves tissue to ``points``."""
        return points

    def sulcal_factor(self, points: Points, head: Head) -> Plane | float:
        """Return the factor on the width of sulci; below 1 they are effaced."""
        return 1.0

    def paint_parenchyma(self, canvas: Canvas, points: Points, head: Head, palette: Palette, texture: Plane) -> None:
        """Paint what lies in the tissue, under fluid and vessels."""

    def paint_ventricles(self, canvas: Canvas, points: Points, ventricles: Plane, palette: Palette) -> None:
        """Paint what lies in the ventricles; ``ventricles`` is their signed distance, mm."""

    def paint_subdural(
        self, canvas: Canvas, points: Points, depth: Plane, head: Head, palette: Palette, texture: Plane
    ) -> None:
        """Paint what lies under the dura; ``depth`` is the distance under it, mm."""


@dataclass(frozen=True)
class Bleed(Lesion):
    """Describe an intraparenchymal hematoma with an edema rim and blood in the ventricle.

    Args:
        center: Head frame, mm.
        radii: Half axes, mm.
        edema_mm: Width of the rim.
        push_mm: Greatest displacement of the tissue around it.
        ventricular: Let blood settle in the occipital horn and the frontal horn of its side.
    """

    center: tuple[float, float, float] = (27.0, -11.0, 4.0)
    radii: tuple[float, float, float] = (12.0, 20.0, 15.0)
    edema_mm: float = 6.0
    push_mm: float = 6.0
    ventricular: bool = True

    @property
    def volume_ml(self) -> float:
        """Return the volume of the hematoma in the head frame; times ``Head.volume_factor`` in the patient."""
        return 4 / 3 * np.pi * float(np.prod(self.radii)) / 1000.0

    def displace(self, points: Points) -> Points:
        """Take tissue from nearer the center: it has been pushed outward."""
        return _push(points, self.center, self.push_mm, reach_mm=1.9 * max(self.radii))

    def sulcal_factor(self, points: Points, head: Head) -> Plane:
        """Narrow the sulci over the hematoma."""
        return 1.0 - 0.55 * _near(points, self.center, 45.0)

    def _distance(self, points: Points, head: Head, texture: Plane) -> Plane:
        lobes = 1.5 * head.depth(points) + 0.5 * texture
        return ellipsoid(points, self.center, self.radii) + lobes

    def paint_parenchyma(self, canvas: Canvas, points: Points, head: Head, palette: Palette, texture: Plane) -> None:
        """Paint the edema rim, then the clot with layers of different density."""
        distance = self._distance(points, head, texture)
        rim = smoothstep(distance, -self.edema_mm - 2.0, -self.edema_mm + 3.0)
        canvas.paint(0.9 * rim, palette[Tissue.EDEMA])
        contrast = palette[Tissue.BLOOD] - palette[Tissue.GRAY]
        clot = palette[Tissue.BLOOD] + contrast * (0.10 * head.depth(points) + 0.07 * texture)
        canvas.paint(cover(distance, 1.8), clot, lesion=True)

    def paint_ventricles(self, canvas: Canvas, points: Points, ventricles: Plane, palette: Palette) -> None:
        """Let blood settle in the back of the ventricle of the same side, with a level, and streak its front."""
        if not self.ventricular:
            return
        side = np.sign(self.center[0]) * points.x
        level = np.minimum(points.y - 39.0, side - 3.0)
        horn = np.minimum(np.minimum(-31.0 - points.y, side - 4.0), 9.0 - points.z)
        blood = np.minimum(ventricles - 0.2, np.maximum(level, horn))
        mixed = 0.8 * palette[Tissue.BLOOD] + 0.2 * palette[Tissue.SPINAL_FLUID]
        canvas.paint(0.95 * cover(blood, 1.2), mixed, lesion=True)


@dataclass(frozen=True)
class Infarct(Lesion):
    """Describe an infarct in the territory of the middle cerebral artery: a wedge with its base on the cortex.

    Args:
        side: 1 left, -1 right.
        apex: (x, y) from which the wedge opens, head frame mm, given for the left side.
        bearing_degrees: Middle of the wedge, from the patient's left toward the back.
        opening_degrees: Half opening of the wedge.
        z_range: Lower and upper end, mm.
        strength: How far tissue has gone toward ``Tissue.INFARCT``.
        swelling_mm: Greatest displacement.
    """

    side: int = -1
    apex: tuple[float, float] = (17.0, -6.0)
    bearing_degrees: float = 8.0
    opening_degrees: float = 46.0
    z_range: tuple[float, float] = (-13.0, 46.0)
    strength: float = 0.92
    swelling_mm: float = 2.5

    def _local(self, points: Points) -> Points:
        return Points(points.x * np.float32(self.side), points.y, points.z)

    def displace(self, points: Points) -> Points:
        """Push the tissue away from the middle of the territory."""
        center = (self.side * 42.0, -4.0, 12.0)
        return _push(points, center, self.swelling_mm, reach_mm=42.0)

    def extent(self, points: Points, head: Head) -> Plane:
        """Return how far each point lies in the infarct, 0 to 1, with a soft irregular edge."""
        p = self._local(points)
        dx, dy = p.x - self.apex[0], p.y - self.apex[1]
        bearing = np.degrees(np.arctan2(dy, dx)) - self.bearing_degrees
        radius = np.sqrt(dx**2 + dy**2)
        angular = (self.opening_degrees - np.abs(bearing)) * np.radians(1.0) * np.maximum(radius, 6.0)
        low, high = self.z_range
        taper = np.minimum(p.z - low, high - p.z)
        distance = np.minimum(np.minimum(angular, taper * 1.2), dx)
        distance = distance + 4.0 * head.depth(points) + 1.2 * head.texture(points) - 1.5
        return smoothstep(distance, -2.5, 3.5)

    def sulcal_factor(self, points: Points, head: Head) -> Plane:
        """Efface the sulci of the territory."""
        return 1.0 - 0.88 * self.extent(points, head)

    def paint_parenchyma(self, canvas: Canvas, points: Points, head: Head, palette: Palette, texture: Plane) -> None:
        """Bring gray and white matter to one value, a little uneven."""
        extent = self.extent(points, head)
        contrast = palette[Tissue.GRAY] - palette[Tissue.INFARCT]
        value = palette[Tissue.INFARCT] + contrast * (0.08 * texture + 0.11 * head.depth(points))
        alpha = self.strength * extent
        before = canvas.lesion.copy()
        canvas.paint(alpha, value)
        canvas.lesion[...] = np.maximum(before, extent)


@dataclass(frozen=True)
class Subdural(Lesion):
    """Describe a crescent of blood over one convexity with midline shift.

    Args:
        side: 1 left, -1 right.
        thickness_mm: Greatest thickness.
        center: (y, z) of the thickest place, head frame mm.
        extent_mm: Half length along y and half height along z.
        shift_mm: Displacement of the midline.
    """

    side: int = 1
    thickness_mm: float = 12.0
    center: tuple[float, float] = (-2.0, 28.0)
    extent_mm: tuple[float, float] = (74.0, 52.0)
    shift_mm: float = 9.0

    def thickness(self, points: Points) -> Plane:
        """Return the thickness of the crescent in mm under each point of the convexity."""
        y = (points.y - self.center[0]) * np.float32(1.0 / self.extent_mm[0])
        z = (points.z - self.center[1]) * np.float32(1.0 / self.extent_mm[1])
        lateral = smoothstep(points.x * np.float32(self.side), 4.0, 30.0)
        return np.float32(self.thickness_mm) * np.clip(1.0 - y**2 - z**2, 0.0, 1.0) ** 0.75 * lateral

    def displace(self, points: Points) -> Points:
        """Push the hemisphere inward, most under the crescent, and the midline across."""
        x = points.x * np.float32(self.side)
        vertical = np.exp(-(((points.z - 18.0) / 48.0) ** 2)) * np.exp(-((points.y / 75.0) ** 2))
        shift = self.shift_mm * vertical * smoothstep(x, -52.0, -4.0)
        local = 0.75 * self.thickness(points) * smoothstep(x, 12.0, 62.0)
        return Points(points.x + np.float32(self.side) * (shift + local), points.y, points.z)

    def sulcal_factor(self, points: Points, head: Head) -> Plane:
        """Efface the sulci of the hemisphere under pressure."""
        return 1.0 - 0.7 * smoothstep(points.x * np.float32(self.side), -5.0, 15.0)

    def paint_subdural(
        self, canvas: Canvas, points: Points, depth: Plane, head: Head, palette: Palette, texture: Plane
    ) -> None:
        """Paint the crescent, denser toward the back where cells settle."""
        thickness = self.thickness(points) + 0.5 * head.depth(points) * (self.thickness(points) > 1.0)
        crescent = np.minimum(thickness - depth, thickness - 0.9)
        contrast = palette[Tissue.SUBDURAL_BLOOD] - palette[Tissue.GRAY]
        settled = 0.20 * smoothstep(points.y, -50.0, 50.0) - 0.12
        value = palette[Tissue.SUBDURAL_BLOOD] + contrast * (settled + 0.08 * texture + 0.10 * head.depth(points))
        canvas.paint(cover(crescent, 1.4), value, lesion=True)


def _near(points: Points, center: tuple[float, float, float], reach_mm: float) -> Plane:
    squared = sum((axis - np.float32(c)) ** 2 for axis, c in zip(points, center, strict=True))
    return np.exp(-squared * np.float32(1.0 / reach_mm**2))


def _push(points: Points, center: tuple[float, float, float], push_mm: float, *, reach_mm: float) -> Points:
    """Move the origin of tissue toward ``center`` by up to ``push_mm`` at half the reach."""
    near = _near(points, center, reach_mm)
    scale = np.float32(2.33 * push_mm / reach_mm) * near
    return Points(*(axis - (axis - np.float32(c)) * scale for axis, c in zip(points, center, strict=True)))
