"""Tell which of the images at each position are shown, in words, and when they were taken."""

from __future__ import annotations

from collections.abc import Sequence as Many

from strokeapp.reading.dicom_facts import Shot
from strokeapp.types import QualityFlag, Sequence, Severity

TIMED = (Sequence.TIME_SERIES, Sequence.PERFUSION, Sequence.ASL)
"""Sequences whose images at one position follow each other in time."""
MESSAGES = {
    "several_frames": "{count} images at each position; {which} is shown.",
    "first_volume": "There are {count} volumes; {which} is shown.",
}


def one_of(sequence: Sequence) -> str:
    """Return what one of several images at a position is called."""
    return "time point" if sequence in TIMED else "image"


def shown_flag(code: str, count: int, number: int = 0) -> QualityFlag:
    """Say that one of several images at each position is shown.

    Args:
        code: Key of ``MESSAGES``.
        count: Images at each position.
        number: The one shown, from 0.
    """
    which = "the first" if number == 0 else f"number {number + 1}"
    return QualityFlag(code, Severity.INFO, MESSAGES[code].format(count=count, which=which))


def flags_at(flags: tuple[QualityFlag, ...], count: int, number: int) -> tuple[QualityFlag, ...]:
    """Return the flags of a series for a scan of one of its time points."""
    return tuple(shown_flag(flag.code, count, number) if flag.code in MESSAGES else flag for flag in flags)


def seconds_of(place: Many[Shot]) -> tuple[float, ...]:
    """Return when the images at one position were taken, in s after the first; empty where no tag tells it.

    Acquisition times come first, trigger times where those do not rise from image to image (as over midnight).

    Args:
        place: In order of time.
    """
    clock = [shot.frame.order[1] for shot in place]
    trigger = [shot.frame.order[2] / 1000 for shot in place]
    for times in (clock, trigger):
        if len(times) > 1 and all(earlier < later for earlier, later in zip(times, times[1:], strict=False)):
            return tuple(round(time - times[0], 3) for time in times)
    return ()
