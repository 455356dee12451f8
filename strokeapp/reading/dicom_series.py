"""Group DICOM frames into series and put them in the order of their positions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strokeapp.reading.dicom_copies import without_copies
from strokeapp.reading.dicom_facts import FileFacts, FrameFacts, Shot
from strokeapp.reading.dicom_parts import (
    SAME_PLACE_MM,
    Part,
    along,
    by_acquisition,
    by_frame_of_reference,
    by_image_type,
    by_rescale,
    echo_groups,
    kind_of,
)
from strokeapp.reading.diffusion import rounded_b
from strokeapp.reading.limits import Limits
from strokeapp.types import Geometry, Modality, QualityFlag, Severity

SAME_DIRECTION = 0.01
"""Largest difference of direction cosines within one stack (about half a degree)."""
MOST_KIN = 64
"""Stacks of one series that are compared with each other; a series of more is not one that fell apart."""


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

    @property
    def images(self) -> tuple[Shot, ...]:
        """Return all shots, those of further time points too."""
        return tuple(shot for place in self.places for shot in place) or self.shots

    @property
    def files(self) -> list[FileFacts]:
        """Return the files of all shots, each once."""
        return list({id(shot.file): shot.file for shot in self.images}.values())

    @property
    def time_points(self) -> int:
        """Return how many images every position has; 1 where the numbers differ, as one is missing somewhere."""
        return self.frames if len({len(place) for place in self.places}) == 1 else 1

    def at_time(self, number: int) -> Stack:
        """Return the stack of one of its time points, from 0."""
        return replace(self, shots=tuple(place[number] for place in self.places))

    @property
    def rescaled(self) -> bool:
        """Tell whether every image states how its values are scaled."""
        return all(shot.frame.rescaled for shot in self.images)


def stacks_of(files: list[FileFacts], limits: Limits, *, each_file: bool = False) -> list[Stack]:
    """Group frames of image files into stacks: one series, one orientation, one contrast each.

    Frames without position, orientation or spacing are never stacked: each file stays by itself. Patients
    are never mixed, whatever the series identifier says.

    Args:
        files: Files with pixels.
        limits: Copies are looked for, which decodes pixels, only in stacks that are small enough to be opened.
        each_file: Keep every file by itself.
    """
    groups: dict[tuple[object, ...], list[Shot]] = defaultdict(list)
    echoes = _echoes(files)
    for file in files:
        kind = kind_of(file)
        for frame in file.frames:
            groups[(*_identity(file, frame, echoes, each_file), kind)].append(Shot(file, frame))
    stacks: list[Stack] = []
    for identity, shots in groups.items():
        if shots[0].frame.position is None or "unplaced" in identity:
            stacks.append(_unplaced(shots, identity))
            continue
        for part in (part for one in by_rescale(shots) for part in one.parted(by_frame_of_reference)):
            stacks.extend(_of_part(part, identity, limits))
    return _with_series_flags(stacks)


def _of_part(part: Part, identity: tuple[object, ...], limits: Limits) -> list[Stack]:
    """Return the stacks of shots of one scale and frame of reference."""
    stacks = []
    for number, same in enumerate(_by_orientation(part.shots)):
        whole = Part(same, (*part.label, number), part.flags)
        for one in whole.parted(by_image_type):
            for last in one.parted(by_acquisition):
                stacks.append(_stacked(last, (*identity, *last.label), limits))
    return stacks


def _echoes(files: list[FileFacts]) -> dict[tuple[str, ...], dict[float, float]]:
    """Return the echo groups of each series of MR images."""
    found: dict[tuple[str, ...], set[float]] = defaultdict(set)
    for file in files:
        if file.modality is Modality.MR:
            found[_series_of(file)].update(frame.echo for frame in file.frames if frame.echo is not None)
    return {series: echo_groups(echoes) for series, echoes in found.items()}


def _series_of(file: FileFacts) -> tuple[str, ...]:
    return (file.patient, file.study_uid, file.series_uid, *(() if file.series_uid else (file.label,)))


def _identity(
    file: FileFacts, frame: FrameFacts, echoes: dict[tuple[str, ...], dict[float, float]], each_file: bool
) -> tuple[object, ...]:
    """Return what frames of one stack share, but the kind of image."""
    alone = (file.instance_uid, file.label)
    base = (file.patient, file.study_uid, file.series_uid, *(alone if each_file else ()))
    if frame.position is None or frame.orientation is None or frame.spacing is None:
        return (*base, "unplaced", *alone)
    series: tuple[object, ...] = () if file.series_uid else (file.label,)
    contrast: tuple[object, ...] = (file.kernel, frame.quantity)
    if file.modality is Modality.MR:
        b_value = None if frame.b_value is None else rounded_b(frame.b_value)
        contrast = (b_value, None if frame.echo is None else echoes[_series_of(file)][frame.echo])
    shape = (file.rows, file.columns, file.samples, round(frame.spacing[0], 3), round(frame.spacing[1], 3))
    pixels = (file.color, file.bits_allocated <= 8)
    return (*base, *series, file.sop_class, frame.frame_type, *shape, *pixels, *contrast)


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


def _stacked(part: Part, identity: tuple[object, ...], limits: Limits) -> Stack:
    """Order shots along the slice normal and sort out what lies at one position."""
    file = part.shots[0].file
    places, dropped = _places(part.shots), 0
    if file.rows * file.columns * len(places) <= limits.voxels:
        places, dropped = without_copies(places)
    flags = list(part.flags)
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


def _places(shots: list[Shot]) -> list[list[Shot]]:
    """Return shots by position along the normal, each position's shots in order of time."""
    positions = along(shots, shots[0])
    places: list[list[Shot]] = []
    last = -np.inf
    for number, here in zip(np.argsort(positions, kind="stable").tolist(), np.sort(positions).tolist(), strict=True):
        if here - last > SAME_PLACE_MM:
            places.append([])
            last = here
        places[-1].append(shots[number])
    for place in places:
        if len(place) > 1:
            place.sort(key=lambda shot: (shot.frame.order, shot.file.label))
    return places


