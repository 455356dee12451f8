"""Group DICOM frames into series and put them in the order of their positions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import CorruptFileError
from strokeapp.reading.dicom_facts import FileFacts, FrameFacts
from strokeapp.reading.dicom_pixels import FrameReader
from strokeapp.reading.diffusion import rounded_b
from strokeapp.types import Geometry, Modality, QualityFlag, Severity

SAME_DIRECTION = 0.01
"""Largest difference of direction cosines within one stack (about half a degree)."""
SAME_PLACE_MM = 0.02
"""Slices closer than this lie at one position."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Pair a frame with its file."""

    file: FileFacts
    frame: FrameFacts


@dataclass(frozen=True, slots=True)
class Stack:
    """Hold the slices of one series in order of position.

    Args:
        shots: One per slice, the first time point.
        places: All shots of each slice, in order of time.
        geometry: Native (not yet turned), LPS mm; None where positions are missing.
        frames: Time points, directions or echoes per position.
        identity: What tells this stack from the others of its series.
        flags: Noticed while stacking.
    """

    shots: tuple[Shot, ...]
    geometry: Geometry | None
    frames: int
    identity: tuple[object, ...]
    flags: tuple[QualityFlag, ...] = ()
    places: tuple[tuple[Shot, ...], ...] = ()

    @property
    def first(self) -> FileFacts:
        """Return the file of the first slice."""
        return self.shots[0].file


def stacks_of(files: list[FileFacts], *, each_file: bool = False) -> list[Stack]:
    """Group frames of image files into stacks: one series, one orientation, one contrast each.

    Frames without position, orientation or spacing are never stacked: each file stays by itself. Patients
    are never mixed, whatever the series identifier says.

    Args:
        files: Files with pixels.
        each_file: Keep every file by itself.
    """
    groups: dict[tuple[object, ...], list[Shot]] = defaultdict(list)
    for file in files:
        for frame in file.frames:
            groups[_identity(file, frame, each_file)].append(Shot(file, frame))
    stacks: list[Stack] = []
    for identity, shots in groups.items():
        if shots[0].frame.position is None or "unplaced" in identity:
            stacks.append(_unplaced(shots, identity))
            continue
        for number, same in enumerate(_by_orientation(shots)):
            stacks.append(_stacked(same, (*identity, number)))
    return _with_patient_flags(stacks)


def _identity(file: FileFacts, frame: FrameFacts, each_file: bool) -> tuple[object, ...]:
    """Return what frames of one stack share."""
    alone = (file.instance_uid, file.label)
    base = (file.patient, file.study_uid, file.series_uid, *(alone if each_file else ()))
    if frame.position is None or frame.orientation is None or frame.spacing is None:
        return (*base, "unplaced", *alone)
    series: tuple[object, ...] = () if file.series_uid else (file.label,)
    contrast: tuple[object, ...] = (file.kernel,)
    if file.modality is Modality.MR:
        b_value = None if frame.b_value is None else rounded_b(frame.b_value)
        contrast = (b_value, None if frame.echo is None else round(frame.echo))
    shape = (file.rows, file.columns, file.samples, round(frame.spacing[0], 3), round(frame.spacing[1], 3))
    return (*base, *series, file.image_type, file.sop_class, frame.frame_type, *shape, *contrast)


def _by_orientation(shots: list[Shot]) -> list[list[Shot]]:
    """Split shots by direction cosines; rounding them instead could split equal ones."""
    clusters: list[tuple[NDArray[np.float64], list[Shot]]] = []
    for shot in shots:
        if clusters and shot.frame.orientation == clusters[-1][1][-1].frame.orientation:
            clusters[-1][1].append(shot)  # the same numbers again, as in nearly every series
            continue
        directions = np.array(shot.frame.orientation)
        for center, members in clusters:
            if np.abs(center - directions).max() <= SAME_DIRECTION:
                members.append(shot)
                break
        else:
            clusters.append((directions, [shot]))
    return [members for _, members in sorted(clusters, key=lambda cluster: tuple(cluster[0]))]


