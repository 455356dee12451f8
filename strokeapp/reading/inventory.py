"""Name what an input turned out to hold: series, and problems with single files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from strokeapp.errors import StrokeAppError
from strokeapp.types import Modality, Plane, QualityFlag, Sequence


@dataclass(frozen=True, slots=True)
class Problem:
    """Report one file that could not be used.

    Args:
        source: The file, named as the user gave it; inside an archive, ``archive.zip/inner/name``.
        code: The code of the error, e.g. ``corrupt_file``.
        message: What happened and what to do.
    """

    source: str
    code: str
    message: str

    @classmethod
    def from_error(cls, source: str, error: StrokeAppError) -> Problem:
        """Make a problem of an error raised while reading ``source``."""
        return cls(source, error.code, error.user_message)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Say why a series must not be classified.

    Args:
        code: Stable snake_case identifier, e.g. ``localizer``.
        message: One or two sentences: the reason and what to do.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Series:
    """Describe one series found in an input, before its pixels are read.

    Args:
        key: Stable short identifier, unique in its inventory; holds no patient data.
        source: File or folder it came from, named as the user gave it.
        modality: As told by the tags, or by the name and values of a NIfTI file.
        sequence: As told by the tags or the name.
        description: Series description; empty where the source has none.
        slices: Slices of one time point.
        frames: Time points, directions or echoes at one position.
        time_points: Those of them that ``load`` gives one by one; 1 where there is no choice.
        times_s: Seconds of each time point after the first; empty where nothing tells them.
        spacing_mm: (z, y, x), z measured between slice planes (nan for one slice); None without geometry.
        plane: Acquired plane.
        synthetic: Made by a generator, not by a scanner.
        viewable: Whether ``load`` can make a scan of it.
        refusal: Why it must not be classified, or None.
        flags: What is known before the pixels are read; the scan carries these and more.
        rows: Rows of a slice as it will be shown.
        columns: Columns of a slice as it will be shown.
        kernel: CT convolution kernel or empty.
        b_value: Diffusion weighting in s/mm², or None.
        derived: Computed from other images, as the image type says.
        patient: Hash that tells patients of one input apart; empty where the source names none.
    """

    key: str
    source: str
    modality: Modality
    sequence: Sequence
    description: str
    slices: int
    frames: int
    spacing_mm: tuple[float, float, float] | None
    plane: Plane
    synthetic: bool
    viewable: bool
    refusal: Refusal | None
    flags: tuple[QualityFlag, ...] = ()
    rows: int = 0
    columns: int = 0
    kernel: str = ""
    b_value: float | None = None
    derived: bool = False
    patient: str = ""
    time_points: int = 1
    times_s: tuple[float, ...] = ()
    _plan: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Report files of one kind that commonly lie beside images and are no images; nothing is wrong with them.

    Args:
        kind: In words, e.g. ``text and tables``.
        reason: Why they are left out, one sentence.
        files: Named as the user gave them, in the order found.
    """

    kind: str
    reason: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """List what was found in the inputs.

    Args:
        series: In order of source and key, refused ones included.
        problems: Files that could not be used, each with its reason.
        left_out: Files that are no images, as every export holds some, by kind.
    """

    series: tuple[Series, ...]
    problems: tuple[Problem, ...]
    left_out: tuple[LeftOut, ...] = ()


def short_key(*parts: object) -> str:
    """Return a stable identifier of 12 hexadecimal digits for what identifies a series."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:12]
