"""Find movement between slices (the head jumps sideways) and, on MR, within them (ghosts beside the head)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.imaging.head_crop import head_mask
from strokeapp.inference.quality.morphology import dilated
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import Modality, QualityFlag, Severity

JUMP_SHARE = 0.04
"""Sideways jump as a share of the head's width, about 6 mm; 0.039 at most on 201 whole volumes."""
JUMP_SHARE_MR = 0.08
"""The same for MR, whose outline EPI bends by some mm near air; 0.04 at most on the few volumes at hand."""
LARGE_SHARE = 0.5
"""Share of the largest brain area from which on a slice's middle is where the head is, not where its base widens."""
GHOST_SHARE = 0.18
"""Difference of the two background means over the mean of the head; 0.05 at most on seven real MR, and 0.14 on a
synthetic FLAIR whose dim scalp counts as background. Ghosts of 0.3 of the head give 0.21 or more."""


GHOST_FREE = 0.35
"""Share of the 99th percentile that ghosts hardly reach: the outline must not take them for head."""


def motion(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report jumps between slices and ghosts within them.

    A movement within a CT slice leaves streaks and double edges that are not measured here.
    """
    flags = _jumps(view)
    return flags + _ghosts(view) if view.scan.modality is Modality.MR else flags


def sideways_jumps(view: HeadView) -> NDArray[np.float64]:
    """Return how far each slice's head lies beside the middle of its two neighbors, as a share of its width.

    The head's outline and the brain must both have moved: the smaller of the two counts, since a hand, a headrest
    or a swollen scalp moves one of them alone.
    """
    area = view.brain.sum(axis=(1, 2))
    large = np.flatnonzero(area > LARGE_SHARE * np.percentile(area, 95))
    if len(large) < 3:
        return np.zeros(0)
    block = slice(large[0], large[-1] + 1)
    middles = [_columns(masks[block]) for masks in (view.head, view.brain)]
    bent = np.min([np.abs(np.diff(middle, 2)) / 2 for middle in middles], axis=0)
    width = np.median(view.head[large].any(axis=1).sum(axis=1))
    return np.nan_to_num(2 * bent / width)


def _columns(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean column of each mask, nan where it is empty."""
    weight = masks.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return weight @ np.arange(masks.shape[2]) / weight.sum(axis=1)


def _jumps(view: HeadView) -> tuple[QualityFlag, ...]:
    jumps = sideways_jumps(view)
    moved = jumps >= (JUMP_SHARE_MR if view.scan.modality is Modality.MR else JUMP_SHARE)
    if not moved.any():
        return ()
    message = (
        f"The head jumps sideways between neighboring slices by up to {jumps.max():.0%} of its width "
        f"({moved.sum()} places): the patient moved, or slices are not of one scan."
    )
    return (QualityFlag("motion", Severity.WARNING, message),)


def _ghosts(view: HeadView) -> tuple[QualityFlag, ...]:
    share = ghost_share(view)
    if share < GHOST_SHARE:
        return ()
    message = f"Ghosts beside the head reach {share:.0%} of its own signal: the patient moved, or the scanner drifted."
    return (QualityFlag("ghosting", Severity.WARNING, message),)


def ghost_share(view: HeadView) -> float:
    """Return the ghost-to-signal ratio of the slices, the larger of both picture directions (their median).

    Difference between the background that the head, moved by half a field of view, covers and the background that
    it does not, over the mean of the head (Giannelli et al. 2010, as in MRIQC's GSR; the phase direction is not
    known here, so both are tried).
    """
    heads = [head_mask(image / max(1e-6, float(np.percentile(image, 99))), tissue=GHOST_FREE) for image in view.gray]
    shares = [
        max(_ghost(image, head, axis) for axis in (0, 1))
        for image, head in zip(view.gray, heads, strict=True)
        if head.mean() > 0.1
    ]
    return float(np.median(shares)) if shares else 0.0


def _ghost(gray: NDArray[np.float32], head: NDArray[np.bool_], axis: int) -> float:
    wide = dilated(head, iterations=3)
    moved = np.roll(wide, head.shape[axis] // 2, axis=axis)
    ghost, rest = moved & ~wide, ~moved & ~wide
    if ghost.sum() < 50 or rest.sum() < 50:
        return 0.0
    return float((gray[ghost].mean() - gray[rest].mean()) / max(1e-6, gray[head].mean()))
