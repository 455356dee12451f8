"""Draw what is no human head: bodies, joints, phantoms, toys and fruit, as CT and as MR, with their own geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from factories import slice_geometry
from strokeapp.imaging.windows import WindowPreset, apply_window
from strokeapp.types import Modality, Plane, Scan, Sequence, Units

SIDE = 160
AIR, LUNG, FAT, MUSCLE, ORGAN, SPONGY, BONE = -1000.0, -850.0, -100.0, 55.0, 45.0, 250.0, 1000.0
BRAIN_WINDOW = WindowPreset("Brain", 80, 40)
BODY_WINDOW = WindowPreset("Body", 400, 40)


@dataclass(frozen=True)
class Part:
    """Describe an ellipse of one value.

    Args:
        center: (down, right) of the picture's middle, mm.
        radii: (along, across) mm, before turning.
        value: HU, or signal on MR.
        turn: Degrees.
        shell: Thickness of a ring along the outline, mm; 0 for a filled ellipse.
        arc: (first, last) degrees of the ring that is drawn, 0 being down and 90 right.
    """

    center: tuple[float, float]
    radii: tuple[float, float]
    value: float
    turn: float = 0.0
    shell: float = 0.0
    arc: tuple[float, float] = (0.0, 360.0)


def painted(parts: Iterable[Part], *, field_mm: float, empty: float, side: int = SIDE) -> NDArray[np.float64]:
    """Return a picture of parts, each over those before it.

    Args:
        parts: In order.
        field_mm: Width of the picture.
        empty: Value around them.
        side: Pixels of the picture, each way.
    """
    axis = (np.arange(side) - (side - 1) / 2) * field_mm / side
    image = np.full((side, side), empty)
    for part in parts:
        down, right = np.meshgrid(axis - part.center[0], axis - part.center[1], indexing="ij")
        cosine, sine = np.cos(np.radians(part.turn)), np.sin(np.radians(part.turn))
        along, across = cosine * down + sine * right, cosine * right - sine * down
        radius = np.hypot(along / part.radii[0], across / part.radii[1])
        inside = radius <= 1
        if part.shell:
            inner = [max(1e-3, r - part.shell) for r in part.radii]
            inside &= np.hypot(along / inner[0], across / inner[1]) > 1
        if part.arc[1] - part.arc[0] < 360:
            angle = (np.degrees(np.arctan2(across, along)) - part.arc[0]) % 360
            inside &= angle <= part.arc[1] - part.arc[0]
        image[inside] = part.value
    return image


Drawing = Callable[[float], list[Part]]
"""Parts of the slice at a share of the way from the lowest (0) to the highest (1)."""


def ct_scan(drawing: Drawing, *, field_mm: float, slices: int = 20, gap_mm: float = 5.0, noise_hu: float = 5.0) -> Scan:
    """Return a CT of a drawing, slightly blurred and noisy."""
    generator = np.random.default_rng(0)
    pictures = [painted(drawing(share), field_mm=field_mm, empty=AIR) for share in np.linspace(0, 1, slices)]
    soft = ndimage.gaussian_filter(np.stack(pictures), (0, 0.5, 0.5))
    hu = soft + noise_hu * generator.standard_normal(soft.shape)
    voxels = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return _scan(voxels, field_mm, gap_mm, Modality.CT, Sequence.NCCT, Units.HU)


def mr_scan(drawing: Drawing, *, field_mm: float, slices: int = 20, gap_mm: float = 5.0, shading: float = 0.25) -> Scan:
    """Return an MR of a drawing in which one side is nearer to the coil, with Rician noise."""
    generator = np.random.default_rng(0)
    pictures = [painted(drawing(share), field_mm=field_mm, empty=0.0) for share in np.linspace(0, 1, slices)]
    coil = 1 + shading * np.add.outer(np.linspace(-1, 1, SIDE), np.linspace(-0.5, 0.5, SIDE))
    signal = ndimage.gaussian_filter(np.stack(pictures), (0, 0.6, 0.6)) * coil
    noise = 15 * generator.standard_normal((2, *signal.shape))
    voxels = np.rint(np.hypot(signal + noise[0], noise[1])).astype(np.int16)
    return _scan(voxels, field_mm, gap_mm, Modality.MR, Sequence.UNKNOWN, Units.ARBITRARY)


def _scan(
    voxels: NDArray, field_mm: float, gap_mm: float, modality: Modality, sequence: Sequence, units: Units
) -> Scan:
    spacing = (gap_mm, field_mm / SIDE, field_mm / SIDE)
    geometry = slice_geometry(len(voxels), spacing=spacing)
    return Scan(voxels, geometry, modality, sequence, units, Plane.AXIAL)


def as_pictures(scan: Scan, window: WindowPreset = BRAIN_WINDOW) -> Scan:
    """Return a CT as the 8-bit pictures that an export makes of it: no geometry, no HU."""
    gray = np.rint(255 * apply_window(scan.voxels, window)).astype(np.uint8)
    return replace(scan, voxels=gray, geometry=None, modality=Modality.PICTURE, units=Units.GRAY, plane=Plane.UNKNOWN)


def _spine(down: float) -> list[Part]:
    body = [Part((down, 0), (16, 20), BONE), Part((down, 0), (14, 18), SPONGY)]
    arch = [Part((down + 27, 0), (13, 15), BONE), Part((down + 26, 0), (9, 10), 30), Part((down + 45, 0), (14, 4), 600)]
    return body + arch


def _table(down: float) -> list[Part]:
    return [Part((down - 200, 0), (230, 230), 60, shell=4, arc=(-50, 50)), Part((down + 25, 0), (14, 200), -900)]


def _ribs(radii: tuple[float, float], share: float, *, count: int = 12, width: float = 18) -> list[Part]:
    """Return a ring of rib sections that wanders around the body from slice to slice."""
    begin = np.arange(count) * 360 / count + 40 * share
    return [Part((0, 0), radii, 500, shell=8, arc=(first, first + width)) for first in begin]


def chest(share: float) -> list[Part]:
    """Draw an adult's chest of 360 × 240 mm on a table."""
    body = [*_table(145), Part((0, 0), (120, 180), FAT), Part((0, 0), (105, 160), MUSCLE)]
    lungs = [Part((-5, side * 75), (75 + 15 * np.sin(3 * share), 62), LUNG, turn=side * 8) for side in (-1, 1)]
    heart = [Part((-35, 15), (42, 50 - 30 * share), 40), Part((35, 20), (13, 13), 45)]
    return [*body, *lungs, *heart, *_ribs((100, 155), share), *_spine(70), Part((-98, 0), (6, 22), 500)]


