"""Part images of one series that must not be stacked as one, and say so: scale, frame of reference, acquisition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.reading.dicom_facts import FileFacts, Shot
from strokeapp.reading.sequence import recognize
from strokeapp.types import Modality, QualityFlag, Severity

SAME_PLACE_MM = 0.02
"""Slices closer than this lie at one position."""
ECHO_MS, ECHO_PART = 0.2, 0.01
"""Echo times within this of the shortest of a group, or within this part of it, are one echo."""
MOST_ACQUISITIONS = 4
"""More repeated acquisitions of one range are hardly meant: the numbers are then not believed."""
TELLING = frozenset({
    "M", "P", "R", "I", "PHASE", "REAL", "IMAGINARY", "MAGNITUDE", "MOSAIC", "MIP", "MINIP", "PROJECTION IMAGE", "VRT",
    "VOLUME RENDERING", "MPR", "SUBTRACTION", "MEAN", "WATER", "FAT", "IN_PHASE", "OUT_PHASE", "VMI", "VNC",
    "MAT_SPECIFIC", "MAT_REMOVED", "MAT_MODIFIED", "MAT_FRACTIONAL", "MAT_VALUE_BASED", "EFF_ATOMIC_NUM",
    "ELECTRON_DENSITY",
})  # fmt: skip
"""Words behind the third value of an image type that name another kind of image; others note how it was made."""


@dataclass(frozen=True, slots=True)
class Part:
    """Hold shots that may be stacked.

    Args:
        shots: In the order they came.
        label: Tells the part from the others; empty where there is but one.
        flags: Why there are several.
    """

    shots: list[Shot]
    label: tuple[object, ...] = ()
    flags: tuple[QualityFlag, ...] = ()

    def parted(self, split: Callable[[list[Shot]], list[Part]]) -> list[Part]:
        """Return the parts a further split makes of this one."""
        return [Part(one.shots, (*self.label, *one.label), (*self.flags, *one.flags)) for one in split(self.shots)]


def kind_of(file: FileFacts) -> tuple[object, ...]:
    """Return of an image type what tells kinds of images apart: three values, and telling words behind them."""
    rest = file.image_type[3:]
    return (*file.image_type[:3], recognize(file.modality, " ".join(rest)), *sorted(set(rest) & TELLING))


def echo_groups(echoes: Iterable[float]) -> dict[float, float]:
    """Map echo times (ms) to the shortest of their group: scanners jitter, echoes of one scan lie further apart."""
    groups: dict[float, float] = {}
    shortest = -np.inf
    for echo in sorted(set(echoes)):
        if echo - shortest > max(ECHO_MS, ECHO_PART * shortest):
            shortest = echo
        groups[echo] = float(shortest)
    return groups


def by_rescale(shots: list[Shot]) -> list[Part]:
    """Part shots that state a rescale from those that do not, where that changes values."""
    stated, missing = [shot for shot in shots if shot.frame.rescaled], [s for s in shots if not s.frame.rescaled]
    trivial = all((shot.frame.slope, shot.frame.intercept) == (1.0, 0.0) for shot in shots)
    if not stated or not missing or (trivial and shots[0].file.modality is Modality.MR):
        return [Part(shots)]
    message = (
        f"{len(missing)} of {len(shots)} images of the series lack the tags that scale their values. "
        "They are listed by themselves; export the series again."
    )
    flags = (QualityFlag("mixed_rescale", Severity.WARNING, message),)
    return [Part(stated, ("rescaled",), flags), Part(missing, ("not rescaled",), flags)]


def by_frame_of_reference(shots: list[Shot]) -> list[Part]:
    """Part shots of several frames of reference: their positions have different origins (PS3.3 C.7.4.1).

    Images that name none join those that do where these agree. A frame of reference for every single image is what
    careless anonymization leaves behind; such a series stays together.
    """
    frames: dict[str, list[Shot]] = defaultdict(list)
    for shot in shots:
        frames[shot.file.frame_of_reference].append(shot)
    named = [name for name in frames if name]
    if len(named) < 2:
        return [Part(shots)]
    if len(named) > 2 and all(len(frames[name]) == 1 for name in named):
        message = "Every image names a frame of reference of its own; their positions were taken to be of one."
        return [Part(shots, (), (QualityFlag("mixed_frames_of_reference", Severity.WARNING, message),))]
    message = f"The series holds images of {len(frames)} frames of reference; they were kept apart."
    flags = (QualityFlag("mixed_frames_of_reference", Severity.WARNING, message),)
    return [Part(frames[name], ("frame of reference", name), flags) for name in sorted(frames)]


def by_image_type(shots: list[Shot]) -> list[Part]:
    """Part shots of one orientation by their whole image type, but only where two of them share a position."""
    types: dict[tuple[str, ...], list[Shot]] = defaultdict(list)
    for shot in shots:
        types[shot.file.image_type].append(shot)
    if len(types) < 2:
        return [Part(shots)]
    places = [unique_positions(along(same, shots[0])) for same in types.values()]
    merged = np.sort(np.concatenate(places))
    if np.diff(merged).min(initial=np.inf) > SAME_PLACE_MM:
        return [Part(shots)]
    return [Part(types[name], (name,)) for name in sorted(types)]


def by_acquisition(shots: list[Shot]) -> list[Part]:
    """Part shots of one orientation where an acquisition goes again over a range that was acquired, between its slices.

    AcquisitionNumber counts table positions of a sequential CT too, and time points: those follow each other, or lie
    at the same positions. MR also acquires one volume in interleaved packages, so there it is only told.
    """
    numbers = {shot.file.acquisition for shot in shots}
    if len(numbers) < 2 or None in numbers:
        return [Part(shots)]
    passes = _passes(shots)
    if len(passes) < 2:
        return [Part(shots)]
    ct = shots[0].file.modality is Modality.CT
    apart = ct and len(passes) <= MOST_ACQUISITIONS and min(map(len, passes)) > 1
    what = "each is listed by itself" if apart else "they are shown as one"
    message = f"The series holds {len(passes)} acquisitions whose slices lie between each other; {what}."
    flags = (QualityFlag("several_acquisitions", Severity.WARNING, message),)
    if not apart:
        return [Part(shots, (), flags)]
    return [Part(same, ("acquisition", same[0].file.acquisition), flags) for same in passes]


def _passes(shots: list[Shot]) -> list[list[Shot]]:
    """Return shots by passes over the patient: acquisitions in the order of their numbers, as long as they go on."""
    numbers: dict[float, list[Shot]] = defaultdict(list)
    for shot in shots:
        numbers[shot.file.acquisition or 0.0].append(shot)
    passes: list[list[Shot]] = []
    covered: NDArray[np.float64] = np.empty(0)
    for number in sorted(numbers):
        here = unique_positions(along(numbers[number], shots[0]))
        if passes and not (_between(here, covered) or _between(covered, here)):
            passes[-1].extend(numbers[number])
            covered = unique_positions(np.concatenate([covered, here]))
        else:
            passes.append(list(numbers[number]))
            covered = here
    return passes


def _between(some: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Tell whether most of some positions lie between others without being one of them; both ascending."""
    behind = np.searchsorted(others, some)
    inside = (behind > 0) & (behind < len(others))
    lower, upper = others[np.maximum(behind - 1, 0)], others[np.minimum(behind, len(others) - 1)]
    apart = np.minimum(np.abs(some - lower), np.abs(some - upper)) > SAME_PLACE_MM
    return bool((inside & apart).mean() > 0.5)


def along(shots: list[Shot], first: Shot) -> NDArray[np.float64]:
    """Return (shots,) positions in mm along the slice normal of the first of a stack."""
    directions = np.array(first.frame.orientation)
    normal = np.cross(directions[:3], directions[3:])
    return np.array([shot.frame.position for shot in shots], dtype=np.float64) @ normal


def unique_positions(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ascending positions, those of one place once."""
    ordered = np.sort(positions)
    return ordered[np.diff(ordered, prepend=-np.inf) > SAME_PLACE_MM]
