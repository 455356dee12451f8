"""List the cases a lead can choose from: demonstration studies, a folder of studies, or a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from strokeapp.demonstration import demonstrations
from strokeapp.demonstration.truth import truth_of
from strokeapp.errors import ReaderStudyError
from strokeapp.reading.pictures import natural
from strokeapp.records.reader_study import MOST_CASES, CasePlan, CaseSource
from strokeapp.types import Finding

MANIFEST = "manifest.csv"
MOST_BYTES = 20_000_000


def demonstration_cases() -> tuple[CasePlan, ...]:
    """Return the synthetic studies that come with the program, with the truth they were made with."""
    return tuple(
        CasePlan(study.title, CaseSource.DEMONSTRATION, (study.path.name,), truth_of(study))
        for study in demonstrations()
    )


def case_folders(root: Path) -> tuple[str, ...]:
    """Return the names of the folders directly below the folder of cases, in natural order."""
    if not root.is_dir():
        return ()
    names = [path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return tuple(sorted(names, key=natural))


def folder_cases(root: Path, name: str) -> tuple[CasePlan, ...]:
    """List the cases of one folder: by its ``manifest.csv`` if it has one, else one case per entry, truth not known.

    Args:
        root: The folder of cases.
        name: Of a folder directly below it.

    Raises:
        ReaderStudyError: The folder is not there or empty, or the manifest is not as documented.
    """
    if name not in case_folders(root):
        raise ReaderStudyError("This folder is not below the folder of cases.", detail=name)
    folder = root / name
    if (folder / MANIFEST).is_file():
        return manifest_cases(folder / MANIFEST, prefix=name)
    entries = sorted((path.name for path in folder.iterdir() if not path.name.startswith(".")), key=natural)
    if not entries:
        raise ReaderStudyError("This folder is empty. Put one folder, zip or file per case into it.")
    if len(entries) > MOST_CASES:
        raise ReaderStudyError(f"This folder holds {len(entries)} entries; a study has at most {MOST_CASES} cases.")
    unknown = dict.fromkeys(Finding)
    return tuple(CasePlan(entry, CaseSource.FOLDER, (f"{name}/{entry}",), unknown) for entry in entries)


def manifest_cases(path: Path, *, prefix: str) -> tuple[CasePlan, ...]:
    """Read cases and truth from a CSV file; rows of one case are put together.

    Columns: ``path`` (relative to the file), ``hemorrhagic`` and ``ischemic`` (1, 0 or empty = not known), and
    ``case`` or ``patient`` to put rows together. A case has a finding if one of its rows has; it has not if all
    rows say so.

    Args:
        path: Of the CSV file.
        prefix: Folder of the file, relative to the folder of cases.

    Raises:
        ReaderStudyError: The file is not such a table, or a path leads out of the folder or to nothing.
    """
    table = _read(path)
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(table.itertuples(index=False)):
        groups.setdefault(_case_name(row), []).append(index)
    if len(groups) > MOST_CASES:
        raise ReaderStudyError(f"{path.name} lists {len(groups)} cases; a study has at most {MOST_CASES}.")
    cases = []
    for name, rows in groups.items():
        part = table.iloc[rows]
        paths = tuple(f"{prefix}/{_inside(path, given)}" for given in part["path"])
        truth = {finding: _any(part[finding.value], path.name) for finding in Finding}
        cases.append(CasePlan(name, CaseSource.FOLDER, paths, truth))
    return tuple(cases)


def with_truth(case: CasePlan, truth: Mapping[Finding, bool | None]) -> CasePlan:
    """Return a case with the truth that the lead gave."""
    return CasePlan(case.name, case.source, case.paths, dict(truth))


def case_files(case: CasePlan, root: Path) -> list[Path]:
    """Return the files and folders of a case.

    Args:
        case: As stored.
        root: The folder of cases.

    Raises:
        ReaderStudyError: One is not there any more.
    """
    if case.source is CaseSource.DEMONSTRATION:
        known = {study.path.name: study for study in demonstrations()}
        missing = [name for name in case.paths if name not in known]
        found = [known[name].path for name in case.paths if name in known]
    else:
        found = [root / path for path in case.paths]
        missing = [path.name for path in found if not path.exists()]
    if missing:
        message = "The files of this case are not where they were. Tell the lead of the study."
        raise ReaderStudyError(message, detail=", ".join(missing), code="case_missing")
    return found


def _read(path: Path) -> pd.DataFrame:
    if path.stat().st_size > MOST_BYTES:
        raise ReaderStudyError(f"{path.name} is larger than {MOST_BYTES // 1_000_000} MB; that is no list of cases.")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ReaderStudyError(f"{path.name} is not a CSV table.", detail=str(error)) from error
    missing = [name for name in ("path", *(f.value for f in Finding)) if name not in table]
    if missing or table.empty:
        what = f"lacks the columns {', '.join(missing)}" if missing else "has no rows"
        raise ReaderStudyError(f"{path.name} {what}; see the documentation of reader studies.")
    return table


def _case_name(row: object) -> str:
    for column in ("case", "patient", "path"):
        value = str(getattr(row, column, "")).strip()
        if value:
            return value
    raise ReaderStudyError("A row of the manifest has neither a case nor a path.")


def _inside(manifest: Path, given: str) -> str:
    pure = PurePosixPath(given.strip().replace("\\", "/"))
    if not given.strip() or pure.is_absolute() or ".." in pure.parts:
        raise ReaderStudyError(f"{manifest.name}: the path {given!r} does not lie in the folder of the manifest.")
    if not (manifest.parent / pure).exists():
        raise ReaderStudyError(f"{manifest.name}: there is no {given!r} in the folder of the manifest.")
    return str(pure)


def _any(column: pd.Series, file_name: str) -> bool | None:
    values = {value.strip() for value in column}
    wrong = values - {"0", "1", "", "0.0", "1.0"}
    if wrong:
        message = f"{file_name}: {column.name} must be 1, 0 or empty, not {sorted(wrong)[0]!r}."
        raise ReaderStudyError(message)
    if values & {"1", "1.0"}:
        return True
    return None if "" in values else False
