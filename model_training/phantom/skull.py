"""Paint everything around the brain: skin, fat, muscle, vault, skull base, orbits, sinuses, headrest."""

from __future__ import annotations

import numpy as np

from model_training.phantom.anatomy import Head, petrous_line
from model_training.phantom.shapes import (
    Canvas,
    Plane,
    Points,
    bump,
    capsule,
    chain,
    cover,
    ellipsoid,
    mirror,
    smoothstep,
    union,
)
from model_training.phantom.tissues import Palette, Tissue

MUSCLES: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...] = (
    ((61.0, -34.0, -78.0), (8.0, 21.0, 26.0)),
    ((53.0, -40.0, -44.0), (8.5, 20.0, 17.0)),
    ((36.0, -26.0, -62.0), (14.0, 15.0, 11.0)),
    ((38.0, -20.0, -82.0), (8.0, 14.0, 17.0)),
    ((9.0, -4.0, -74.0), (10.0, 7.0, 20.0)),
    ((63.0, 34.0, -86.0), (8.0, 13.0, 30.0)),
    ((64.0, 2.0, -76.0), (8.0, 14.0, 18.0)),
    ((14.0, 66.0, -76.0), (13.0, 13.0, 28.0)),
    ((37.0, 57.0, -78.0), (15.0, 11.0, 28.0)),
    ((22.0, 45.0, -80.0), (16.0, 10.0, 16.0)),
    ((0.0, -20.0, -74.0), (19.0, 11.0, 22.0)),
    ((26.0, -86.0, -62.0), (12.0, 7.0, 20.0)),
)
"""Center and half axes (mm, head frame, left side): masseter, temporalis, pterygoids, prevertebral and
sternocleidomastoid muscle, parotid gland, muscles of the nape, pharynx, cheek."""


def paint_outside(
    canvas: Canvas, points: Points, head: Head, palette: Palette, *, vault: Plane, above: Plane, texture: Plane
) -> None:
    """Paint soft tissue, bone and air spaces around the cranial cavity.

    Args:
        canvas: Of the slice; filled with air.
        points: Head frame, mm.
        head: Whose skull it is.
        palette: Values per tissue.
        vault: Depth under the inner table, mm.
        above: Height above the skull base, mm.
        texture: Fine field at the points.
    """
    bone = _vault_thickness(points, head)
    skin = _skin_depth(points, vault + bone)
    _paint_soft_tissue(canvas, points, skin, vault + bone, palette, texture)
    side = mirror(points)
    if points.z.min() < -5.0:
        _paint_face(canvas, points, side, skin, palette, texture)
    _paint_vault(canvas, points, vault, bone, skin, palette, texture)
    if points.z.min() < -5.0:
        _paint_base(canvas, points, side, vault + bone, above, palette, texture)
        _paint_orbit(canvas, side, skin, palette)
    _paint_sinuses(canvas, points, side, skin, palette, texture)


def _vault_thickness(points: Points, head: Head) -> Plane:
    """Return the thickness of the vault in mm: thick in front and behind, thin at the temples."""
    temple = bump(np.abs(points.x), 66.0, 16.0) * bump(points.z, -18.0, 28.0) * bump(points.y, -8.0, 40.0)
    inion = bump(points.x, 0.0, 18.0) * bump(points.y, 92.0, 25.0) * bump(points.z, -15.0, 35.0)
    brow = bump(points.y, -92.0, 22.0) * bump(points.z, -18.0, 26.0)
    waves = 0.5 * np.sin(points.y * 0.09 + points.z * 0.07) * np.sin(points.x * 0.08)
    waves = waves + 0.35 * head.depth(points)
    return np.float32(head.bone) * (6.3 - 2.8 * temple + 4.0 * inion + 4.5 * brow + waves)


