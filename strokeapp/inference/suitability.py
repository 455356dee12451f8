"""Decide whether a scan is something a network may read: severe flags, then anatomy, then quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.imaging.head_crop import crop, head_box, head_mask
from strokeapp.imaging.scan_input import Slab, gray_window, slab_gray
from strokeapp.inference.anatomy import unlike_head
from strokeapp.inference.mr_anatomy import RULE as BRAIN_RULE
from strokeapp.inference.mr_anatomy import BrainRule, brain_on_slice
from strokeapp.inference.quality.checks import quality_flags
from strokeapp.inference.quality.view import look
from strokeapp.types import Abstention, Modality, Plane, QualityFlag, Scan, Severity, Units

BONE_GRAY = 0.93
"""74 HU in the brain window: skull and calcium; fresh clot stays below for the most part."""
TISSUE_GRAY = (0.1, 0.85)
"""8 to 68 HU: brain, the partial volume of cerebrospinal fluid, clot."""
CROP_SIDE = 128
RAYS, SAMPLES = 96, 80


@dataclass(frozen=True)
class SkullRule:
    """Bound what counts as a brain inside a skull on one axial slice.

    Args:
        least_ring: Share of the rays from the head's center that must meet bone.
        least_tissue: Share of what lies inside the bone that must be brain-like.
        least_radius: Mean radius of the bone's inner side as a share of the head's.
        roughness: Largest median change of that radius between neighboring rays, as a share of it.
        diameter_mm: Least and largest mean inner diameter, where the spacing is known.
        least_slices: Share of a volume's slices that must pass.
    """

    least_ring: float = 0.75
    least_tissue: float = 0.75
    least_radius: float = 0.45
    roughness: float = 0.06
    diameter_mm: tuple[float, float] = (60.0, 190.0)
    least_slices: float = 0.1


RULE = SkullRule()


@dataclass(frozen=True)
class SkullRing:
    """Describe what rays from the head's center meet.

    Args:
        coverage: Share of rays that meet bone.
        tissue: Share of brain-like pixels inside the bone.
        radius: Mean inner radius over the radius of the head box.
        roughness: See ``SkullRule``.
        box_width: Of the head box, in pixels.
    """

    coverage: float
    tissue: float
    radius: float
    roughness: float
    box_width: float


def skull_ring(gray: NDArray[np.float32], *, aspect: float = 1.0) -> SkullRing | None:
    """Send rays from the center of the head and measure the bone they meet; None where nothing is seen.

    Args:
        gray: (rows, columns) in [0, 1], brain window 80/40.
        aspect: Row spacing over column spacing.
    """
    gray = np.ascontiguousarray(gray, np.float32)
    box = head_box(gray, aspect=aspect)
    small = crop(gray, box, CROP_SIDE)
    mask = head_mask(small)
    if not mask.any():
        return None
    center = ndimage.center_of_mass(mask)
    angle = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
    radius = np.linspace(0, CROP_SIDE * 0.62, SAMPLES)
    grid = np.stack([center[0] + np.outer(np.sin(angle), radius), center[1] + np.outer(np.cos(angle), radius)])
    rays = ndimage.map_coordinates(small, grid, order=1, mode="constant")
    inner = _inner_edge(rays > BONE_GRAY)
    met = np.isfinite(inner)
    if met.mean() < 0.25:
        return None
    inner = np.interp(angle, angle[met], inner[met], period=2 * np.pi)
    inside = np.arange(SAMPLES) < inner[:, None]
    weight = radius * inside
    brain = (rays > TISSUE_GRAY[0]) & (rays < TISSUE_GRAY[1])
    step = np.abs(np.diff(inner, append=inner[:1]))
    return SkullRing(
        coverage=float(met.mean()),
        tissue=float((weight * brain).sum() / max(1e-6, weight.sum())),
        radius=float(inner.mean() * radius[1] / (CROP_SIDE / 2)),
        roughness=float(np.median(step) / max(1e-6, inner.mean())),
        box_width=box.right - box.left,
    )


def _inner_edge(bone: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return per ray the sample at which its outermost run of bone begins; nan where it meets none."""
    met = bone.any(1)
    last = bone.shape[1] - 1 - np.argmax(bone[:, ::-1], axis=1)
    before = ~bone & (np.arange(bone.shape[1]) < last[:, None])
    start = np.where(before.any(1), bone.shape[1] - np.argmax(before[:, ::-1], axis=1), 0)
    return np.where(met, start, np.nan)


def brain_in_skull(
    gray: NDArray[np.float32], *, spacing_mm: tuple[float, float] | None = None, rule: SkullRule = RULE
) -> bool:
    """Tell whether an axial slice shows brain-like tissue inside a ring of bone.

    Args:
        gray: (rows, columns) in [0, 1], brain window 80/40.
        spacing_mm: (row, column) of the pixels, or None.
        rule: Bounds.
    """
    ring = skull_ring(gray, aspect=spacing_mm[0] / spacing_mm[1] if spacing_mm else 1.0)
    if ring is None or ring.coverage < rule.least_ring or ring.tissue < rule.least_tissue:
        return False
    if ring.radius < rule.least_radius or ring.roughness > rule.roughness:
        return False
    if spacing_mm is None:
        return True
    diameter = ring.radius * ring.box_width * spacing_mm[1]
    return rule.diameter_mm[0] <= diameter <= rule.diameter_mm[1]


