"""Name the series of an input: what each is, where it came from, and whose."""

from __future__ import annotations

import math
from collections.abc import Iterable

from strokeapp.reading import Inventory, Problem, Ranked, Series
from strokeapp.reading.time_points import TIMED
from strokeapp.types import Modality, Plane, Sequence

NO_SCAN = {
    "localizer": "Scout view",
    "dose_report": "Dose report",
    "no_pixels": "No image",
    "mask": "Mask",
    "modality_unknown": "CT or MR unknown",
}
"""Headlines of what modality and sequence would name as if it were a scan."""
COMMON = ("unsupported_file", "nested_archive")
"""Problems of files that lie on every CD and are no images: told last."""


def headline(series: Series) -> str:
    """Return modality and sequence, or what the series is instead of a scan, in a few words."""
    if series.refusal is not None and series.refusal.code in NO_SCAN:
        return NO_SCAN[series.refusal.code]
    if series.modality is Modality.OTHER:
        return "Time series" if series.sequence in TIMED else "Neither CT nor MR"
    words = [series.modality.value]
    if series.sequence is not Sequence.UNKNOWN and series.sequence.value != series.modality.value:
        words.append(series.sequence.value)
    text = " ".join(words)
    return text[0].upper() + text[1:]


def name(series: Series) -> str:
    """Return the description, or without one the file or folder the series came from; may hold a patient's name."""
    return series.description or "/".join(series.source.split("/")[-2:])


def repeats(series: Series) -> str:
    """Return what the several images at each position are; they are a time series only where the sequence says so."""
    if series.sequence in TIMED:
        return f"{series.frames} time points"
    if series.sequence is Sequence.DWI and series.b_value is not None:
        return f"{series.frames} diffusion directions" if series.b_value > 0 else f"{series.frames} repetitions"
    return f"{series.frames} images at each position"


def time_words(series: Series, time_point: int) -> str:
    """Say when one of the time points of a series was taken; empty where nothing tells it."""
    return f"{series.times_s[time_point]:.1f} s after the first" if series.times_s else ""


def _which_is_shown(series: Series, time_point: int) -> str:
    """Say which image of several is loaded; their mean is told by a flag."""
    if any(flag.code == "trace_computed" for flag in series.flags):
        return ""
    return ", the first shown" if time_point == 0 else f", number {time_point + 1} shown"


def facts(series: Series, time_point: int = 0) -> str:
    """Return slices, spacing and plane in a few words; ``time_point`` is the one shown, from 0."""
    parts = [f"{series.slices} slices" if series.slices != 1 else "1 slice"]
    if series.frames > 1:
        parts.append(f"{repeats(series)}{_which_is_shown(series, time_point)}")
    if series.spacing_mm is not None:
        z, y, x = series.spacing_mm
        pixel = f"{y:.2g} × {x:.2g}"
        parts.append(f"{pixel} mm" if not math.isfinite(z) else f"{z:.3g} × {pixel} mm")
    if series.plane is not Plane.UNKNOWN:
        parts.append(series.plane.value)
    return " · ".join(parts)


def why_ranked(ranked: Ranked) -> str:
    """Return the points of a series and what each is given for, as Markdown."""
    lines = [f"- {points:+g} {statement}" for points, statement in ranked.reasons]
    return "\n".join([f"{ranked.points:.0f} points:", "", *lines, "", "Any series can be shown instead."])


def patients(inventory: Inventory) -> dict[str, str]:
    """Return a letter for each patient that the files name, by the hash in ``Series.patient``.

    Files that name nobody (NIfTI, pictures) have none. Never a name: the letters tell patients apart, no more.
    """
    known = dict.fromkeys(series.patient for series in inventory.series if series.patient)
    return {patient: f"Patient {_letters(number)}" for number, patient in enumerate(known)}


def _letters(number: int) -> str:
    first, last = divmod(number, 26)
    return (_letters(first - 1) if first else "") + chr(ord("A") + last)


def grouped(problems: Iterable[Problem]) -> list[tuple[str, list[str]]]:
    """Return (message, files it is about): what is wrong with images first, files that are no images last."""
    found: dict[tuple[bool, str], list[str]] = {}
    for problem in problems:
        found.setdefault((problem.code in COMMON, problem.message), []).append(problem.source)
    return [(message, files) for (_common, message), files in sorted(found.items(), key=lambda item: item[0][0])]


def nothing_found(inventory: Inventory, given: str) -> str:
    """Say why an input holds no series, and what to do.

    Args:
        inventory: Without series.
        given: What was opened, as the user named it.
    """
    if not inventory.problems:
        return (
            f"{given} holds no scan: neither DICOM nor NIfTI nor a picture was found in it. "
            "Give the folder or zip that the scanner or the PACS exported."
        )
    message, files = grouped(inventory.problems)[0]
    others = len(inventory.problems) - len(files)
    where = f"{files[0].rsplit('/', 1)[-1]}: " if len(files) == 1 else f"{len(files)} files: "
    more = "" if not others else f" {others} more file{'s' if others > 1 else ''} could not be used either."
    return f"{where}{message}{more}"