def _skin_depth(points: Points, skull: Plane) -> Plane:
    """Return the depth under the skin, mm: scalp over the vault, cheeks, nose, ears and neck below."""
    z = points.z
    scalp = 5.0 + 5.0 * bump(np.abs(points.x), 76.0, 22.0) * bump(points.y, -25.0, 30.0) * smoothstep(z, 35.0, 0.0)
    scalp = scalp + 3.5 * smoothstep(z, -10.0, -50.0) * smoothstep(points.y, 30.0, 75.0)
    depth = skull + scalp
    if z.min() > 5.0:
        return depth
    face = ellipsoid(points, (0.0, -38.0, -62.0), (69.0, 61.0, 62.0))
    neck = ellipsoid(points, (0.0, 24.0, -95.0), (70.0, 64.0, 66.0))
    depth = union(union(depth, face, 9.0), neck, 12.0)
    nose = chain(points, [(0.0, -88.0, -14.0, 8.0), (0.0, -97.0, -36.0, 10.0), (0.0, -104.0, -52.0, 12.0)])
    brow = ellipsoid(mirror(points), (24.0, -82.0, -18.0), (22.0, 13.0, 11.0))
    return union(union(depth, nose, 7.0), brow, 8.0)


def _paint_soft_tissue(
    canvas: Canvas, points: Points, skin: Plane, skull: Plane, palette: Palette, texture: Plane
) -> None:
    inside = cover(skin)
    canvas.paint(inside, palette[Tissue.SKIN])
    canvas.paint(cover(skin - 2.0, 1.2), palette[Tissue.FAT] + 12.0 * texture)
    galea = cover(1.3 + skull, 1.0) * inside
    canvas.paint(galea, 0.6 * palette[Tissue.MUSCLE] + 0.4 * palette[Tissue.FAT])
    temporal = bump(np.abs(points.x), 72.0, 26.0) * bump(points.y, -28.0, 34.0) * smoothstep(points.z, 42.0, 5.0)
    nape = smoothstep(points.y, 35.0, 60.0) * smoothstep(points.z, -18.0, -40.0)
    reach = 8.0 * np.maximum(temporal, nape)
    muscle = cover(np.minimum(skull + reach, skin - 3.2), 1.2) * (reach > 0.8)
    canvas.paint(muscle, palette[Tissue.MUSCLE] + 4.0 * texture)


def _paint_vault(
    canvas: Canvas, points: Points, vault: Plane, bone: Plane, skin: Plane, palette: Palette, texture: Plane
) -> None:
    """Paint two tables with diploe between them, down to the skull base."""
    lowest = -28.0 - 0.2 * (points.y + 90.0) - 32.0 * smoothstep(points.y, 0.0, 28.0)
    upper = np.minimum(points.z - lowest, skin - 2.5)
    shell = cover(np.minimum(vault + bone, upper))
    middle = np.float32(0.56)
    core = np.minimum(-vault - 1.4, vault + bone - 1.6)
    core = np.minimum(core, upper)
    cortical, diploe = palette[Tissue.CORTICAL_BONE], palette[Tissue.DIPLOE]
    canvas.paint(shell, cortical + 0.04 * (cortical - diploe) * texture)
    spongy = diploe + (cortical - diploe) * np.clip(0.12 + 0.22 * texture, -0.25, 0.7)
    canvas.paint(cover(core * middle, 1.2), spongy)


