"""Leave out slices that cannot be decoded: they cost themselves, not their series."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import CorruptFileError
from strokeapp.reading.dicom_describe import DicomPlan, describe
from strokeapp.reading.dicom_facts import FileFacts
from strokeapp.reading.dicom_pixels import FrameReader
from strokeapp.reading.dicom_series import Shot, Stack
from strokeapp.reading.dicom_values import looked_at
from strokeapp.reading.geometry import OF_GEOMETRY, quality_flags
from strokeapp.reading.inventory import Series
from strokeapp.reading.limits import Limits
from strokeapp.types import Geometry, QualityFlag, Severity

LEAST_DECODED = 0.8
"""Share of the slices that must be decoded; a series that loses more is refused."""
PATIENCE_SECONDS = 120.0
"""Longest time that decoders may spend on slices they fail at: two that hang."""
LISTED_TRIES = 3
"""Damaged slices that may stand where a series is looked at for its list entry."""
CODE = "undecodable_slices"
NAMED = 3
"""Files that the flag names."""


class Lost:
    """Collect slices that cannot be decoded, from several threads, until they are too many.

    Args:
        count: Slices of the series.
    """

    def __init__(self, count: int) -> None:
        self._most = int(count * (1 - LEAST_DECODED) + 1e-9)
        self._lock = threading.Lock()
        self._errors: dict[int, CorruptFileError] = {}
        self._seconds = 0.0

    @property
    def numbers(self) -> list[int]:
        """Return the slices that were lost, rising."""
        return sorted(self._errors)

    @contextmanager
    def costing(self, number: int) -> Iterator[None]:
        """Let what is done inside fail for one slice.

        Raises:
            CorruptFileError: The first slice's, once more are lost than a series can do without.
        """
        begun = time.monotonic()
        try:
            yield
        except CorruptFileError as error:
            with self._lock:
                self._errors[number] = error
                self._seconds += time.monotonic() - begun
                if len(self._errors) > self._most or self._seconds > PATIENCE_SECONDS:
                    raise self._errors[self.numbers[0]] from error


def kept(voxels: NDArray, geometry: Geometry | None, lost: list[int]) -> tuple[NDArray, Geometry | None]:
    """Close up the slices of a scan over those that were lost.

    Args:
        voxels: (slices, rows, columns); slices move within its memory.
        geometry: LPS mm.
        lost: Indices of slices to leave out.
    """
    rest = np.delete(np.arange(len(voxels)), lost)
    for number, index in enumerate(rest.tolist()):
        if number != index:
            voxels[number] = voxels[index]
    if geometry is not None:
        origins = geometry.slice_origins[rest]
        origins.flags.writeable = False
        geometry = replace(geometry, slice_origins=origins)
    return voxels[: len(rest)], geometry


def told(
    flags: tuple[QualityFlag, ...], stack: Stack, geometry: Geometry | None, lost: list[int]
) -> tuple[QualityFlag, ...]:
    """Return the flags of a scan that has lost slices: those of its geometry anew, and one that names the files.

    Args:
        flags: Of the whole series.
        stack: Of the whole series.
        geometry: Without the lost slices, LPS mm.
        lost: Indices into the stack.
    """
    dropped = {CODE} if geometry is None else {CODE, *OF_GEOMETRY}
    rest = tuple(flag for flag in flags if flag.code not in dropped)
    anew = () if geometry is None else quality_flags(geometry)
    return (*rest, *anew, _flag(stack, lost))


def _flag(stack: Stack, lost: list[int]) -> QualityFlag:
    files = list(dict.fromkeys(stack.shots[number].file.label for number in lost))
    names = ", ".join(files[:NAMED]) + (f" and {len(files) - NAMED} more" if len(files) > NAMED else "")
    message = f"{len(lost)} of {len(stack.shots)} slices cannot be decoded and are left out ({names})."
    return QualityFlag(CODE, Severity.WARNING, f"{message} Export the series again, uncompressed.")


def listed(series: Series, limits: Limits) -> Series:
    """Return a series that is refused because a slice looked at cannot be decoded as its other slices describe it.

    Its plan keeps all slices: ``load`` finds out which ones are lost. A series of which too many are lost, and any
    other series, comes back as it is.
    """
    plan = series._plan
    if series.refusal is None or series.refusal.code != "undecodable" or not isinstance(plan, DicomPlan):
        return series
    stack, found = plan.stack, series
    lost = Lost(len(stack.shots))
    try:
        while found.refusal is not None and found.refusal.code == "undecodable":
            before = len(lost.numbers)
            _look(stack, lost)
            if not before < len(lost.numbers) <= LISTED_TRIES:
                return series
            others = describe(_without(stack, lost.numbers), limits)
            if len(others) != 1:
                return series
            found = others[0]
    except CorruptFileError:
        return series
    own = {flag.code: flag for flag in found.flags if flag.code not in OF_GEOMETRY}
    own |= {flag.code: flag for flag in series.flags}
    return replace(
        found, key=series.key, source=series.source, slices=series.slices, spacing_mm=series.spacing_mm,
        flags=(*own.values(), _flag(stack, lost.numbers)),
        _plan=replace(plan, measure=found._plan.measure, trace=found._plan.trace),
    )  # fmt: skip


def _look(stack: Stack, lost: Lost) -> None:
    """Decode the slices by which the rest of a series is judged."""
    rest, reader = np.delete(np.arange(len(stack.shots)), lost.numbers).tolist(), FrameReader()
    for number in (rest[index] for index in looked_at(len(rest))):
        shot = stack.shots[number]
        with lost.costing(number):
            reader.stored(shot.file, shot.frame)


def _without(stack: Stack, lost: list[int]) -> list[FileFacts]:
    """Return the files of a stack with its frames alone, those at lost positions left out."""
    places: tuple[tuple[Shot, ...], ...] = stack.places or tuple((shot,) for shot in stack.shots)
    frames: dict[str, list[Shot]] = {}
    for number, place in enumerate(places):
        for shot in () if number in lost else place:
            frames.setdefault(str(shot.file.path), []).append(shot)
    return [replace(shots[0].file, frames=tuple(shot.frame for shot in shots)) for shots in frames.values()]
