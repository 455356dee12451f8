"""Run every check of a head scan's quality."""

from __future__ import annotations

from collections.abc import Callable

from strokeapp.inference.quality.contrast import contrast
from strokeapp.inference.quality.coverage import coverage
from strokeapp.inference.quality.cropping import cropping
from strokeapp.inference.quality.gaps import gaps
from strokeapp.inference.quality.lying import lying
from strokeapp.inference.quality.metal import metal
from strokeapp.inference.quality.motion import motion
from strokeapp.inference.quality.noise import noise
from strokeapp.inference.quality.orientation import orientation
from strokeapp.inference.quality.thickness import thickness
from strokeapp.inference.quality.view import HeadView, look
from strokeapp.types import Modality, QualityFlag, Scan, Sequence, Severity

Check = Callable[[HeadView], tuple[QualityFlag, ...]]
CHECKS: tuple[Check, ...] = (gaps, coverage, cropping, orientation, lying, motion, thickness, noise, metal, contrast)
"""In the order in which their flags are shown; those that do not fit a modality return nothing."""
OUTLINED = (Sequence.DWI, Sequence.B0, Sequence.FLAIR, Sequence.T1, Sequence.T2, Sequence.UNKNOWN)
"""MR whose background is dark enough to outline the head; ADC, ASL and the like are judged by spacing alone."""


def quality_flags(scan: Scan, *, view: HeadView | None = None) -> tuple[QualityFlag, ...]:
    """Return what the voxels and the spacing of a head scan say about its quality, severest first.

    Args:
        scan: Axial head CT, MR or picture in canonical orientation, already known to show a head.
        view: What ``look`` says of it, if known.
    """
    view = look(scan) if view is None else view
    outlined = scan.modality is not Modality.MR or scan.sequence in OUTLINED
    checks = CHECKS if outlined else (thickness,)
    flags = [flag for check in checks for flag in check(view)]
    order = list(Severity)
    return tuple(sorted(flags, key=lambda flag: -order.index(flag.severity)))
