"""Open inputs: from paths to a list of series and problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from strokeapp.errors import StrokeAppError
from strokeapp.reading import damaged, dicom_describe, nifti_describe, pictures
from strokeapp.reading.archive import Budget
from strokeapp.reading.collect import B_TABLE, Collected, Item, Kind, collect
from strokeapp.reading.companions import grouped
from strokeapp.reading.dicom_facts import FileFacts
from strokeapp.reading.dicom_quick import HeaderReader
from strokeapp.reading.diffusion import b_table
from strokeapp.reading.inventory import Inventory, Problem, Series
from strokeapp.reading.limits import Limits
from strokeapp.reading.nifti import read_facts

Progress = Callable[[float, str], None]


def open_inputs(
    paths: Sequence[Path],
    *,
    workspace: Path,
    limits: Limits | None = None,
    each_file: bool = False,
    progress: Progress | None = None,
) -> Inventory:
    """List the series in files, folders and zip archives, and what could not be used.

    A bad file costs one problem, not the others. An archive that breaks a limit gives nothing.

    Args:
        paths: Files, folders (links are not followed out of them) and zip archives.
        workspace: Existing folder to unpack into; the caller removes it once the series are no longer needed.
        limits: Defaults of ``Limits`` unless given.
        each_file: Every file is a study of its own: no grouping into series.
        progress: Called with a fraction in [0, 1] and a sentence.

    Raises:
        EmptyInputError: No path was given, or one does not exist.
        LimitError: The inputs together exceed a limit.
    """
    limits = limits or Limits()
    tell = progress or (lambda fraction, text: None)
    found = collect(paths, workspace, Budget(limits), lambda fraction, text: tell(0.2 * fraction, text))
    problems = list(found.problems)
    series = [
        *_dicom(found, limits, each_file, problems, tell),
        *_nifti(found, limits, problems, tell),
        *_pictures(found, limits, each_file, problems, tell),
    ]
    tell(1.0, "Done")
    ordered = sorted(series, key=lambda one: (pictures.natural(one.source), one.key))
    return Inventory(_with_unique_keys(ordered), tuple(problems), grouped(found.left_out))


def _items(found: Collected, kind: Kind) -> list[Item]:
    return [item for item in found.items if item.kind is kind]


def _dicom(found: Collected, limits: Limits, each_file: bool, problems: list[Problem], tell: Progress) -> list[Series]:
    files: list[FileFacts] = []
    items, headers = _items(found, Kind.DICOM), HeaderReader()
    for number, item in enumerate(items):
        tell(0.2 + 0.6 * number / len(items), f"Reading header {number + 1} of {len(items)}")
        try:
            files.append(headers.read(item.path, item.label, max_bytes=limits.file_bytes))
        except StrokeAppError as error:
            problems.append(Problem.from_error(item.label, error))
    return [damaged.listed(one, limits) for one in dicom_describe.describe(files, limits, each_file=each_file)]


def _nifti(found: Collected, limits: Limits, problems: list[Problem], tell: Progress) -> list[Series]:
    series = []
    for item in _items(found, Kind.NIFTI):
        tell(0.8, f"Reading {item.label}")
        try:
            facts = read_facts(item.path, item.label, limits)
            table = found.b_tables.get(re.sub(r"\.nii(\.gz)?$", B_TABLE, item.label, flags=re.IGNORECASE))
            b_values = None if table is None else b_table(table)
            series.extend(nifti_describe.describe(facts, limits, b_values=b_values))
        except StrokeAppError as error:
            problems.append(Problem.from_error(item.label, error))
    return series


def _pictures(
    found: Collected, limits: Limits, each_file: bool, problems: list[Problem], tell: Progress
) -> list[Series]:
    tell(0.9, "Reading pictures")
    series, bad = pictures.describe(_items(found, Kind.PICTURE), limits, each_file=each_file)
    problems.extend(bad)
    return series


def _with_unique_keys(series: list[Series]) -> tuple[Series, ...]:
    """Number keys that occur more than once (the same file given twice)."""
    seen: dict[str, int] = {}
    unique = []
    for one in series:
        seen[one.key] = seen.get(one.key, 0) + 1
        unique.append(one if seen[one.key] == 1 else replace(one, key=f"{one.key}-{seen[one.key]}"))
    return tuple(unique)
