"""Turn DICOM stacks into series a clinician can choose from, with the reasons against reading them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strokeapp.reading.choice import bone_kernel
from strokeapp.reading.dicom_facts import FileFacts
from strokeapp.reading.dicom_pixels import Measure
from strokeapp.reading.dicom_series import Stack, stacks_of
from strokeapp.reading.dicom_values import (
    Peek,
    altered,
    bad_rescale,
    hounsfield_capture,
    kinds_of,
    measure_of,
    other_bits,
    other_quantity,
    peek_at,
)
from strokeapp.reading.geometry import Turn, canonical, distance_flags, quality_flags
from strokeapp.reading.inventory import Refusal, Series, short_key
from strokeapp.reading.limits import Limits
from strokeapp.reading.sequence import is_localizer_name, recognize
from strokeapp.reading.time_points import seconds_of, shown_flag
from strokeapp.types import Geometry, Modality, Plane, QualityFlag, Sequence, Severity

UNTURNED = Turn(transpose=False, flip_rows=False, flip_columns=False, reverse=False)
LOCALIZER_GAP_MM = 15.0
LOCALIZER_SLICES = 5
UNVIEWABLE = ("no_pixels", "too_large", "mosaic", "undecodable", "bit_layout", "bad_rescale")
"""Refusals of series that cannot be shown either."""
LOWEST_DWI_B = 600.0
"""Below this diffusion weighting (s/mm²) an infarct and a bright T2 can hardly be told apart."""
OTHER_BODY_PARTS = {
    "CHEST", "THORAX", "ABDOMEN", "PELVIS", "SPINE", "CSPINE", "TSPINE", "LSPINE", "HEART", "KNEE", "HIP", "SHOULDER",
    "LIVER", "LUNG", "EXTREMITY", "FOOT", "HAND", "WRIST", "ANKLE", "ELBOW", "BREAST", "PROSTATE", "KIDNEY",
}  # fmt: skip
REFUSALS = {
    "no_pixels": "There is no image in this object (a report or a presentation). Choose an image series.",
    "too_large": "The series has more voxels than this program opens at once. Give a smaller series.",
    "mosaic": "The slices are packed into one mosaic picture, and the tags do not tell their number, direction or "
    "distance. Export the series as enhanced DICOM or as NIfTI.",
    "localizer": "This looks like a scout view (localizer): its tags say so, or it is a few images far apart. "
    "Choose the scan itself.",
    "color": "The pixels are colors, not measurements. Give the gray images they were made from.",
    "dose_report": "This is a dose report or a protocol page, not a scan.",
    "secondary_capture": "This is a screen copy (secondary capture), not the measured scan. Give the original series.",
    "projection": "This is a projection through many slices, not a slice. Give the original series.",
    "modality": "This is neither a CT nor an MR image.",
    "eight_bit": "This CT was saved with 8 bits, which cannot hold Hounsfield units. Give the original series.",
    "missing_rescale": "This CT lacks the tags that turn its values into Hounsfield units. Export it again with them.",
    "other_quantity": "This CT holds another quantity than Hounsfield units (iodine, effective atomic number or "
    "electron density). Give the plain CT.",
    "bad_rescale": "The tags that scale the values cannot be right: the rescale slope is zero or no number. "
    "Export the series again.",
    "bit_layout": "The tags contradict each other about the bits that hold the values (high bit and bits stored). "
    "Export the series again.",
    "constant_image": "Every pixel has the same value: there is nothing in the image.",
    "too_small": "The image has too few rows or columns to be read.",
    "time_series": "This holds many time points of the same slices (perfusion or functional MR), not a single scan.",
    "unknown_b_value": "Several diffusion images lie at each position and the tags do not tell their b-values. "
    "Give the b = 1000 images alone.",
    "low_b_value": "The diffusion weighting is too weak to show an infarct reliably. Give the images of b = 1000.",
    "undecodable": "The pixels cannot be decoded. Export the series again, uncompressed.",
}


@dataclass(frozen=True, slots=True)
class DicomPlan:
    """Hold what loading a DICOM series needs.

    Args:
        stack: Slices in native order.
        turn: Brings them to the house orientation.
        geometry: After the turn.
        measure: How stored values become voxels.
        trace: Whether a voxel is the geometric mean of all images at its position (diffusion directions).
    """

    stack: Stack
    turn: Turn
    geometry: Geometry | None
    measure: Measure
    trace: bool = False


def describe(files: list[FileFacts], limits: Limits, *, each_file: bool = False) -> list[Series]:
    """Return one series per stack of images and one per object without pixels."""
    series = [_without_pixels(group) for group in _pixelless(files, each_file)]
    images = [file for file in files if file.has_pixels]
    series.extend(_described(stack, limits) for stack in stacks_of(images, limits, each_file=each_file))
    return series


def _pixelless(files: list[FileFacts], each_file: bool) -> list[list[FileFacts]]:
    groups: dict[tuple[str, ...], list[FileFacts]] = {}
    for file in files:
        if not file.has_pixels:
            groups.setdefault((file.patient, file.series_uid, file.label if each_file else ""), []).append(file)
    return list(groups.values())


def _without_pixels(group: list[FileFacts]) -> Series:
    file = group[0]
    return Series(
        key=short_key(file.patient, file.series_uid, file.instance_uid, "no_pixels"), source=_source(group),
        modality=Modality.OTHER, sequence=Sequence.UNKNOWN, description=file.description, slices=0, frames=0,
        spacing_mm=None, plane=Plane.UNKNOWN, synthetic=file.synthetic, viewable=False, refusal=_refusal("no_pixels"),
        patient=file.patient,
    )  # fmt: skip


def _described(stack: Stack, limits: Limits) -> Series:
    file, geometry = stack.first, stack.geometry
    turn, plane = UNTURNED, Plane.UNKNOWN
    flags = list(stack.flags)
    rows, columns = file.rows, file.columns
    if geometry is not None:
        turn, geometry, plane = canonical(geometry, rows, columns)
        flags.extend(quality_flags(geometry))
        flags.extend(distance_flags(geometry, file.slice_distance, file.thickness))
    if turn.transpose:
        rows, columns = columns, rows
    too_large = file.rows * file.columns * len(stack.shots) > limits.voxels
    peek = Peek() if too_large else peek_at(stack)
    modality = Modality.CT if hounsfield_capture(stack, peek) else file.modality
    measure = measure_of(stack, modality, peek)
    sequence = _sequence(stack, modality)
    refusal = _why_not(stack, modality, sequence, geometry, peek, limits)
    trace = _is_directional(stack, sequence)
    flags.extend(_tag_flags(stack, modality, measure, peek, trace))
    viewable = not (refusal and refusal.code in UNVIEWABLE)
    return Series(
        key=short_key(*stack.identity), source=_source([shot.file for shot in stack.shots]), modality=modality,
        sequence=sequence, description=file.description, slices=len(stack.shots), frames=stack.frames,
        spacing_mm=None if geometry is None else geometry.spacing_mm, plane=plane, synthetic=file.synthetic,
        viewable=viewable, refusal=refusal, flags=tuple(flags), rows=rows, columns=columns, kernel=file.kernel,
        b_value=stack.shots[0].frame.b_value, derived="DERIVED" in file.image_type[:1],
        patient=file.patient, time_points=1 if trace else stack.time_points, times_s=_times(stack, trace),
        _plan=DicomPlan(stack, turn, geometry, measure, trace),
    )  # fmt: skip


def _times(stack: Stack, trace: bool) -> tuple[float, ...]:
    """Return when the middle slice of each time point was taken."""
    return () if trace or stack.time_points == 1 else seconds_of(stack.places[len(stack.places) // 2])


def _source(files: list[FileFacts]) -> str:
    """Return the file, or the folder if there are several."""
    if len({file.label for file in files}) == 1:
        return files[0].label
    return files[0].label.rpartition("/")[0] or files[0].label


def _refusal(code: str) -> Refusal:
    return Refusal(code, REFUSALS[code])


def _sequence(stack: Stack, modality: Modality) -> Sequence:
    file, frame = stack.first, stack.shots[0].frame
    kinds = " ".join(file.image_type[2:]), " ".join(frame.frame_type.split("|")[0].split("\\")[2:])
    sequence = recognize(modality, *kinds, file.description, file.protocol, file.sequence_name, b_value=frame.b_value)
    keeps = (Sequence.DWI, Sequence.B0, Sequence.ASL, Sequence.PERFUSION, Sequence.ADC)
    if stack.frames > 1 and sequence not in keeps:
        return Sequence.TIME_SERIES
    if modality is Modality.CT and sequence is Sequence.NCCT and (file.contrast or other_quantity(stack, modality)):
        return Sequence.UNKNOWN
    return sequence


def _why_not(
    stack: Stack, modality: Modality, sequence: Sequence, geometry: Geometry | None, peek: Peek, limits: Limits
) -> Refusal | None:
    """Return the first reason against classifying the series."""
    file = stack.first
    kinds, b_value = kinds_of(stack), stack.shots[0].frame.b_value
    reasons = {
        "too_large": file.rows * file.columns * len(stack.shots) > limits.voxels,
        "mosaic": "MOSAIC" in kinds and stack.shots[0].frame.tile is None,
        "bit_layout": other_bits(stack),
        "undecodable": bool(peek.error),
        "localizer": _is_localizer(file, kinds, geometry),
        "dose_report": bool(kinds & {"DOSE_INFO", "PATIENT_INFO", "RESULTS", "DOSE"}) or "SCREEN SAVE" in kinds,
        "color": file.color,
        "secondary_capture": file.secondary_capture and not hounsfield_capture(stack, peek),
        "projection": bool(kinds & {"MIP", "MINIP", "PROJECTION IMAGE", "VRT", "VOLUME RENDERING"}),
        "modality": modality is Modality.OTHER,
        "eight_bit": modality is Modality.CT and file.bits_allocated <= 8,
        "other_quantity": other_quantity(stack, modality),
        "bad_rescale": bad_rescale(stack),
        "missing_rescale": modality is Modality.CT and not stack.rescaled and not peek.hounsfield,
        "constant_image": peek.constant,
        "too_small": min(file.rows, file.columns) < limits.min_scan_side,
        "unknown_b_value": sequence is Sequence.DWI and stack.frames > 1 and b_value is None,
        "low_b_value": sequence is Sequence.DWI and b_value is not None and b_value < LOWEST_DWI_B,
        "time_series": sequence in (Sequence.TIME_SERIES, Sequence.PERFUSION) and stack.frames > 1,
    }
    return next((_refusal(code) for code, holds in reasons.items() if holds), None)


def _is_directional(stack: Stack, sequence: Sequence) -> bool:
    """Tell whether each position holds the same number of images of one known, nonzero diffusion weighting."""
    known = sequence is Sequence.DWI and stack.shots[0].frame.b_value is not None
    return known and stack.time_points > 1


def _is_localizer(file: FileFacts, kinds: set[str], geometry: Geometry | None) -> bool:
    if any("LOCALIZER" in part or "SURVIEW" in part or part in ("SCOUT", "TOPOGRAM") for part in kinds):
        return True
    if is_localizer_name(file.description, file.protocol if not file.description else ""):
        return True
    gaps = np.array([]) if geometry is None else geometry.slice_gaps_mm
    return bool(0 < gaps.size < LOCALIZER_SLICES and np.median(gaps) > LOCALIZER_GAP_MM)


def _tag_flags(stack: Stack, modality: Modality, measure: Measure, peek: Peek, trace: bool) -> list[QualityFlag]:
    """Report what tags and the middle slice say about the values."""
    file, found = stack.first, []

    def warn(code: str, message: str, severity: Severity = Severity.WARNING) -> None:
        found.append(QualityFlag(code, severity, message))

    if measure is Measure.HU and not stack.rescaled:
        warn("missing_rescale", "The tags that define Hounsfield units are missing; values were read as such by range.")
    if measure is Measure.HU and stack.rescaled and not peek.air and not peek.error:
        warn("implausible_hounsfield", "No air is seen in the middle slice; the values may not be Hounsfield units.")
    if file.photometric == "MONOCHROME1" and measure is not Measure.HU:
        warn("inverted", "The image is stored inverted (MONOCHROME1) and was turned to bright = high.", Severity.INFO)
    if modality is Modality.CT and file.contrast:
        warn("contrast", "The tags say that contrast agent was given; this may not be a plain CT.")
    if altered(stack, modality):
        warn(
            "multi_energy",
            "This CT was computed from several X-ray energies; its values differ from those of a plain CT.",
        )
    if modality is Modality.CT and bone_kernel(file):
        warn("bone_kernel_tag", f"The tags name a reconstruction for bone ({file.kernel}).", Severity.INFO)
    if file.body_part.replace(" ", "").replace("-", "") in OTHER_BODY_PARTS:
        warn("body_part", f"The tags name another part of the body ({file.body_part.lower()}).")
    if file.bits_allocated <= 8 and not file.color:
        warn("eight_bit", "The image was saved with 8 bits; its values are gray levels in an unknown window.")
    if file.color:
        warn("color", "A color image, shown in gray.")
    if trace:
        warn("trace_computed", f"The mean of {stack.frames} diffusion images at each position is shown.", Severity.INFO)
    elif stack.frames > 1:
        found.append(shown_flag("several_frames", stack.frames))
    return found
