"""Compare two networks on the cases that both judged."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from strokeapp.errors import PerformanceError
from strokeapp.performance.delong import AucComparison, delong
from strokeapp.performance.mcnemar import McNemar, mcnemar
from strokeapp.performance.predictions import known_rows
from strokeapp.types import Finding


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold the outcome of both tests.

    Args:
        cases: That both judged and whose label is known.
        areas: DeLong's test of the two areas; None where the common cases have one class only.
        calls: McNemar's test of the calls at each network's own threshold.
    """

    cases: int
    areas: AucComparison | None
    calls: McNemar


def compare(
    first: pd.DataFrame, second: pd.DataFrame, finding: Finding | str, thresholds: tuple[float, float]
) -> Comparison:
    """Match two tables by path and test whether AUC and share of right calls differ.

    Args:
        first: As ``read_predictions`` or ``study_level`` returns it.
        second: Of the other network, at the same level.
        finding: Which label and probability.
        thresholds: In use, of the first and of the second.

    Raises:
        PerformanceError: There is no common case, or the two tables disagree on a label.
    """
    name = Finding(finding).value
    columns = ["path", name, f"{name}_probability"]
    parts = [table.loc[known_rows(table, name), columns] for table in (first, second)]
    common = parts[0].merge(parts[1], on="path", suffixes=("", "_b"), validate="one_to_one")
    if common.empty:
        raise PerformanceError("The two have judged no case in common, so they cannot be compared on the same cases.")
    if (common[name] != common[f"{name}_b"]).any():
        raise PerformanceError("The two tables disagree on the label of a case; write both again from one manifest.")
    labels = common[name].astype(bool)
    a, b = common[f"{name}_probability"], common[f"{name}_probability_b"]
    calls = mcnemar((a >= thresholds[0]) == labels, (b >= thresholds[1]) == labels)
    return Comparison(len(common), delong(labels, a, b) if labels.nunique() > 1 else None, calls)
