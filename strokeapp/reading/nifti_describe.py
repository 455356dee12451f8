"""Turn NIfTI files into series: modality and sequence come from the name and the values, for want of tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence as Many
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import LimitError
from strokeapp.reading.dicom_describe import LOWEST_DWI_B
from strokeapp.reading.dicom_describe import REFUSALS as DICOM_REFUSALS
from strokeapp.reading.dicom_pixels import AIR_HU, LUMA
from strokeapp.reading.diffusion import shells_of
from strokeapp.reading.geometry import Turn, canonical, quality_flags
from strokeapp.reading.inventory import Refusal, Series, short_key
from strokeapp.reading.limits import GIB, Limits
from strokeapp.reading.nifti import NiftiFacts, blocks
from strokeapp.reading.sequence import (
    CT_WORDS,
    MR_WORDS,
    SMALLEST_B,
    b_value_of_name,
    is_mask_name,
    recognize,
    words_of,
)
from strokeapp.reading.time_points import shown_flag
from strokeapp.types import Geometry, Modality, QualityFlag, Sequence, Severity

AXIS_CODE = re.compile(
    "|".join(("[RL][AP][SI]", "[RL][SI][AP]", "[AP][RL][SI]", "[AP][SI][RL]", "[SI][RL][AP]", "[SI][AP][RL]"))
)
"""Names such as ASL or RAS may only say how the axes run."""
SYNTHETIC = re.compile(r"synthetic|strokeapp[ _-]?phantom")
REFUSALS = {
    "color": "The voxels are colors, not measurements. Give the gray images they were made from.",
    "mask": "This is a mask (a drawn region), not a scan.",
    "constant_image": "Every voxel has the same value: there is nothing in the image.",
    "eight_bit": "This CT was saved with 8 bits, which cannot hold Hounsfield units. Give the original images.",
    "too_small": "The image has too few rows or columns to be read.",
    "time_series": "The file holds several volumes. Save the one to be read (for diffusion: b = 1000) as its own file.",
    "low_b_value": DICOM_REFUSALS["low_b_value"],
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
        volumes: To be read, ascending.
        trace: Whether their geometric mean is meant; else the first.
    """

    facts: NiftiFacts
    turn: Turn
    geometry: Geometry
    modality: Modality
    volumes: tuple[int, ...] = (0,)
    trace: bool = False


@dataclass(frozen=True)
class Values:
    """Hold what the values of the first volume tell."""

    low: float
    high: float
    not_finite: int
    binary: bool
    air: float
    """Part of the voxels near -1000, the Hounsfield units of air."""


@dataclass(frozen=True)
class Part:
    """Name volumes of a file that are one series: all of them, or those of one b-value.

    Args:
        volumes: Ascending.
        b_value: s/mm², or None.
        listed: Whether a table of b-values tells it; else the file name does.
    """

    volumes: tuple[int, ...]
    b_value: float | None
    listed: bool = False


def describe(facts: NiftiFacts, limits: Limits, *, b_values: Many[float] | None = None) -> list[Series]:
    """Return the series of one file: one, or one per b-value; reads a volume of each to look at the values.

    Args:
        facts: Of the header.
        limits: What is too small to read.
        b_values: One per volume, from the .bval file beside it; another number of them is told by a flag.

    Raises:
        CorruptFileError: Fewer voxels than the header says.
        LimitError: A packed file whose volumes the table names would unpack to more than a file may.
    """
    if b_values is not None and facts.frames > 1 and len(b_values) == facts.frames:
        parts = [Part(numbers, b_value, listed=True) for b_value, numbers in shells_of(b_values).items()]
        _check_unpacked(facts, limits)
        values = _values(facts, sorted(part.volumes[0] for part in parts))
        return [_series(facts, limits, part, (), values[part.volumes[0]]) for part in parts]
    first = _values(facts, (0,))[0]
    flags: tuple[QualityFlag, ...] = ()
    if b_values is not None and len(b_values) != facts.frames:
        message = f"The list of b-values beside the file has {len(b_values)} entries for {facts.frames} volumes."
        flags = (QualityFlag("b_values_disagree", Severity.WARNING, f"{message} It was not used."),)
    elif b_values is not None:
        return [_series(facts, limits, Part((0,), b_values[0], listed=True), (), first)]
    part = Part(tuple(range(facts.frames)), b_value_of_name(_stem(PurePosixPath(facts.label).name)))
    return [_series(facts, limits, part, flags, first)]