def _paint_base(
    canvas: Canvas, points: Points, side: Points, skull: Plane, above: Plane, palette: Palette, texture: Plane
) -> None:
    """Paint the floor of the fossae, the petrous bones with mastoid cells, the clivus and the sphenoid."""
    ax, y = side.x, points.y
    ridge = y - petrous_line(points)
    petrous = bump(ridge, 1.0, 9.5) * smoothstep(ax, 7.0, 13.0)
    central = smoothstep(ax, 21.0, 12.0) * smoothstep(y, -48.0, -38.0) * smoothstep(y, 14.0, 6.0)
    behind = smoothstep(y, 8.0, 25.0)
    thick = 2.2 + 15.0 * petrous + 15.0 * central + 3.5 * behind
    plate = np.minimum(np.minimum(thick + above, skull), -above + 1.0)
    foramen = ellipsoid(points, (0.0, 27.0, -66.0), (14.0, 17.0, 14.0))
    plate = np.minimum(plate, -foramen)
    cortical, diploe = palette[Tissue.CORTICAL_BONE], palette[Tissue.DIPLOE]
    dense = diploe + (cortical - diploe) * np.clip(0.45 + 0.5 * petrous - 0.35 * central + 0.25 * texture, 0.0, 1.15)
    canvas.paint(cover(plate), dense)
    mastoid = ellipsoid(side, (57.0, 22.0, -44.0), (12.0, 17.0, 20.0))
    canvas.paint(cover(np.minimum(mastoid + 2.0, skull + 2.5)), 0.8 * cortical)
    cells = np.minimum(np.minimum(mastoid - 0.5, skull - 2.0), 3.0 * (np.abs(texture) - 0.3))
    canvas.paint(cover(cells, 1.2), palette[Tissue.AIR])
    canal = capsule(side, (86.0, 8.0, -43.0), (50.0, 8.0, -43.0), (3.4, 3.0))
    canvas.paint(cover(canal), palette[Tissue.AIR])
    ear = capsule(side, (31.0, 10.0, -40.0), (37.0, 14.0, -38.0), (1.8, 1.8))
    canvas.paint(cover(ear), palette[Tissue.SPINAL_FLUID])


def _paint_face(canvas: Canvas, points: Points, side: Points, skin: Plane, palette: Palette, texture: Plane) -> None:
    """Paint the deep soft tissue of face and neck, cheek bones, jaw joint and ears."""
    low = smoothstep(points.z, -22.0, -36.0)
    deep = cover(skin - 5.0, 2.0) * low
    canvas.paint(deep, palette[Tissue.FAT] + 12.0 * texture)
    strands = 0.7 * texture + 1.2
    for center, radii in MUSCLES:
        muscle = ellipsoid(side, center, radii) + strands
        canvas.paint(cover(np.minimum(muscle, skin - 4.0), 1.4) * low, palette[Tissue.MUSCLE] + 3.0 * texture)
    airway = ellipsoid(points, (0.0, -26.0, -74.0), (12.0, 7.0, 15.0)) - 0.4 * texture
    canvas.paint(cover(airway), palette[Tissue.AIR])
    cortical = palette[Tissue.CORTICAL_BONE]
    zygoma = chain(side, [(44.0, -75.0, -36.0, 5.0), (55.0, -62.0, -45.0, 4.5), (68.0, -35.0, -46.0, 2.6)])
    zygoma = np.maximum(zygoma, capsule(side, (68.0, -35.0, -46.0), (66.0, -4.0, -45.0), (2.4, 4.0)))
    condyle = capsule(side, (52.0, -1.0, -50.0), (50.0, -8.0, -85.0), (5.5, 4.0))
    for bone in (zygoma, condyle):
        canvas.paint(cover(bone), cortical)
        canvas.paint(cover(bone - 1.8, 1.2), palette[Tissue.DIPLOE])
    pinna = ellipsoid(side, (76.0, 15.0, -38.0), (13.0, 7.0, 28.0))
    rim = np.minimum(pinna, 1.6 - np.abs(pinna - 1.6 + 1.2 * np.sin(points.z * 0.35 + points.x * 0.5)))
    canvas.paint(cover(np.minimum(rim, -skin)), palette[Tissue.SKIN])