def _belly(scale: float, share: float) -> list[Part]:
    parts = [
        Part((0, 0), (110, 160), FAT), Part((0, 0), (95, 140), MUSCLE), Part((0, 0), (85, 128), FAT),
        Part((-10, -55), (65, 68), 60), Part((-15, 70), (45, 35), 48), Part((20, 80), (32, 20), 50),
        Part((45, -50), (26, 16), 35), Part((45, 55), (26, 16), 35), Part((-60, 40), (18, 30), AIR),
        Part((32, 8), (10, 10), 42), *_spine(60), *_ribs((92, 138), share),
    ]  # fmt: skip
    return [
        replace(p, center=(p.center[0] * scale, p.center[1] * scale), radii=(p.radii[0] * scale, p.radii[1] * scale))
        for p in parts
    ]


def abdomen(share: float) -> list[Part]:
    """Draw an adult's upper abdomen of 320 × 220 mm: liver, spleen, kidneys, gas, spine, ribs."""
    return [*_table(135), *_belly(1.0, share)]


def infant_abdomen(share: float) -> list[Part]:
    """Draw an abdomen as large as a head: 170 × 120 mm."""
    return _belly(0.54, share)


def pelvis(share: float) -> list[Part]:
    """Draw the pelvic ring from the femoral heads up to the iliac wings, filled with bowel and bladder."""
    body = [Part((0, 0), (115, 180), FAT), Part((5, 0), (100, 160), MUSCLE), Part((0, 0), (75, 95), 20)]
    wings = [
        Part((10, side * (105 - 10 * share)), (70, 14), BONE, turn=side * (25 + 20 * share), shell=5)
        for side in (-1, 1)
    ]
    low = [Part((20, side * 95), (25, 25), 600) for side in (-1, 1)] + [Part((-62, 0), (12, 50), 700)]
    sacrum = [Part((80, 0), (20, 45), BONE), Part((80, 0), (16, 40), SPONGY)]
    return [*body, Part((-15, 0), (35, 45), 8), *wings, *sacrum, *(low if share < 0.4 else [])]


