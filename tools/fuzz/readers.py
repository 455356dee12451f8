"""Read one mutated file the way the application does, and say how it ended."""

from __future__ import annotations

import random
import shutil
import traceback
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strokeapp.errors import StrokeAppError
from strokeapp.reading import Limits, load, open_inputs, thumbnail
from tools.fuzz.mutations import mutate
from tools.fuzz.seeds import Seed

LIMITS = Limits(total_bytes=2**28, file_bytes=2**27, voxels=2**24, picture_pixels=2**24)
"""Small, so that what a limit lets through is small beside the memory the process may have."""
DISGUISES = (".dcm", ".nii", ".nii.gz", ".png", ".zip", "")
DISGUISED = 0.08
THROUGH_SHELL = 0.6


class Outcome(StrEnum):
    """How reading one file ended; the last three are faults."""

    READ = "read"
    REFUSED = "refused"
    FAULT = "untyped error"
    ENDED = "process ended"
    HUNG = "too slow"


@dataclass(frozen=True)
class Result:
    """Say how one mutant fared; ``detail`` is a traceback for faults."""

    number: int
    name: str
    outcome: Outcome
    detail: str = ""


def mutant(number: int, seed: int, valid: list[Seed]) -> tuple[str, bytes]:
    """Return name and content of a mutant; the same numbers give the same bytes.

    Args:
        number: Of the mutant.
        seed: Of the run.
        valid: Files to start from.
    """
    chance = random.Random(f"{seed}-{number}")
    start, others = chance.choice(valid), [other.content for other in valid]
    inside = start.unwrap is not None and chance.random() < THROUGH_SHELL
    content = mutate(start.unwrap(start.content) if inside else start.content, chance, others)
    name = start.name
    if chance.random() < DISGUISED:
        name = Path(name).stem + chance.choice(DISGUISES)
    return name, start.wrap(content) if inside else content


def read_mutant(number: int, name: str, content: bytes, folder: Path) -> Result:
    """Write a mutant, open it, load every series it holds, and take everything away again."""
    place = folder / "mutant"
    place.mkdir()
    try:
        (place / name).write_bytes(content)
        return Result(number, name, _read(place / name, place))
    except Exception:  # the point of the exercise: whatever is not typed is reported with its traceback
        return Result(number, name, Outcome.FAULT, traceback.format_exc(limit=-6))
    finally:
        shutil.rmtree(place)


def _read(path: Path, workspace: Path) -> Outcome:
    outcome = Outcome.REFUSED
    try:
        inventory = open_inputs([path], workspace=workspace, limits=LIMITS)
    except StrokeAppError:
        return outcome
    for series in inventory.series:
        for action in (load, thumbnail):
            try:
                action(series)
            except StrokeAppError:
                continue
            outcome = Outcome.READ
    return outcome
