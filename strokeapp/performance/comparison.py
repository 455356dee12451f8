"""Compare two networks on the cases that both judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from strokeapp.errors import PerformanceError
from strokeapp.performance.delong import AucComparison, delong
from strokeapp.performance.mcnemar import ClusteredMcNemar, McNemar, mcnemar, mcnemar_clustered
from strokeapp.performance.predictions import known_rows, patient_groups
from strokeapp.types import Finding


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold the outcome of both tests.

    Args:
        cases: That both judged and whose label is known.
        patients: Whose cases they are.
        areas: DeLong's test of the two areas, over patients; None where the common cases have one class only.
        calls: McNemar's test of the calls at each network's own threshold, cases taken as independent.
        clustered: The same over patients; None where every patient has one case, so that ``calls`` holds.
    """

    cases: int
    patients: int
    areas: AucComparison | None
    calls: McNemar
    clustered: ClusteredMcNemar | None


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    finding: Finding | str,
    thresholds: tuple[float, float],
    *,
    presumed: bool = True,
) -> Comparison:
    """Match two tables by path and test whether AUC and share of right calls differ.

    Cases of one patient are not independent, so both tests count patients where one has several.

    Args:
        first: As ``read_predictions`` or ``study_level`` returns it.
        second: Of the other network, at the same level.
        finding: Which label and probability.
        thresholds: In use, of the first and of the second.
        presumed: False leaves out the cases whose label either table presumes; see ``known``.

    Raises:
        PerformanceError: There is no common case, or the two tables disagree on a label.
    """
    name = Finding(finding).value
    columns = ["path", name, f"{name}_probability"]
    one, other = (table.loc[known_rows(table, name, presumed=presumed)] for table in (first, second))
    common = one[[*columns, "patient", "dataset"]].merge(
        other[columns], on="path", suffixes=("", "_b"), validate="one_to_one"
    )
    if common.empty:
        raise PerformanceError("The two have judged no case in common, so they cannot be compared on the same cases.")
    if (common[name] != common[f"{name}_b"]).any():
        raise PerformanceError("The two tables disagree on the label of a case; write both again from one manifest.")
    labels, patients = common[name].astype(bool), patient_groups(common)
    a, b = common[f"{name}_probability"], common[f"{name}_probability_b"]
    rights = (a >= thresholds[0]) == labels, (b >= thresholds[1]) == labels
    count = len(np.unique(patients))
    return Comparison(
        len(common),
        count,
        delong(labels, a, b, clusters=patients) if labels.nunique() > 1 else None,
        mcnemar(*rights),
        mcnemar_clustered(*rights, patients) if count < len(common) else None,
    )