def _paint_orbit(canvas: Canvas, side: Points, skin: Plane, palette: Palette) -> None:
    """Paint the orbits: bony cone, fat, globe with lens, straight muscles and optic nerve."""
    center = (31.0, -80.0, -38.0)
    cone = chain(side, [(31.0, -92.0, -38.0, 17.5), (30.0, -74.0, -38.0, 16.5), (13.0, -40.0, -32.0, 4.0)], blend=4.0)
    front = skin - 3.5
    wall = np.minimum(np.minimum(cone + 2.4, front), -66.0 - side.y + 48.0)
    canvas.paint(
        cover(np.minimum(wall, side.y + 86.0 - 0.35 * (side.x - 31.0) ** 2 / 20.0)),
        0.85 * palette[Tissue.CORTICAL_BONE],
    )
    inside = np.minimum(cone, skin - 2.0)
    canvas.paint(cover(inside), palette[Tissue.FAT])
    for dx, dz in ((13.5, 0.0), (-12.0, 0.0), (0.0, 12.5), (0.0, -12.5)):
        muscle = capsule(side, (31.0 + dx, -76.0, -38.0 + dz), (15.0 + 0.15 * dx, -44.0, -33.0 + 0.2 * dz), (1.9, 1.5))
        canvas.paint(cover(np.minimum(muscle, cone)), palette[Tissue.MUSCLE])
    nerve = chain(side, [(30.0, -69.0, -38.0, 2.1), (24.0, -56.0, -36.0, 2.1), (12.0, -38.0, -31.0, 2.0)])
    canvas.paint(cover(nerve), 0.7 * palette[Tissue.MUSCLE])
    globe = ellipsoid(side, center, (12.2, 12.2, 12.2))
    canvas.paint(cover(globe), 0.85 * palette[Tissue.MUSCLE])
    canvas.paint(cover(globe - 1.3), palette[Tissue.GLOBE])
    lens = ellipsoid(side, (31.0, -88.5, -38.0), (4.6, 2.2, 4.6))
    canvas.paint(cover(lens), palette[Tissue.LENS])


def _paint_sinuses(canvas: Canvas, points: Points, side: Points, skin: Plane, palette: Palette, texture: Plane) -> None:
    """Paint frontal, ethmoid, sphenoid and maxillary sinuses and the nasal cavity with its walls."""
    z_low = float(points.z.min())
    if z_low > 16.0:
        return
    air, bone = palette[Tissue.AIR], 0.75 * palette[Tissue.CORTICAL_BONE]
    frontal = ellipsoid(points, (6.0, -94.0, -9.0), (19.0, 4.6, 13.0)) - 1.2 * bump(points.x, 3.0, 1.6)
    spaces = [(np.minimum(frontal, skin - 6.5), 1.0, 1.2)]
    if z_low < -14.0:
        box = ellipsoid(points, (0.0, -64.0, -40.0), (12.5, 29.0, 22.0))
        septa = np.minimum(2.5 * np.abs(texture) - 0.35, side.x - 0.7)
        spaces.append((np.minimum(box, septa), 0.8, 0.9))
        sphenoid = ellipsoid(side, (7.5, -27.0, -41.0), (9.0, 12.0, 10.0))
        spaces.append((np.minimum(sphenoid, side.x - 0.8 + 0.03 * (points.y + 27.0)), 1.4, 0.9))
        maxilla = ellipsoid(side, (28.0, -66.0, -69.0), (19.0, 22.0, 15.0))
        oblique = -0.75 * (side.x - 30.0) - 0.66 * (points.y + 54.0)
        maxilla = np.minimum(np.minimum(maxilla, side.x - 15.5), np.minimum(oblique, points.y + 84.0))
        spaces.append((maxilla, 1.1, 0.9))
        nasal = ellipsoid(points, (0.0, -72.0, -66.0), (14.0, 36.0, 16.0))
        turbinate = np.abs(side.x - 7.0 - 2.0 * np.sin(points.y * 0.2)) - 1.6
        spaces.append((np.minimum(np.minimum(nasal, turbinate), side.x - 1.0), 0.9, 0.9))
    for space, wall, soft in spaces:
        canvas.paint(cover(np.minimum(space + wall, skin - 2.5), 1.0), bone)
        canvas.paint(cover(space, soft), air)
    if z_low < -14.0:
        bridge = np.minimum(1.0 - np.abs(skin - 3.5), 11.0 - side.x - 0.1 * (points.z + 20.0))
        bridge = np.minimum(np.minimum(bridge, -90.0 - points.y), points.z + 39.0)
        canvas.paint(cover(bridge) * smoothstep(points.z, -16.0, -21.0), bone)


def support_alpha(x: Plane, y: Plane) -> Plane:
    """Return the fraction of headrest shell per voxel over LPS x and y (mm): an open trough behind the head."""
    radius = np.sqrt(x**2 + np.maximum(y - 4.0, 0.0) ** 2)
    shell = 1.3 - np.abs(radius - 109.0)
    return cover(np.minimum(shell, y + 18.0))