def _check_unpacked(facts: NiftiFacts, limits: Limits) -> None:
    """Refuse to inflate all volumes of a file that may not be so large unpacked."""
    if facts.packed and facts.offset + facts.frames * facts.volume_bytes > limits.file_bytes:
        raise LimitError(
            f"The {facts.frames} volumes of the packed NIfTI file take more than {limits.file_bytes / GIB:.3g} GiB. "
            "Save the volumes of one b-value as a file of their own."
        )


def _series(facts: NiftiFacts, limits: Limits, part: Part, flags: tuple[QualityFlag, ...], values: Values) -> Series:
    _, native_row, native_column = facts.axes
    rows, columns = facts.shape[native_row], facts.shape[native_column]
    turn, geometry, plane = canonical(facts.geometry, rows, columns)
    if turn.transpose:
        rows, columns = columns, rows
    name = PurePosixPath(facts.label).name
    modality = Modality.MR if part.listed and not facts.color else _modality(name, values, facts)
    sequence = _sequence(name, modality, facts, part)
    trace = sequence is Sequence.DWI and part.listed and len(part.volumes) > 1
    flags = (*facts.flags, *flags, *quality_flags(geometry), *_value_flags(values, facts, modality, part, trace))
    told = (part.b_value,) if part.listed else ()
    points = 1 if trace else len(part.volumes)
    return Series(
        key=short_key("nifti", facts.label, facts.shape, facts.path.stat().st_size, *told), source=facts.label,
        modality=modality, sequence=sequence, description="", slices=facts.shape[facts.axes[0]],
        frames=len(part.volumes), spacing_mm=geometry.spacing_mm, plane=plane,
        synthetic=bool(SYNTHETIC.search(f"{name.lower()} {facts.text}")), viewable=True,
        refusal=_why_not(name, values, facts, modality, sequence, part, min(rows, columns), limits), flags=flags,
        rows=rows, columns=columns, b_value=part.b_value, time_points=points, times_s=_times(facts, points),
        _plan=NiftiPlan(facts, turn, geometry, modality, part.volumes, trace),
    )  # fmt: skip


def _times(facts: NiftiFacts, points: int) -> tuple[float, ...]:
    """Return when each volume was taken, in s after the first."""
    if points == 1 or facts.interval_s is None:
        return ()
    return tuple(round(number * facts.interval_s, 3) for number in range(points))


def scaled(volume: NDArray, facts: NiftiFacts, modality: Modality) -> NDArray:
    """Return voxels as a scan holds them: int16 HU for CT; int16 or float32 otherwise; uint8 luminance for colors."""
    if facts.color:
        channels = np.stack([volume[name] for name in facts.dtype.names[:3]], axis=-1)
        return np.rint(channels @ LUMA).astype(np.uint8)
    plain = (facts.slope, facts.intercept) == (1.0, 0.0)
    if plain and np.can_cast(facts.dtype, np.int16):
        return np.clip(volume, AIR_HU, None).astype(np.int16) if modality is Modality.CT else volume.astype(np.int16)
    values = volume.astype(np.float32)
    values *= np.float32(facts.slope)
    values += np.float32(facts.intercept)
    finite = np.isfinite(values)
    if not finite.all():
        lowest = values[finite].min() if finite.any() else 0.0
        values[~finite] = AIR_HU if modality is Modality.CT else lowest
    if modality is Modality.CT:
        return np.clip(np.rint(values), AIR_HU, np.iinfo(np.int16).max).astype(np.int16)
    return values


