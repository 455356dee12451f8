"""Read and validate the table of stored predictions, and choose the rows a figure is made of.

One row per image: path, patient, dataset, fold, ischemic, hemorrhagic (1, 0 or empty = not known), presumed
(the finding whose 0 nobody read), the hemorrhage subtypes, one ``<finding>_probability`` per finding, lesion_dice.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strokeapp.errors import PerformanceError
from strokeapp.types import SUBTYPES, Finding

TEXT_COLUMNS = ("path", "patient", "dataset", "fold")
LABEL_COLUMNS = (*(finding.value for finding in Finding), *SUBTYPES)
PROBABILITY_COLUMNS = tuple(f"{finding.value}_probability" for finding in Finding)
POOLS = ("max", "mean")
_WRITE_AGAIN = "Write the table again with the evaluation command."


class Sample(NamedTuple):
    """Hold what one figure is computed from; the three arrays have one entry per image.

    Args:
        labels: (images,) int8, 1 or 0.
        scores: (images,) float64 in [0, 1].
        patients: (images,) int64 codes 0 … patients - 1; images of one patient share a code.
    """

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    patients: NDArray[np.int64]

    @property
    def patient_count(self) -> int:
        """Return the number of different patients."""
        return int(self.patients.max()) + 1 if self.patients.size else 0

    @property
    def two_classes(self) -> bool:
        """Tell whether there are positives and negatives, without which no curve exists."""
        return bool(self.labels.any() and not self.labels.all())


def read_predictions(path: Path | str) -> pd.DataFrame:
    """Read a table of out-of-fold predictions (.csv or .csv.gz) and check it.

    Args:
        path: Of the table.

    Returns:
        One row per image: text columns as str, labels, probabilities and lesion_dice as float64 with nan for
        "not known". Columns that may be absent (presumed, subtypes, one of the probabilities) are filled.

    Raises:
        PerformanceError: The table is absent, damaged, lacks columns, holds impossible values, names an image
            twice, or has one patient in two folds.
    """
    table = _read_text(Path(path))
    missing = [name for name in (*TEXT_COLUMNS, *(f.value for f in Finding)) if name not in table]
    if missing:
        raise PerformanceError(f"The predictions lack the column(s) {', '.join(missing)}. {_WRITE_AGAIN}")
    if table.empty:
        raise PerformanceError(f"The table of predictions has no rows. {_WRITE_AGAIN}")
    table = table.assign(presumed=table.get("presumed", ""))
    for name in LABEL_COLUMNS:
        table[name] = _numbers(table, name, allowed="0, 1 or empty")
    for name in (*PROBABILITY_COLUMNS, "lesion_dice"):
        table[name] = _numbers(table, name, allowed="between 0 and 1 or empty")
    _check_rows(table)
    return table


def _read_text(path: Path) -> pd.DataFrame:
    """Read every cell as text, so that a patient called "NA" or "007" stays who they are."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        message = "No stored predictions were found beside this network. Install it again, with its predictions."
        raise PerformanceError(message, detail=path.name, code="predictions_missing") from error
    except pd.errors.EmptyDataError as error:
        raise PerformanceError(f"The table of predictions is empty. {_WRITE_AGAIN}", detail=path.name) from error
    except (pd.errors.ParserError, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        message = "The table of predictions is damaged. Install the network again."
        raise PerformanceError(message, detail=f"{path.name}: {error}") from error


def _numbers(table: pd.DataFrame, name: str, *, allowed: str) -> pd.Series:
    """Return a column as float64, nan where empty or absent; refuse anything not ``allowed``."""
    if name not in table:
        return pd.Series(np.nan, index=table.index, dtype=np.float64)
    text = table[name].str.strip()
    values = pd.to_numeric(text, errors="coerce").astype(np.float64)
    fits = values.isin([0.0, 1.0]) if name in LABEL_COLUMNS else values.between(0.0, 1.0)
    wrong = ~(fits | (text == ""))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        message = f'Predictions, line {row + 2}: {name} must be {allowed}, but is "{text.iloc[row]}". {_WRITE_AGAIN}'
        raise PerformanceError(message)
    return values


def _check_rows(table: pd.DataFrame) -> None:
    """Refuse repeated images, unknown words in ``presumed``, no scores at all, and patients in two folds."""
    if table[list(PROBABILITY_COLUMNS)].isna().all(axis=None):
        raise PerformanceError(f"The table of predictions holds no probability at all. {_WRITE_AGAIN}")
    unknown = set(table["presumed"]) - {"", *(finding.value for finding in Finding)}
    if unknown:
        raise PerformanceError(f'"presumed" must name a finding or be empty, not "{min(unknown)}". {_WRITE_AGAIN}')
    twice = int(table["path"].duplicated().sum())
    if twice:
        raise PerformanceError(f"{twice} image(s) appear twice in the predictions: keep one row per image.")
    leaking = int((table.groupby(patient_groups(table))["fold"].nunique() > 1).sum())
    if leaking:
        message = f"{leaking} patient(s) have images in two folds, so the figures would flatter. Split by patient."
        raise PerformanceError(message, code="patient_in_two_folds")


def patient_groups(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return (rows,) codes of the patients; images without a patient id form one group per dataset."""
    unnamed = table["patient"].str.strip() == ""
    names = table["patient"].where(~unnamed, "\0" + table["dataset"])
    return pd.factorize(names)[0].astype(np.int64)


def known(table: pd.DataFrame, finding: Finding | str, *, presumed: bool = True) -> Sample:
    """Choose the images whose label is known and that the network gave a probability.

    Args:
        table: As ``read_predictions`` or ``study_level`` returns it.
        finding: Which label and probability.
        presumed: False also leaves out the zeros that are presumed from how a set was collected.

    Returns:
        Labels, scores and patients; empty arrays where nothing is known.
    """
    rows = table[known_rows(table, finding, presumed=presumed)]
    name = Finding(finding).value
    return Sample(
        rows[name].to_numpy(np.int8), rows[f"{name}_probability"].to_numpy(np.float64, copy=True), patient_groups(rows)
    )


def known_rows(table: pd.DataFrame, finding: Finding | str, *, presumed: bool = True) -> NDArray[np.bool_]:
    """Return (rows,) True where ``known`` would take the row; arguments as there."""
    name = Finding(finding).value
    chosen = table[name].notna() & table[f"{name}_probability"].notna()
    if not presumed:
        chosen &= ~((table["presumed"] == name) & (table[name] == 0))
    return chosen.to_numpy()


def study_level(
    table: pd.DataFrame, finding: Finding | str, *, pool: str | Callable[[pd.Series], float] = "max"
) -> pd.DataFrame:
    """Pool the images of each patient within a dataset into one row.

    A patient is positive if any image is; negative only if every image is known to be; otherwise not known.
    A negative is presumed if any of its images is. Images without a patient id are left out.

    Args:
        table: As ``read_predictions`` returns it.
        finding: Which label and probability; the other columns of labels are dropped.
        pool: How the probabilities are pooled: "max", "mean", or a function of one patient's (images,)
            probabilities; nan are left out, and it is called for no patient without any.

    Returns:
        Columns path, patient, dataset, fold, the finding, presumed, the probability, images.

    Raises:
        PerformanceError: The pool is none of these.
    """
    if not callable(pool) and pool not in POOLS:
        raise PerformanceError(f'Probabilities are pooled by "max" or "mean", not by "{pool}".')
    name = Finding(finding).value
    named = table[table["patient"].str.strip() != ""]
    groups = named.assign(asked=named["presumed"] == name).groupby(["dataset", "patient"], sort=False)
    labels = groups[name].agg(lambda column: column.max(skipna=bool(column.eq(1).any())))
    scored = named[named[f"{name}_probability"].notna()].groupby(["dataset", "patient"], sort=False)
    pooled = pd.DataFrame({name: labels, f"{name}_probability": scored[f"{name}_probability"].agg(pool)})
    pooled = pooled.reindex(labels.index)
    pooled["presumed"] = np.where(groups["asked"].any(), name, "")
    pooled["fold"], pooled["images"] = groups["fold"].first(), groups.size()
    pooled = pooled.reset_index()
    return pooled.assign(path=pooled["dataset"] + "/" + pooled["patient"])