def head_slices(
    scan: Scan,
    *,
    rule: SkullRule | BrainRule = RULE,
    shows: Callable[..., bool] = brain_in_skull,
    most: int = 24,
) -> NDArray[np.bool_]:
    """Return which slices show a head; by default, a brain in a skull on CT or a picture.

    Args:
        scan: Axial.
        rule: Bounds.
        shows: Judges one slice by the rule.
        most: Of a longer volume, this many evenly spaced slices are looked at.
    """
    judge = _judge(scan, rule, shows)
    return np.array([judge(index) for index in _evenly(len(scan.voxels), most)])


def enough_heads(
    scan: Scan, *, rule: SkullRule | BrainRule = RULE, shows: Callable[..., bool] = brain_in_skull, most: int = 24
) -> bool:
    """Tell whether enough slices show a head: the same as counting ``head_slices``, but no further than needed.

    Slices are looked at from the middle outward, where a head is most likely, until enough have passed.

    Args:
        scan, rule, shows, most: See ``head_slices``.
    """
    chosen = _evenly(len(scan.voxels), most)
    wanted = max(1.0, rule.least_slices * len(chosen))
    judge, passed = _judge(scan, rule, shows), 0
    for index in sorted(chosen, key=lambda k: abs(k - (len(scan.voxels) - 1) / 2)):
        passed += judge(index)
        if passed >= wanted:
            return True
    return False


def _evenly(count: int, most: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def _judge(scan: Scan, rule: SkullRule | BrainRule, shows: Callable[..., bool]) -> Callable[[int], bool]:
    window, spacing = gray_window(scan), scan.spacing_mm
    pixel = None if spacing is None else spacing[1:]
    return lambda index: shows(slab_gray(scan, Slab(index, index), window), spacing_mm=pixel, rule=rule)


@dataclass(frozen=True)
class Examination:
    """Say whether a scan may be read, and what a reader must know of it.

    Args:
        scan: As given, with the flags found here added.
        abstention: Why it must not be read, or None.
    """

    scan: Scan
    abstention: Abstention | None


def examine(scan: Scan, *, rule: SkullRule = RULE) -> Examination:
    """Judge kind and anatomy of a scan and, where it shows a head, its quality; severe flags abstain.

    Args:
        scan: Canonical orientation.
        rule: Bounds of a brain in a skull.
    """
    abstention = _unfit(scan, rule)
    if abstention is not None:
        return Examination(scan, abstention)
    view = look(scan)
    abstention = unlike_head(view)
    flags = quality_flags(scan, view=view)
    if abstention is not None:
        # Numbers of a head's quality mean nothing where there is none; a damaged file is the better reason.
        return Examination(scan, _damaged(flags) or abstention)
    known = {flag.code for flag in scan.flags}
    scan = replace(scan, flags=(*scan.flags, *(flag for flag in flags if flag.code not in known)))
    return Examination(scan, _severe(flags))


def check(scan: Scan, *, rule: SkullRule = RULE) -> Abstention | None:
    """Return why a scan must not be read, or None.

    Tags alone never make a head: the voxels must show one.
    """
    return examine(scan, rule=rule).abstention


def _severe(flags: tuple[QualityFlag, ...]) -> Abstention | None:
    severe = (flag for flag in flags if flag.severity is Severity.SEVERE)
    return next((Abstention(flag.code, flag.message) for flag in severe), None)


def _damaged(flags: tuple[QualityFlag, ...]) -> Abstention | None:
    return _severe(tuple(flag for flag in flags if flag.code == "part_missing"))


def _unfit(scan: Scan, rule: SkullRule) -> Abstention | None:
    """Return why a scan is of the wrong kind or shows no head, or None."""
    abstention = _severe(scan.flags)
    if abstention is not None:
        return abstention
    if scan.modality is Modality.OTHER:
        return Abstention("not_ct_or_mr", "This is neither CT nor MR; it can be viewed but is not read.")
    if scan.plane not in (Plane.AXIAL, Plane.UNKNOWN):
        return Abstention("not_axial", f"The slices are {scan.plane.value}; the networks read axial slices only.")
    if scan.modality is Modality.MR:
        return _check_mr(scan)
    if scan.modality is Modality.CT and scan.units is not Units.HU:
        return Abstention("no_hounsfield_units", "The CT values are not in Hounsfield units, so they cannot be read.")
    if enough_heads(scan, rule=rule):
        return None
    what = "picture" if scan.modality is Modality.PICTURE else "CT"
    return Abstention(
        "not_a_head_ct",
        f"This {what} does not show a brain inside a skull on enough axial slices, so it is not read as a head CT.",
    )


def _check_mr(scan: Scan, *, rule: BrainRule = BRAIN_RULE) -> Abstention | None:
    """Return why an MR does not show a head on enough slices, or None."""
    if enough_heads(scan, rule=rule, shows=brain_on_slice):
        return None
    return Abstention(
        "not_a_head_mr", "This MR does not show a head on enough axial slices, so it is not read as a head MR."
    )