def _values(facts: NiftiFacts, numbers: Many[int]) -> dict[int, Values]:
    """Look at every voxel of some volumes, ascending, in one pass and block by block to stay small."""
    if facts.color:
        return dict.fromkeys(numbers, Values(0.0, 255.0, 0, binary=False, air=0.0))
    with closing(blocks(facts, numbers)) as parts:
        by_number = groupby(parts, key=itemgetter(0))
        return {number: _values_of((block for _, block in group), facts) for number, group in by_number}


def _values_of(volume: Iterable[NDArray], facts: NiftiFacts) -> Values:
    low, high, bad, air, seen = np.inf, -np.inf, 0, 0, set()
    for block in volume:
        values = block.astype(np.float64) * facts.slope + facts.intercept
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


def _told(name: str, facts: NiftiFacts) -> str:
    """Return what a file name may tell of the sequence: nothing where it is an axis code (ASL) of a single volume."""
    stem = _stem(name)
    return "" if facts.frames == 1 and AXIS_CODE.fullmatch(stem.upper()) else stem


def _modality(name: str, values: Values, facts: NiftiFacts) -> Modality:
    words = words_of(_told(name, facts))
    if facts.color:
        return Modality.OTHER
    if words & MR_WORDS or any(re.fullmatch(r"(dwi|adc|flair|t1w?|t2w?)\d*", word) for word in words):
        return Modality.MR
    if words & CT_WORDS or (values.air > 0.01 and values.low >= -3100 and 100 < values.high <= 32767):
        return Modality.CT
    return Modality.OTHER


def _sequence(name: str, modality: Modality, facts: NiftiFacts, part: Part) -> Sequence:
    stem = _told(name, facts)
    if part.listed and (modality is Modality.MR) and part.b_value is not None:
        return Sequence.B0 if part.b_value < SMALLEST_B else Sequence.DWI
    if modality is Modality.MR and "b0" in words_of(stem):
        return Sequence.B0
    sequence = recognize(modality, stem, b_value=part.b_value)
    keeps = (Sequence.DWI, Sequence.ASL, Sequence.PERFUSION)
    return Sequence.TIME_SERIES if facts.frames > 1 and sequence not in keeps else sequence


def _why_not(
    name: str,
    values: Values,
    facts: NiftiFacts,
    modality: Modality,
    sequence: Sequence,
    part: Part,
    side: int,
    limits: Limits,
) -> Refusal | None:
    """Return the first reason against classifying the file."""
    reasons = {
        "color": facts.color,
        "constant_image": values.low == values.high,
        "mask": is_mask_name(_stem(name)) or values.binary,
        "time_series": facts.frames > 1 and not part.listed,
        "low_b_value": sequence is Sequence.DWI and part.b_value is not None and part.b_value < LOWEST_DWI_B,
        "too_small": side < limits.min_scan_side,
        "eight_bit": modality is Modality.CT and facts.dtype.itemsize == 1 and facts.slope == 1.0,
        "modality_unknown": modality is Modality.OTHER,
    }
    return next((Refusal(code, REFUSALS[code]) for code, holds in reasons.items() if holds), None)


def _value_flags(values: Values, facts: NiftiFacts, modality: Modality, part: Part, trace: bool) -> list[QualityFlag]:
    flags = []
    if values.not_finite:
        message = f"{values.not_finite:,} voxels were not numbers (NaN or infinite) and were replaced."
        flags.append(QualityFlag("nan_values", Severity.WARNING, message))
    if trace:
        message = f"The mean of {len(part.volumes)} diffusion images at each position is shown."
        flags.append(QualityFlag("trace_computed", Severity.INFO, message))
    elif len(part.volumes) > 1:
        flags.append(shown_flag("first_volume", len(part.volumes)))
    if modality is Modality.CT and values.air < 0.01:
        message = "The name says CT, but no air is seen in it; the values may not be Hounsfield units."
        flags.append(QualityFlag("implausible_hounsfield", Severity.WARNING, message))
    if facts.color:
        flags.append(QualityFlag("color", Severity.WARNING, "A color image, shown in gray."))
    return flags