def _geometry(shots: tuple[Shot, ...]) -> Geometry:
    directions = np.array(shots[0].frame.orientation)
    row_spacing, column_spacing = shots[0].frame.spacing or (1.0, 1.0)
    origins = np.array([shot.frame.position for shot in shots], dtype=np.float64)
    return Geometry(origins, directions[3:] * row_spacing, directions[:3] * column_spacing)


def _with_series_flags(stacks: list[Stack]) -> list[Stack]:
    """Warn where several patients share a series identifier, and where a series fell into parts of one stack."""
    patients: dict[str, set[str]] = defaultdict(set)
    for stack in stacks:
        if stack.first.series_uid:
            patients[stack.first.series_uid].add(stack.first.patient)
    mixed = "Images of several patients carry the same series identifier; they were kept apart. Check the source."
    parted = (
        "Another image type of the same series fills or continues the positions of this one; "
        "they were kept apart. Slices may be missing here."
    )
    halves = _fallen_apart(stacks)
    result = []
    for stack in stacks:
        flags = list(stack.flags)
        if len(patients[stack.first.series_uid]) > 1:
            flags.append(QualityFlag("mixed_patients", Severity.WARNING, mixed))
        if id(stack) in halves:
            flags.append(QualityFlag("parted_series", Severity.WARNING, parted))
        result.append(replace(stack, flags=tuple(flags)))
    return result


def _fallen_apart(stacks: list[Stack]) -> set[int]:
    """Return the ``id`` of stacks that differ from another one in nothing but the image type and complete it."""
    kin: dict[tuple[object, ...], list[Stack]] = defaultdict(list)
    for stack in stacks:
        if stack.geometry is not None:
            kin[stack.identity[: stack.identity.index(kind_of(stack.first))]].append(stack)
    small = [group for group in kin.values() if len(group) <= MOST_KIN]
    return {id(stack) for group in small for stack in group if any(_complete(stack, other) for other in group)}


def _complete(one: Stack, other: Stack) -> bool:
    """Tell whether slices of two image types lie between or beside each other as those of one stack do."""
    kinds = kind_of(one.first), kind_of(other.first)
    if kinds[0] == kinds[1] or one.geometry is None or other.geometry is None:
        return False
    if np.abs(one.geometry.normal - other.geometry.normal).max() > SAME_DIRECTION:
        return False
    here, there = (np.sort(along(list(stack.shots), one.shots[0])) for stack in (one, other))
    nearest = np.abs(here[:, None] - there[None, :]).min()
    gaps = np.concatenate([np.diff(here), np.diff(there)])
    return bool(gaps.size and SAME_PLACE_MM < nearest <= 1.5 * np.median(gaps))
