"""Tell whether the picture's border, or the scanner's circular field of view, cuts the head or the brain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.inference.quality.morphology import eroded
from strokeapp.inference.quality.view import HeadView
from strokeapp.types import Modality, QualityFlag, Severity

BRAIN_CROPPED = "brain_cropped"
"""Code of the flag."""
CUT_FROM = 0.02
"""Share of the brain's outline on the border from which the brain counts as cut: about 1 cm."""
SEVERE_FROM = 0.2
"""The same, as the median of the slices that show brain: a straight cut of that length takes a tenth of the slice."""
HEAD_FROM = 0.1
"""Share of the head's outline on the border that is worth a note where the brain itself is whole."""
FEWEST_SHARE = 0.1
"""Share of the brain-bearing slices that must be cut."""
NEAR = 1
"""Reduced pixels from the border that count as on it."""


def cropping(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report a brain, or else a head, that is cut by the border; severe where most slices miss much (not on MR)."""
    seen = view.shows_brain
    if not seen.any():
        return ()
    edge = _edge(view)
    brain = np.array([_contact(mask, edge) for mask in view.brain[seen]])
    head = np.array([_contact(mask, edge) for mask in view.head[seen]])
    cut = brain >= CUT_FROM
    if cut.sum() >= max(1.0, FEWEST_SHARE * len(cut)):
        # An MR outline may hold ghosts that reach the border; the head itself need not be cut.
        sure = view.scan.modality is not Modality.MR
        severity = Severity.SEVERE if sure and np.median(brain) >= SEVERE_FROM else Severity.WARNING
        message = (
            f"The picture's border cuts the brain on {cut.sum()} of {len(cut)} slices looked at, "
            f"along {brain.max():.0%} of its outline at most; what lies outside was not seen."
        )
        return (QualityFlag(BRAIN_CROPPED, severity, message),)
    if (head >= HEAD_FROM).sum() >= max(1.0, FEWEST_SHARE * len(head)):
        message = "The picture's border cuts the scalp or the skull; the brain itself is whole."
        return (QualityFlag("head_cropped", Severity.INFO, message),)
    return ()


def _edge(view: HeadView) -> NDArray[np.bool_]:
    """Return the pixels on the picture's border and, where the scanner's circle bounds the head, on that circle."""
    rows, columns = view.gray.shape[1:]
    edge = np.ones((rows, columns), bool)
    edge[NEAR + 1 : -NEAR - 1, NEAR + 1 : -NEAR - 1] = False
    row, column = np.ogrid[:rows, :columns]
    radius = np.hypot((row - (rows - 1) / 2) / (rows / 2), (column - (columns - 1) / 2) / (columns / 2))
    width = 2 / min(rows, columns)
    if rows == columns and not (view.head & (radius > 1 + width)).any():
        edge |= radius > 1 - (NEAR + 1) * width
    return edge


def _contact(mask: NDArray[np.bool_], edge: NDArray[np.bool_]) -> float:
    """Return the share of a mask's outline that lies on the edge."""
    outline = mask & ~eroded(mask)
    return float((outline & edge).sum() / max(1, outline.sum()))
