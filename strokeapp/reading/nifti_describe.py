"""Turn NIfTI files into series: modality and sequence come from the name and the values, for want of tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from strokeapp.reading.dicom_pixels import AIR_HU, LUMA
from strokeapp.reading.geometry import Turn, canonical, quality_flags
from strokeapp.reading.inventory import Refusal, Series, short_key
from strokeapp.reading.limits import Limits
from strokeapp.reading.nifti import NiftiFacts, first_volume
from strokeapp.reading.sequence import CT_WORDS, MR_WORDS, b_value_of_name, is_mask_name, recognize, words_of
from strokeapp.types import Geometry, Modality, QualityFlag, Sequence, Severity

SYNTHETIC = re.compile(r"synthetic|strokeapp[ _-]?phantom")
REFUSALS = {
    "color": "The voxels are colors, not measurements. Give the gray images they were made from.",
    "mask": "This is a mask (a drawn region), not a scan.",
    "constant_image": "Every voxel has the same value: there is nothing in the image.",
    "eight_bit": "This CT was saved with 8 bits, which cannot hold Hounsfield units. Give the original images.",
    "too_small": "The image has too few rows or columns to be read.",
    "time_series": "The file holds several volumes. Save the one to be read (for diffusion: b = 1000) as its own file.",
    "modality_unknown": "Neither name nor values tell whether this is CT or MR. Put what it is into the file name, "
    "such as _ct, _dwi or _flair, and open it again.",
}


@dataclass(frozen=True)
class NiftiPlan:
    """Hold what loading a NIfTI file needs.

    Args:
        facts: Of the header.
        turn: Brings slices to the house orientation.
        geometry: After the turn, LPS mm.
        modality: CT voxels become Hounsfield units.
    """

    facts: NiftiFacts
    turn: Turn
    geometry: Geometry
    modality: Modality


@dataclass(frozen=True)
class Values:
    """Hold what the values of the first volume tell."""

    low: float
    high: float
    not_finite: int
    binary: bool
    air: float
    """Part of the voxels near -1000, the Hounsfield units of air."""


def describe(facts: NiftiFacts, limits: Limits) -> Series:
    """Return the series of one file; reads its first volume once to look at the values.

    Raises:
        CorruptFileError: Fewer voxels than the header says.
    """
    _, native_row, native_column = facts.axes
    rows, columns = facts.shape[native_row], facts.shape[native_column]
    turn, geometry, plane = canonical(facts.geometry, rows, columns)
    if turn.transpose:
        rows, columns = columns, rows
    name = PurePosixPath(facts.label).name
    values = _values(facts)
    modality = _modality(name, values, facts)
    sequence = _sequence(name, modality, facts)
    flags = [*facts.flags, *quality_flags(geometry), *_value_flags(values, facts, modality)]
    return Series(
        key=short_key("nifti", facts.label, facts.shape, facts.path.stat().st_size), source=facts.label,
        modality=modality, sequence=sequence, description="", slices=facts.shape[facts.axes[0]], frames=facts.frames,
        spacing_mm=geometry.spacing_mm, plane=plane, synthetic=bool(SYNTHETIC.search(f"{name.lower()} {facts.text}")),
        viewable=True, refusal=_why_not(name, values, facts, modality, min(rows, columns), limits), flags=tuple(flags),
        rows=rows, columns=columns, b_value=b_value_of_name(_stem(name)),
        _plan=NiftiPlan(facts, turn, geometry, modality),
    )  # fmt: skip


def scaled(volume: NDArray, facts: NiftiFacts, modality: Modality) -> NDArray:
    """Return voxels as a scan holds them: int16 HU for CT; int16 or float32 otherwise; uint8 luminance for colors."""
    if facts.color:
        channels = np.stack([volume[name] for name in facts.dtype.names[:3]], axis=-1)
        return np.rint(channels @ LUMA).astype(np.uint8)
    plain = (facts.slope, facts.intercept) == (1.0, 0.0)
    if plain and np.can_cast(facts.dtype, np.int16):
        return np.clip(volume, AIR_HU, None).astype(np.int16) if modality is Modality.CT else volume.astype(np.int16)
    values = volume.astype(np.float32) * np.float32(facts.slope) + np.float32(facts.intercept)
    finite = np.isfinite(values)
    if not finite.all():
        lowest = values[finite].min() if finite.any() else 0.0
        values[~finite] = AIR_HU if modality is Modality.CT else lowest
    if modality is Modality.CT:
        return np.clip(np.rint(values), AIR_HU, np.iinfo(np.int16).max).astype(np.int16)
    return values


def _values(facts: NiftiFacts) -> Values:
    """Look at every voxel of the first volume, slice by slice to stay small."""
    if facts.color:
        return Values(0.0, 255.0, 0, binary=False, air=0.0)
    low, high, bad, air, seen = np.inf, -np.inf, 0, 0, set()
    for image in first_volume(facts):
        values = image.astype(np.float64) * facts.slope + facts.intercept
        finite = values[np.isfinite(values)]
        bad += values.size - finite.size
        air += int(np.count_nonzero((finite >= -1100) & (finite <= -900)))
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if len(seen) <= 2 and finite.size:
            seen.update(np.unique(finite)[:3].tolist())
    if not np.isfinite(low):
        low = high = 0.0
    return Values(low, high, bad, binary=len(seen) == 2 and min(seen) == 0, air=air / np.prod(facts.shape))


def _stem(name: str) -> str:
    return re.sub(r"\.nii(\.gz)?$", "", name, flags=re.IGNORECASE)


def _modality(name: str, values: Values, facts: NiftiFacts) -> Modality:
    words = words_of(_stem(name))
    if facts.color:
        return Modality.OTHER
    if words & MR_WORDS or any(re.fullmatch(r"(dwi|adc|flair|t1w?|t2w?)\d*", word) for word in words):
        return Modality.MR
    if words & CT_WORDS or (values.air > 0.01 and values.low >= -3100 and 100 < values.high <= 32767):
        return Modality.CT
    return Modality.OTHER


def _sequence(name: str, modality: Modality, facts: NiftiFacts) -> Sequence:
    stem = _stem(name)
    if modality is Modality.MR and "b0" in words_of(stem):
        return Sequence.T2
    sequence = recognize(modality, stem, b_value=b_value_of_name(stem))
    keeps = (Sequence.DWI, Sequence.ASL, Sequence.PERFUSION)
    return Sequence.TIME_SERIES if facts.frames > 1 and sequence not in keeps else sequence


def _why_not(
    name: str, values: Values, facts: NiftiFacts, modality: Modality, side: int, limits: Limits
) -> Refusal | None:
    """Return the first reason against classifying the file."""
    reasons = {
        "color": facts.color,
        "constant_image": values.low == values.high,
        "mask": is_mask_name(_stem(name)) or values.binary,
        "time_series": facts.frames > 1,
        "too_small": side < limits.min_scan_side,
        "eight_bit": modality is Modality.CT and facts.dtype.itemsize == 1 and facts.slope == 1.0,
        "modality_unknown": modality is Modality.OTHER,
    }
    return next((Refusal(code, REFUSALS[code]) for code, holds in reasons.items() if holds), None)


def _value_flags(values: Values, facts: NiftiFacts, modality: Modality) -> list[QualityFlag]:
    flags = []
    if values.not_finite:
        message = f"{values.not_finite:,} voxels were not numbers (NaN or infinite) and were replaced."
        flags.append(QualityFlag("nan_values", Severity.WARNING, message))
    if facts.frames > 1:
        message = f"The file holds {facts.frames} volumes; the first is shown."
        flags.append(QualityFlag("first_volume", Severity.INFO, message))
    if modality is Modality.CT and values.air < 0.01:
        message = "The name says CT, but no air is seen in it; the values may not be Hounsfield units."
        flags.append(QualityFlag("implausible_hounsfield", Severity.WARNING, message))
    if facts.color:
        flags.append(QualityFlag("color", Severity.WARNING, "A color image, shown in gray."))
    return flags
