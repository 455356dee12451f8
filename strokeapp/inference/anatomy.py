"""Judge from the whole volume whether what looks like a head on single slices is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.inference.quality.checks import OUTLINED
from strokeapp.inference.quality.morphology import eroded
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import Abstention, Modality, Units

VOLUME = 5
"""Slices from which on the best of them is judged; fewer may all lie at the base or the vertex."""
LARGE = 0.5
"""Share of the largest outline or brain area from which on a slice is measured."""
CORE_PIXELS = 100


@dataclass(frozen=True)
class HeadRule:
    """Bound what a head's volume looks like; each pair is (volumes, fewer than ``VOLUME`` slices).

    Args:
        brain_share: Least area inside the skull over that of the head, on the best slice: heads have 0.70 and more,
            a dog 0.2, a pelvis 0.3; single slices of heads go down to 0.24.
        ct_spread: Least spread of smoothed gray inside the skull, on the most uneven slice, CT in HU: heads have
            0.16 (13 HU) and more, a phantom of low-contrast rods 0.1, an even one 0.04; single slices 0.066.
        picture_spread: The same for pictures, whose window may be wider than the brain's.
        mr_spread: Least spread of smoothed signal over its median, the coil's shading removed; heads have 0.2.
        elongation: Least median ratio of the longer to the shorter axis on MR: bottles and fruit are round, heads
            of volumes 1.11 and more long.
        top_share: Outline of the highest slice over the largest from which on an MR does not close like a head.
        top_mm: Height from which on it should: a brain is 120 to 150 mm high.
    """

    brain_share: tuple[float, float] = (0.45, 0.2)
    ct_spread: tuple[float, float] = (0.12, 0.05)
    picture_spread: tuple[float, float] = (0.05, 0.05)
    mr_spread: float = 0.08
    elongation: float = 1.045
    top_share: float = 0.9
    top_mm: float = 90.0


RULE = HeadRule()


def unlike_head(view: HeadView, *, rule: HeadRule = RULE) -> Abstention | None:
    """Return why a volume whose slices pass one by one is no head all the same, or None.

    Args:
        view: Axial; some of its slices look like a head.
        rule: Bounds.
    """
    if view.scan.modality is not Modality.MR:
        return _unlike_ct(view, rule)
    return _unlike_mr(view, rule) if view.scan.sequence in OUTLINED else None


def _unlike_ct(view: HeadView, rule: HeadRule) -> Abstention | None:
    seen = np.flatnonzero(view.shows_brain)
    if not seen.size:
        return None
    few = len(view.index) < VOLUME
    brain, head = view.brain[seen].sum(axis=(1, 2)), view.head[seen].sum(axis=(1, 2))
    share = float((brain / np.maximum(1, head)).max())
    if share < rule.brain_share[few]:
        message = f"The bone encloses {share:.0%} of the body at most; a skull encloses most of a head."
        return Abstention("not_a_head_ct", f"{message} It is not read as a head CT.")
    least = (rule.ct_spread if view.scan.units is Units.HU else rule.picture_spread)[few]
    spreads = [_spread_in_skull(view.gray[k], view.brain[k]) for k in seen[brain >= LARGE * brain.max()].tolist()]
    known = [value for value in spreads if value is not None]
    if known and max(known) < least:
        message = "What the bone encloses is as even as a phantom: no fluid, no gray and white matter."
        return Abstention("not_a_head_ct", f"{message} It is not read as a head CT.")
    return None


def _spread_in_skull(gray: NDArray[np.float32], brain: NDArray[np.bool_]) -> float | None:
    """Return the 3rd to 97th percentile span of gray deep in the brain, smoothed over 1.5 pixels within it."""
    core = eroded(brain, iterations=4)
    if core.sum() < CORE_PIXELS:
        return None
    weight = ndimage.gaussian_filter(core.astype(np.float32), 1.5)
    smooth = ndimage.gaussian_filter(gray * core, 1.5)[core] / weight[core]
    return float(np.subtract(*np.percentile(smooth, (97, 3))))


def _unlike_mr(view: HeadView, rule: HeadRule) -> Abstention | None:
    area = view.head.sum(axis=(1, 2))
    large = np.flatnonzero(area > LARGE * area.max()).tolist()
    reason = _mr_reason(view, area, large, rule)
    return None if reason is None else Abstention("not_a_head_mr", f"{reason} It is not read as a head MR.")


def _mr_reason(view: HeadView, area: NDArray[np.intp], large: list[int], rule: HeadRule) -> str | None:
    spreads = [_unshaded_spread(view.gray[k], view.head[k]) for k in large]
    known = [value for value in spreads if value is not None]
    if known and np.median(known) < rule.mr_spread:
        return "What the slices show is as even as a bottle: no fluid, no gray and white matter."
    if len(view.index) < VOLUME or not large:
        return None
    if np.median([_elongation(view.head[k], view.pixel_mm) for k in large]) < rule.elongation:
        return "The outline is round on most slices, as of a phantom; heads are longer than wide."
    height, top = _height_mm(view), area[-1] / max(1, area.max())
    if height is not None and height >= rule.top_mm and top >= rule.top_share:
        return f"The outline does not close toward the top over {height:.0f} mm, as a head does."
    return None


def _unshaded_spread(gray: NDArray[np.float32], head: NDArray[np.bool_]) -> float | None:
    """Return the 10th to 90th percentile span of smoothed signal over its median, less its quadratic part."""
    core = eroded(head, iterations=4)
    if core.sum() < CORE_PIXELS:
        return None
    row, column = (place - place.mean() for place in np.nonzero(core))
    values = ndimage.gaussian_filter(gray, 1.0)[core].astype(np.float64)
    terms = np.stack([np.ones(len(row)), row, column, row**2, row * column, column**2], axis=1)
    terms /= np.abs(terms).max(axis=0)
    rest = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    return float(np.subtract(*np.percentile(rest, (90, 10))) / max(1e-6, float(np.median(values))))


def _elongation(head: NDArray[np.bool_], pixel_mm: tuple[float, float] | None) -> float:
    """Return the longer over the shorter axis of the ellipse of equal second moments, in mm where known."""
    points = np.argwhere(head) * np.array(pixel_mm or (1.0, 1.0))
    least, most = np.linalg.eigvalsh(np.cov(points.T))
    return float(np.sqrt(most / max(1e-6, least)))


def _height_mm(view: HeadView) -> float | None:
    geometry = view.scan.geometry
    if geometry is None or len(view.scan.voxels) < 2:
        return None
    return float(np.ptp(geometry.positions_mm) + np.median(geometry.slice_gaps_mm))
