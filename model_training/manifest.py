"""Read the table of labelled images that everything is learnt from.

The format is documented in ``docs/manifest.md``; any hospital can write one for its own data.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from strokeapp.errors import ManifestError
from strokeapp.models.slice_network import SUBTYPES

LABELS = ("ischemic", "hemorrhagic", *SUBTYPES)
REQUIRED = ("path", "dataset", "patient", "modality", "sequence", "ischemic", "hemorrhagic")
OPTIONAL = ("mask", "slice", "plane", "age", "sex", "nihss", "presumed")


def read_manifest(path: Path) -> pd.DataFrame:
    """Return the manifest with labels as 1.0, 0.0 or nan (not known) and a ``group`` to split by.

    ``group`` is the patient; rows without one form a single group per dataset, since nothing says that two
    of them show different people.

    Raises:
        ManifestError: The file is missing, or a column or value is not as documented.
    """
    if not path.is_file():
        raise ManifestError(f"There is no manifest at {path.name}. Give the path of a CSV file.", detail=str(path))
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path.name} is not a CSV table.", detail=str(error)) from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ManifestError(f"{path.name}: rows have more cells than the header has columns.")
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        raise ManifestError(f"{path.name} lacks the columns {', '.join(missing)}; see docs/manifest.md.")
    for name in (*OPTIONAL, *SUBTYPES):
        if name not in table:
            table[name] = ""
    for name in LABELS:
        table[name] = _labels(table[name], path.name)
    table["group"] = table["patient"].where(table["patient"] != "", table["dataset"])
    _check_rows(table, path.name)
    return table


def slice_positions(table: pd.DataFrame) -> pd.Series:
    """Return (rows,) the place of every row within its volume; nan where it belongs to none."""
    return pd.to_numeric(table["slice"], errors="coerce").where(table["patient"] != "")


def volume_names(table: pd.DataFrame) -> pd.Series:
    """Return (rows,) which volume a row belongs to: slices of one patient, source, modality and sequence."""
    return table[["dataset", "patient", "modality", "sequence"]].astype(str).agg("|".join, axis=1)


def _labels(column: pd.Series, file_name: str) -> pd.Series:
    values = pd.to_numeric(column.where(column != ""), errors="coerce")
    wrong = (column != "") & ~values.isin([0.0, 1.0])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ManifestError(f"{file_name}, line {row + 2}: {column.name} must be 1, 0 or empty, not {column[row]!r}.")
    return values


def _check_rows(table: pd.DataFrame, file_name: str) -> None:
    if table.empty:
        raise ManifestError(f"{file_name} has a header but no rows.")
    if (table["path"] == "").any():
        raise ManifestError(f"{file_name}: every row needs a path.")
    twice = table["path"][table["path"].duplicated()]
    if len(twice):
        raise ManifestError(f"{file_name} lists {twice.iloc[0]} more than once.")