def _unplaced(shots: list[Shot], identity: tuple[object, ...]) -> Stack:
    message = "The file says neither where its slice lies nor how large its pixels are. It is not stacked with others."
    return Stack(tuple(shots), None, 1, identity, (QualityFlag("no_geometry", Severity.WARNING, message),))


def _stacked(shots: list[Shot], identity: tuple[object, ...]) -> Stack:
    """Order shots along the slice normal and sort out what lies at one position."""
    directions = np.array(shots[0].frame.orientation)
    normal = np.cross(directions[:3], directions[3:])
    places = _places(shots, normal)
    places, dropped = _without_copies(places)
    flags = []
    if dropped:
        message = f"{dropped} identical copies of slices were left out."
        flags.append(QualityFlag("duplicates_dropped", Severity.INFO, message))
    counts = np.array([len(place) for place in places])
    frames = int(counts.max())
    if counts.min() != counts.max():
        message = f"Positions hold {counts.min()} to {counts.max()} different images each; the first of each is shown."
        flags.append(QualityFlag("repeated_positions", Severity.WARNING, message))
        if np.median(counts) == 1:
            frames = 1
    chosen = tuple(place[0] for place in places)
    return Stack(chosen, _geometry(chosen), frames, identity, tuple(flags), tuple(map(tuple, places)))


def _places(shots: list[Shot], normal: NDArray[np.float64]) -> list[list[Shot]]:
    """Return shots by position along the normal, each position's shots in order of time."""
    along = np.array([shot.frame.position for shot in shots], dtype=np.float64) @ normal
    places: list[list[Shot]] = []
    last = -np.inf
    for number, here in zip(np.argsort(along, kind="stable").tolist(), np.sort(along).tolist(), strict=True):
        if here - last > SAME_PLACE_MM:
            places.append([])
            last = here
        places[-1].append(shots[number])
    for place in places:
        if len(place) > 1:
            place.sort(key=lambda shot: (shot.frame.order, shot.file.label))
    return places


def _without_copies(places: list[list[Shot]]) -> tuple[list[list[Shot]], int]:
    """Leave out shots that equal an earlier one at their position, pixel by pixel.

    A position whose first two images differ is one of a time series: its further images are not decoded.
    """
    reader, dropped = FrameReader(), 0
    result = []
    for place in places:
        kept = place[:1]
        for number, shot in enumerate(place[1:], start=2):
            if _equal(reader, kept[0], shot):
                dropped += 1
                continue
            kept.extend(place[number - 1 :])
            break
        result.append(kept)
    return result, dropped


def _equal(reader: FrameReader, first: Shot, second: Shot) -> bool:
    if (first.frame.slope, first.frame.intercept) != (second.frame.slope, second.frame.intercept):
        return False
    try:
        return np.array_equal(reader.stored(first.file, first.frame), reader.stored(second.file, second.frame))
    except CorruptFileError:
        return False


def _geometry(shots: tuple[Shot, ...]) -> Geometry:
    directions = np.array(shots[0].frame.orientation)
    row_spacing, column_spacing = shots[0].frame.spacing or (1.0, 1.0)
    origins = np.array([shot.frame.position for shot in shots], dtype=np.float64)
    return Geometry(origins, directions[3:] * row_spacing, directions[:3] * column_spacing)


def _with_patient_flags(stacks: list[Stack]) -> list[Stack]:
    """Warn where one series identifier is shared by several patients."""
    patients: dict[str, set[str]] = defaultdict(set)
    for stack in stacks:
        if stack.first.series_uid:
            patients[stack.first.series_uid].add(stack.first.patient)
    message = "Images of several patients carry the same series identifier; they were kept apart. Check the source."
    flag = QualityFlag("mixed_patients", Severity.WARNING, message)
    return [
        replace(stack, flags=(*stack.flags, flag)) if len(patients[stack.first.series_uid]) > 1 else stack
        for stack in stacks
    ]
