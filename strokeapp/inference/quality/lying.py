"""Find a head that lies the wrong way round: face to the lower border, or slices from the head to the feet (CT)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.inference.quality.morphology import dilated
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import Modality, QualityFlag, Severity

AIR_GRAY, REST_GRAY = 0.01, 0.1
"""Black inside the head is air and fat of the face; gray outside of it is the headrest."""
LOW_AREA = 0.8
"""Brain area over the largest, below which a slice under the largest shows face in front and brain behind."""
LEAST_PIXELS, FULL_PIXELS = 20, 200
"""Reduced pixels of air from which on its place counts, and counts in full."""
TABLE_SHARE, WITH_TABLE, ALONE = 0.2, 0.12, 0.2
"""The headrest lies this much of the head's length above its middle and the face score is below 0.12, or the score
alone is below -0.2: one of 201 volumes lies so, and 94 % of them when turned upside down."""
REVERSED_SHARE = 0.07
"""Lead of the brain's level over the rest of the head's; -0.058 at least on 201 volumes, 0.12 in the median."""
END_SLICES, FACE_SIZE, FACE_BRAIN = 3, 0.35, 0.25
"""Face or neck at an end: three slices with at least this share of the largest outline, and at most this of it brain.
Without it, slices that begin above the skull base would look reversed."""


def lying(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report a picture that is upside down and slices in reverse order; both leave left and right in doubt."""
    if view.scan.modality is Modality.MR or view.shows_brain.sum() < 5:
        return ()
    backward = brain_lead(view) < -REVERSED_SHARE and _face_last(view)
    flags = []
    score, table = face_score(view, backward=backward), table_below(view)
    if (table < -TABLE_SHARE and score < WITH_TABLE) or score < -ALONE:
        message = "The face points to the picture's lower border: the picture is upside down, or the patient lay prone."
        flags.append(QualityFlag("upside_down", Severity.WARNING, f"{message} Left and right may be exchanged."))
    if backward:
        severity = Severity.INFO if view.scan.geometry is None else Severity.WARNING
        message = "The slices run from the head to the feet, against the order expected; left and right are in doubt."
        flags.append(QualityFlag("reversed_order", severity, message))
    return tuple(flags)


def brain_lead(view: HeadView) -> float:
    """Return how far the brain's mean slice lies beyond that of the rest of the head, as a share of the slices.

    Face and neck come first where slices run from the feet to the head, so that it is positive.
    """
    brain = view.brain.sum(axis=(1, 2)).astype(float)
    rest = np.maximum(view.head.sum(axis=(1, 2)) - brain, 0.0)
    number = np.arange(len(brain))
    return float((number @ brain / max(1.0, brain.sum()) - number @ rest / max(1.0, rest.sum())) / len(number))


def _face_last(view: HeadView) -> bool:
    size, brain = view.head.sum(axis=(1, 2)).astype(float), view.brain.sum(axis=(1, 2))
    last = slice(-END_SLICES, None)
    return bool(size[last].mean() >= FACE_SIZE * size.max() and brain[last].sum() <= FACE_BRAIN * size[last].sum())


def face_score(view: HeadView, *, backward: bool = False) -> float:
    """Return how much speaks for a face at the upper border: brain behind, air in front, a narrow forehead.

    Three shares of the head's length (the last is the skewness of its outline along the rows), added up. 0.12 in the
    median of 201 volumes; 5 % lie below 0.016, most of them with the head bent far back.

    Args:
        view: Of a CT or picture.
        backward: The slices run from the head to the feet.
    """
    area = view.brain.sum(axis=(1, 2))
    size = view.head.sum(axis=(1, 2))
    number, largest = np.arange(len(area)), int(np.argmax(area))
    below = number > largest if backward else number < largest
    low = np.flatnonzero(below & (area < LOW_AREA * np.percentile(area, 95)) & (size > 0.2 * size.max()))
    behind = [_offset(view.brain[k], view.head[k]) for k in low.tolist() if view.brain[k].sum() > 2 * LEAST_PIXELS]
    air = [_air(view.gray[k], view.head[k]) for k in low.tolist()]
    air = [value for value in air if value is not None]
    skew = [_skewness(view.head[k]) for k in np.flatnonzero(area > 0.5 * np.percentile(area, 95)).tolist()]
    return _median(behind) - (float(np.mean(air)) if air else 0.0) - _median(skew)


def table_below(view: HeadView) -> float:
    """Return how far the headrest lies below the head's middle, as a share of the head's length; 0 without one."""
    area = view.brain.sum(axis=(1, 2))
    found = []
    for number in np.flatnonzero(area >= 0.3 * np.percentile(area, 95)).tolist():
        head = view.head[number]
        rest = (view.gray[number] > REST_GRAY) & ~dilated(head, iterations=3)
        if rest.sum() >= LEAST_PIXELS:
            found.append(_offset(rest, head))
    return _median(found) if len(found) >= 3 else 0.0


def _offset(mask: NDArray[np.bool_], head: NDArray[np.bool_]) -> float:
    """Return how far below the head's middle a mask's middle lies, as a share of the head's length."""
    down = [np.average(np.arange(len(one)), weights=one.sum(axis=1)) for one in (mask, head)]
    return float((down[0] - down[1]) / head.any(axis=1).sum())


def _air(gray: NDArray[np.float32], head: NDArray[np.bool_]) -> float | None:
    air = head & (gray < AIR_GRAY)
    count = int(air.sum())
    return None if count < LEAST_PIXELS else _offset(air, head) * min(1.0, count / FULL_PIXELS)


def _skewness(head: NDArray[np.bool_]) -> float:
    weight = head.sum(axis=1).astype(float)
    row = np.arange(len(weight)) - np.average(np.arange(len(weight)), weights=weight)
    return float(np.average(row**3, weights=weight) / np.average(row**2, weights=weight) ** 1.5)


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else 0.0
