"""Judge slice spacing and pixel size against what the networks learned from."""

from __future__ import annotations

import numpy as np

from strokeapp.inference.quality.view import HeadView
from strokeapp.types import QualityFlag, Severity

THICK_MM = 7.0
"""From here on small lesions are averaged away; the networks learned from slices about 5 mm apart."""
GAPPED_MM = 12.0
"""No head protocol is that coarse: most of the brain lies between the slices."""
COARSE_PIXEL_MM = 2.5
"""EPI of 2 to 2.5 mm is common; coarser pixels are averages of what the networks learned from."""


def thickness(view: HeadView) -> tuple[QualityFlag, ...]:
    """Report slices far apart and coarse pixels; the distance of slice planes counts, not the thickness tag."""
    spacing = view.scan.spacing_mm
    if spacing is None:
        return ()
    flags, (gap, row, column) = [], spacing
    if np.isfinite(gap) and gap >= THICK_MM:
        severity = Severity.WARNING if gap >= GAPPED_MM else Severity.INFO
        message = f"Slices are {gap:.1f} mm apart; the networks learned from about 5 mm, and small lesions may be lost."
        flags.append(QualityFlag("thick_slices", severity, message))
    if max(row, column) > COARSE_PIXEL_MM:
        message = f"Pixels measure {row:.1f} × {column:.1f} mm; small lesions may be lost."
        flags.append(QualityFlag("coarse_pixels", Severity.INFO, message))
    return tuple(flags)
