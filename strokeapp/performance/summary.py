"""Put the figures of a network into one table: per finding, dataset, and with or without presumed labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc, precision_recall_curve
from strokeapp.performance.intervals import (
    RESAMPLES,
    SEED,
    UNDEFINED,
    bootstrap_interval,
    confusion_intervals,
    weighted_auc,
    weighted_average_precision,
)
from strokeapp.performance.predictions import Sample, known, known_rows
from strokeapp.performance.threshold import MEASURES, confusion
from strokeapp.types import Finding

ALL = "all"
NAN = float("nan")


def ranking_figures(sample: Sample, *, n: int = RESAMPLES, seed: int = SEED) -> dict[str, float]:
    """Compute what does not depend on a threshold: AUC and average precision with their intervals.

    Args:
        sample: From ``known``; with one class only every figure is nan, not an error.
        n: Resamples of patients.
        seed: Of the draws.

    Returns:
        auc, auc_low, auc_high, average_precision, average_precision_low, average_precision_high.
    """
    labels, scores, patients = sample
    area, precision, ends_area, ends_precision = NAN, NAN, UNDEFINED, UNDEFINED
    if sample.two_classes:
        area = auc(labels, scores)
        precision = precision_recall_curve(labels, scores).average_precision
        ends_area = bootstrap_interval(weighted_auc, labels, scores, patients, n=n, seed=seed)
        ends_precision = bootstrap_interval(weighted_average_precision, labels, scores, patients, n=n, seed=seed)
    return {**_triple("auc", area, ends_area), **_triple("average_precision", precision, ends_precision)}


def threshold_figures(
    sample: Sample, threshold: ArrayLike, *, n: int = RESAMPLES, seed: int = SEED
) -> dict[str, float]:
    """Compute the measures of the confusion matrix with their intervals.

    Args:
        sample: From ``known``.
        threshold: One, or one per image; a score that reaches it is flagged.
        n: Resamples of patients.
        seed: Of the draws.

    Returns:
        Each name in ``MEASURES``, and with _low and _high; nan where not defined. With one class only all but
        recall or specificity are nan: the rest would follow from which class it is, not from the network.
    """
    found = confusion(sample.labels, sample.scores, threshold).measures
    ends = dict(confusion_intervals(*sample, threshold, n=n, seed=seed))
    if not sample.two_classes:
        lost = [name for name in MEASURES if name not in ("recall", "specificity")]
        found, ends = {**found, **dict.fromkeys(lost, NAN)}, {**ends, **dict.fromkeys(lost, UNDEFINED)}
    return {key: value for name in MEASURES for key, value in _triple(name, found[name], ends[name]).items()}


def summarize(
    table: pd.DataFrame,
    thresholds: Mapping[Finding | str, float | NDArray[np.float64]],
    *,
    per_dataset: bool = True,
    n: int = RESAMPLES,
    seed: int = SEED,
) -> pd.DataFrame:
    """Compute every figure per finding, dataset, and with and without presumed labels.

    Args:
        table: As ``read_predictions`` returns it.
        thresholds: Operating point per finding: one, or (rows,) of the table (see ``crossed``); findings not named
            are left out.
        per_dataset: False gives the rows of all datasets together only.
        n: Resamples of patients.
        seed: Of the draws.

    Returns:
        Columns finding, dataset (``"all"`` first), presumed (True: presumed labels are counted), images,
        patients, positives, threshold (nan where images have different ones), and the figures of
        ``ranking_figures`` and ``threshold_figures``. Selections without a single known label are left out; what
        one class cannot give is nan.

    Raises:
        PerformanceError: No threshold is given.
    """
    if not thresholds:
        raise PerformanceError("Name the operating point of at least one finding.")
    rows = []
    for finding, threshold in thresholds.items():
        points = np.broadcast_to(np.asarray(threshold, np.float64), len(table))
        for dataset, presumed, chosen in selections(table, finding, per_dataset=per_dataset):
            start = {"finding": Finding(finding).value, "dataset": dataset, "presumed": presumed}
            sample, used = known(table[chosen], finding, presumed=presumed), points[chosen]
            figures = {**ranking_figures(sample, n=n, seed=seed), **threshold_figures(sample, used, n=n, seed=seed)}
            single = float(used[0]) if (used == used[0]).all() else NAN
            rows.append({**start, **counts(sample), "threshold": single, **figures})
    return pd.DataFrame(rows)


def selections(
    table: pd.DataFrame, finding: Finding | str, *, per_dataset: bool = True
) -> Iterator[tuple[str, bool, NDArray[np.bool_]]]:
    """Yield dataset, whether presumed labels are in, and (rows,) which count, where there is a known label."""
    for dataset in (ALL, *(sorted(table["dataset"].unique()) if per_dataset else ())):
        inside = np.full(len(table), True) if dataset == ALL else (table["dataset"] == dataset).to_numpy()
        for presumed in (True, False):
            chosen = inside & known_rows(table, finding, presumed=presumed)
            if chosen.any():
                yield dataset, presumed, chosen


def counts(sample: Sample) -> dict[str, int]:
    """Count images, patients and positives."""
    return {
        "images": int(sample.labels.size),
        "patients": sample.patient_count,
        "positives": int(sample.labels.sum()),
    }


def plain(*values: float) -> list[float | None]:
    """Return figures as plain values for JSON; what is not finite becomes None."""
    return [float(value) if np.isfinite(value) else None for value in values]


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a table of figures into plain values for JSON; nan becomes None.

    Args:
        table: As ``summarize`` returns it.
    """
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _triple(name: str, value: float, ends: tuple[float, float]) -> dict[str, float]:
    return {name: float(value), f"{name}_low": float(ends[0]), f"{name}_high": float(ends[1])}
