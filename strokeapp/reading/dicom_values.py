"""Tell what the stored values of a DICOM stack measure, from its tags and its middle slice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError
from strokeapp.reading.dicom_pixels import FrameReader, Measure
from strokeapp.reading.dicom_series import Stack
from strokeapp.reading.sequence import vocabulary, words_of
from strokeapp.types import Modality

OTHER_QUANTITIES = frozenset({
    "MAT_SPECIFIC", "MAT_FRACTIONAL", "MAT_VALUE_BASED", "EFF_ATOMIC_NUM", "ELECTRON_DENSITY",
})  # fmt: skip
"""Multi-energy CT images of something else than attenuation: image type, value 4 (PS3.3 C.8.2.1.1.1)."""
QUANTITY_WORDS = vocabulary("iodine zeff rhoz electron mgml")
"""What vendors write into the image type of such images."""
ALTERED = frozenset({"VMI", "MAT_REMOVED", "MAT_MODIFIED", "VNC", "VUE"})
"""Multi-energy CT images in Hounsfield units that no single X-ray spectrum gave; the last two are vendors' words."""
REMOVED_WORDS = vocabulary("removed suppressed free")
"""Beside the name of a material: the image is what is left without it."""


@dataclass(frozen=True, slots=True)
class Peek:
    """Hold what the middle slice tells before a series is loaded."""

    hounsfield: bool = False
    constant: bool = False
    air: bool = False
    error: str = ""


def looked_at(count: int) -> tuple[int, ...]:
    """Return the slices of ``count`` by which a series is judged, the middle one first."""
    return tuple(dict.fromkeys((count // 2, count // 4, (3 * count) // 4)))


def peek_at(stack: Stack) -> Peek:
    """Decode the middle slice; if it is constant, two more, before calling a series constant."""
    reader, count, images = FrameReader(), len(stack.shots), []
    try:
        for number in looked_at(count):
            shot = stack.shots[number]
            images.append(reader.stored(shot.file, shot.frame))
            if np.ptp(images[-1]) > 0:
                break
    except StrokeAppError as error:
        return Peek(error=error.detail or error.user_message)
    constant = all(np.ptp(image) == 0 for image in images)
    if shot.file.modality is not Modality.CT and not shot.file.secondary_capture:
        return Peek(constant=constant)  # nobody asks for Hounsfield units
    last = images[-1] * np.float32(shot.frame.slope) + np.float32(shot.frame.intercept)
    return Peek(plausible_hounsfield(last), constant, bool((last < -500).mean() > 0.01), "")


def plausible_hounsfield(values: NDArray) -> bool:
    """Tell whether values can be Hounsfield units: a part near air (-1000), bone above 100, nothing impossible.

    Args:
        values: One slice of a head with some air around it.
    """
    air = np.mean((values >= -1100) & (values <= -900))
    return bool(air > 0.01 and values.min() >= -3100 and 100 < values.max() <= 32767)


def hounsfield_capture(stack: Stack, peek: Peek) -> bool:
    """Tell whether a secondary capture holds Hounsfield units without saying so."""
    alike = all(file.secondary_capture and not file.color and file.signed for file in stack.files)
    return alike and not stack.rescaled and peek.hounsfield


def measure_of(stack: Stack, modality: Modality, peek: Peek) -> Measure:
    """Return how the stored values of a stack become voxels; every image of it is asked, not the first alone."""
    if any(file.color or file.bits_allocated <= 8 for file in stack.files):
        return Measure.GRAY
    trusted = not (bad_rescale(stack) or other_quantity(stack, modality))
    if modality is Modality.CT and trusted and (stack.rescaled or peek.hounsfield):
        return Measure.HU
    plain = all((shot.frame.slope, shot.frame.intercept) == (1.0, 0.0) for shot in stack.images)
    fits = all(file.bits_allocated == 16 and (file.signed or file.bits_stored <= 15) for file in stack.files)
    return Measure.INTEGER if plain and fits else Measure.FLOAT


def other_bits(stack: Stack) -> bool:
    """Tell whether values lie elsewhere than in the lowest bits; PS3.5 8.1.1 has retired that."""
    return any(file.high_bit is not None and file.high_bit != file.bits_stored - 1 for file in stack.files)


def bad_rescale(stack: Stack) -> bool:
    """Tell whether a rescale slope makes nothing of the values: 0, or no number."""
    pairs = {(shot.frame.slope, shot.frame.intercept) for shot in stack.images}
    return any(slope == 0 or not math.isfinite(slope + intercept) for slope, intercept in pairs)


def other_quantity(stack: Stack, modality: Modality) -> bool:
    """Tell whether a CT holds something else than Hounsfield units: iodine, effective atomic number, electron density.

    RescaleType (PS3.3 C.11.1.1.2) says so, or the image type of a multi-energy image.
    """
    if modality is not Modality.CT:
        return False
    stated = any(shot.frame.quantity for shot in stack.images)
    return stated or any(_names_quantity(kind) for kind in kinds_of(stack))


def altered(stack: Stack, modality: Modality) -> bool:
    """Tell whether a CT in Hounsfield units was computed from several energies: one energy, or a material removed."""
    return modality is Modality.CT and bool(kinds_of(stack) & ALTERED)


def kinds_of(stack: Stack) -> set[str]:
    """Return the values of the image types of a stack, and of the frame types of multi-frame files."""
    kinds = {kind for image_type in {file.image_type for file in stack.files} for kind in image_type}
    for frame_type in {shot.frame.frame_type for shot in stack.images}:
        kinds.update(frame_type.split("|")[0].upper().split("\\"))
    return kinds - {""}


def _names_quantity(kind: str) -> bool:
    words = words_of(kind)
    named = QUANTITY_WORDS & words or {"z", "eff"} <= words
    return kind in OTHER_QUANTITIES or bool(named and not REMOVED_WORDS & words)