def pelvic_inlet(share: float) -> list[Part]:
    """Draw a nearly closed ring of bone 130 mm across, filled with soft tissue: a small woman's pelvis."""
    body = [Part((0, 0), (95, 150), FAT), Part((0, 0), (85, 135), MUSCLE)]
    ring = [Part((0, 0), (68, 75), BONE, shell=9, arc=(20 + 5 * share, 340))]
    return [*body, *ring, Part((-10, 0), (30, 40), 8), Part((25, 10), (20, 22), 30), Part((30, 12), (6, 7), AIR)]


def neck(share: float) -> list[Part]:
    """Draw a neck of 130 mm: airway, vertebra, mandible in the higher slices, vessels, fat."""
    width = 62 + 25 * max(0.0, 0.3 - share) / 0.3
    parts = [Part((0, 0), (62, width), FAT), Part((0, 0), (56, width - 6), MUSCLE)]
    parts += [Part((-15, 0), (9, 10), AIR), Part((20, 0), (11, 14), BONE), Part((20, 0), (8, 11), 300)]
    parts += [Part((36, 0), (10, 14), BONE), Part((36, 0), (8, 11), 30), Part((52, 0), (8, 3), 600)]
    parts += [Part((0, side * 30), (6, 6), 45) for side in (-1, 1)]
    jaw = [Part((-20, 0), (38, 36), BONE, shell=9, arc=(95, 265))]
    return [*parts, *(jaw if share > 0.6 else [])]


def knee(_share: float) -> list[Part]:
    """Draw one knee of 130 mm: condyles, patella, muscle, fat."""
    soft = [Part((0, 0), (66, 62), FAT), Part((0, 0), (60, 56), MUSCLE)]
    condyles = [Part((5, side * 20), (30, 22), BONE) for side in (-1, 1)]
    spongy = [Part((5, side * 20), (27, 19), 200) for side in (-1, 1)]
    return [*soft, *condyles, *spongy, Part((-45, 0), (9, 20), BONE), Part((-45, 0), (6, 16), 250)]


def thighs(_share: float) -> list[Part]:
    """Draw two thighs side by side, each with its femur."""
    parts: list[Part] = []
    for side in (-1, 1):
        parts += [Part((0, side * 88), (80, 82), FAT), Part((0, side * 88), (66, 68), MUSCLE)]
        parts += [Part((0, side * 82), (15, 15), BONE), Part((0, side * 82), (8, 8), -50)]
    return parts


def water_phantom(share: float) -> list[Part]:
    """Draw a cylinder of water 200 mm across in acrylic; a third of it holds inserts of bone, air and plastics."""
    inserts = [((-45, 0), 955.0), ((0, 45), AIR), ((45, 0), -95.0), ((0, -45), 120.0)]
    rods = [Part(center, (12, 12), value) for center, value in inserts]
    return [Part((0, 0), (103, 103), 120), Part((0, 0), (97, 97), 0), *(rods if share < 0.34 else [])]


def acrylic_phantom(_share: float) -> list[Part]:
    """Draw the acrylic cylinder in which the dose of head scans is measured: 160 mm, five holes."""
    places = [(0, 0), (-65, 0), (65, 0), (0, -65), (0, 65)]
    return [Part((0, 0), (80, 80), 120), *(Part(place, (6, 6), AIR) for place in places)]


