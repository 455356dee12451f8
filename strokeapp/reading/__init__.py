"""Read bytes into scans: archives, DICOM series, NIfTI, pictures; choice of series; geometry; quality flags."""

from __future__ import annotations

from strokeapp.reading.choice import Ranked, preselect, ranking
from strokeapp.reading.inventory import Inventory, LeftOut, Problem, Refusal, Series
from strokeapp.reading.limits import Limits
from strokeapp.reading.loading import load, thumbnail
from strokeapp.reading.opening import open_inputs

__all__ = [
    "Inventory", "LeftOut", "Limits", "Problem", "Ranked", "Refusal", "Series", "load", "open_inputs", "preselect",
    "ranking", "thumbnail",
]  # fmt: skip