def head_phantom(_share: float) -> list[Part]:
    """Draw a ring as dense as bone around an even filling as dense as brain: the body of a head quality phantom."""
    return [Part((0, 0), (88, 75), 900), Part((0, 0), (81, 68), 38)]


def water_in_bone(_share: float) -> list[Part]:
    """Draw the same ring filled with water."""
    return [Part((0, 0), (88, 75), 900), Part((0, 0), (81, 68), 0)]


def head_phantom_rods(_share: float) -> list[Part]:
    """Draw the same phantom with low-contrast rods inside."""
    rods = [Part((30 * np.cos(a), 30 * np.sin(a)), (3 + a, 3 + a), 48) for a in np.linspace(0, 5.2, 6)]
    return [*head_phantom(0.0), *rods]


def doll(share: float) -> list[Part]:
    """Draw a hollow doll's head of 120 mm in plastic of 3 mm, with glass eyes."""
    size = np.sqrt(max(0.05, 1 - (2 * share - 1) ** 2))
    eyes = [Part((-45 * size, side * 20), (9, 9), 2000) for side in (-1, 1)]
    return [Part((0, 0), (62 * size, 54 * size), 110, shell=3), *(eyes if 0.4 < share < 0.6 else [])]


def rubber_doll(share: float) -> list[Part]:
    """Draw a solid rubber head of 120 mm."""
    size = np.sqrt(max(0.05, 1 - (2 * share - 1) ** 2))
    return [Part((0, 0), (62 * size, 54 * size), 90), Part((-50 * size, 0), (6, 6), 200)]


def bottle(_share: float) -> list[Part]:
    """Draw a plastic bottle of water."""
    return [Part((0, 0), (45, 45), 150, shell=2), Part((0, 0), (43, 43), 0)]


def fruit(_share: float) -> list[Part]:
    """Draw a cardboard box of oranges and apples."""
    box = [Part((0, 0), (140, 140), -600, shell=4)]
    for row in (-60, 0, 60):
        for column in (-60, 0, 60):
            peel, flesh = (-250, 25) if (row + column) % 120 else (-60, -110)
            box += [Part((row, column), (29, 29), peel), Part((row, column), (25, 25), flesh)]
    return box


def melon(share: float) -> list[Part]:
    """Draw a melon of 190 mm: rind, flesh, seeds in its hollow."""
    size = np.sqrt(max(0.05, 1 - (2 * share - 1) ** 2))
    seeds = [Part((20 * np.cos(a), 20 * np.sin(a)), (3, 2), 120) for a in np.linspace(0, 5.5, 9)]
    return [Part((0, 0), (95 * size, 90 * size), 60), Part((0, 0), (86 * size, 81 * size), 25),
            Part((0, 0), (30 * size, 28 * size), -150), *seeds]  # fmt: skip


def coconut(share: float) -> list[Part]:
    """Draw a coconut of 130 mm: a shell as dense as thin bone, flesh, water and an air bubble at its front."""
    size = np.sqrt(max(0.05, 1 - (2 * share - 1) ** 2))
    return [Part((0, 0), (65 * size, 62 * size), -150), Part((0, 0), (60 * size, 57 * size), 300),
            Part((0, 0), (55 * size, 52 * size), 10), Part((3, 0), (44 * size, 42 * size), 25),
            Part((-28 * size, 0), (14 * size, 24 * size), AIR)]  # fmt: skip


def dog_head(share: float) -> list[Part]:
    """Draw a dog's head of 130 mm: snout below, then a cranium of 50 mm under thick muscle."""
    soft = [Part((0, 0), (60, 62), FAT), Part((0, 0), (56, 58), MUSCLE)]
    if share < 0.5:
        return [
            *soft,
            Part((-10, 0), (35, 28), BONE, shell=6),
            Part((-10, 0), (28, 21), AIR),
            Part((40, 0), (10, 40), BONE),
        ]
    brain = [Part((-5, 0), (31, 33), BONE), Part((-5, 0), (24, 26), 35)]
    fluid = [Part((-5, side * 7), (8, 2.5), 6) for side in (-1, 1)]
    return [*soft, *brain, *fluid, Part((45, 0), (8, 45), 700, shell=4)]


CT_BODIES: dict[str, tuple[Drawing, float]] = {
    "chest": (chest, 420), "abdomen": (abdomen, 400), "infant abdomen": (infant_abdomen, 220), "pelvis": (pelvis, 420),
    "pelvic inlet": (pelvic_inlet, 360), "neck": (neck, 240), "knee": (knee, 180), "thighs": (thighs, 400),
    "water phantom": (water_phantom, 250), "acrylic phantom": (acrylic_phantom, 220),
    "head phantom": (head_phantom, 230), "water in bone": (water_in_bone, 230),
    "head phantom with rods": (head_phantom_rods, 230), "doll": (doll, 180), "rubber doll": (rubber_doll, 180),
    "bottle": (bottle, 180), "fruit": (fruit, 320), "melon": (melon, 240), "coconut": (coconut, 180),
    "dog's head": (dog_head, 180),
}  # fmt: skip
"""Drawings by name, each with the width of its field of view in mm."""

SIGNAL = {AIR: 0.0, LUNG: 60.0, FAT: 900.0, BONE: 60.0}
"""MR signal of what CT drawings name, T1- or T2-like; the rest follows ``mr_drawing``."""


def mr_drawing(drawing: Drawing) -> Drawing:
    """Return a CT drawing in MR signal: fat and marrow bright, cortex and air dark, water brighter than muscle."""

    def signal(value: float) -> float:
        if value in SIGNAL:
            return SIGNAL[value]
        return 60.0 if value >= 400 else 800.0 if value >= 150 else 50.0 if value <= -200 else 750.0 - 7.0 * value

    return lambda share: [replace(part, value=signal(part.value)) for part in drawing(share)]


def mr_bottle(_share: float) -> list[Part]:
    """Draw a bottle of doped water, 160 mm."""
    return [Part((0, 0), (80, 80), 700)]


def mr_grid_phantom(share: float) -> list[Part]:
    """Draw a phantom of 190 mm with a grid of rods, a wedge and a bubble at the top, as in yearly acceptance tests."""
    rods = [Part((row, column), (7, 7), 60) for row in (-45, -15, 15, 45) for column in (-45, -15, 15, 45)]
    wedge = [Part((0, 0), (5, 70), 100)]
    return [Part((0, 0), (95, 95), 700), Part((-90, 0), (8, 30), 0), *(rods if share < 0.5 else wedge)]


def grapefruit(share: float) -> list[Part]:
    """Draw a grapefruit of 130 mm with its segments."""
    size = np.sqrt(max(0.05, 1 - (2 * share - 1) ** 2))
    walls = [Part((0, 0), (52 * size, 1.5), 250, turn=angle) for angle in range(0, 180, 30)]
    return [Part((0, 0), (65 * size, 63 * size), 250), Part((0, 0), (55 * size, 53 * size), 800), *walls]


MR_BODIES: dict[str, tuple[Drawing, float]] = {
    **{name: (mr_drawing(CT_BODIES[name][0]), CT_BODIES[name][1]) for name in (
        "chest", "abdomen", "infant abdomen", "pelvis", "neck", "knee", "thighs", "dog's head",
    )},
    "bottle": (mr_bottle, 220), "grid phantom": (mr_grid_phantom, 250), "grapefruit": (grapefruit, 180),
}  # fmt: skip


@cache
def ct_body(name: str) -> Scan:
    """Return a CT of one of ``CT_BODIES``."""
    drawing, field_mm = CT_BODIES[name]
    return ct_scan(drawing, field_mm=field_mm)


@cache
def mr_body(name: str) -> Scan:
    """Return an MR of one of ``MR_BODIES``."""
    drawing, field_mm = MR_BODIES[name]
    return mr_scan(drawing, field_mm=field_mm)
