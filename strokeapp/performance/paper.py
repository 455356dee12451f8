"""Set our figures beside those the paper printed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from strokeapp.performance.crossed import crossed, fold_thresholds
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.summary import ALL, NAN, summarize
from strokeapp.types import Finding

SOURCE = "Waghmare et al."
PAPER_MEASURES = ("accuracy", "precision", "recall", "f1", "auc")
PAPER = {
    Finding.ISCHEMIC: dict(zip(PAPER_MEASURES, (0.92, 0.93, 0.91, 0.92, 0.96), strict=True)),
    Finding.HEMORRHAGIC: dict(zip(PAPER_MEASURES, (0.87, 0.85, 0.89, 0.87, 0.91), strict=True)),
}


def paper_figures(table: pd.DataFrame, shipped: Mapping[Finding | str, float], *, n: int = RESAMPLES) -> pd.DataFrame:
    """Compute ours and put the paper's beside them: ``paper_table`` of figures at points chosen on other folds.

    Args:
        table: As ``read_predictions`` returns it.
        shipped: Operating point per finding, for what ``crossed`` does not choose.
        n: Resamples of patients.

    Returns:
        The columns of ``paper_table``, and crossed: whether ours stand at points chosen on the other folds (else at
        the shipped one, chosen on these same images).
    """
    beside = paper_table(summarize(table, crossed(table, shipped), per_dataset=False, n=n))
    return beside.assign(crossed=[bool(fold_thresholds(table, name)) for name in beside["finding"]])


def paper_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Put the paper's figures beside ours over all datasets.

    The two are not measured on the same images: the table shows distance, not which is better.

    Args:
        summary: As ``summarize`` returns it.

    Returns:
        Columns finding, measure, paper, ours, ours_low, ours_high (all labels), read, read_low, read_high
        (presumed labels left out); nan where this network has no such figure.
    """
    rows = []
    for finding, printed in PAPER.items():
        for measure, value in printed.items():
            row = {"finding": finding.value, "measure": measure, "paper": value}
            row |= _ours(summary, finding, measure, presumed=True, name="ours")
            rows.append(row | _ours(summary, finding, measure, presumed=False, name="read"))
    return pd.DataFrame(rows)


def _ours(summary: pd.DataFrame, finding: Finding, measure: str, *, presumed: bool, name: str) -> dict[str, float]:
    keys = {name: measure, f"{name}_low": f"{measure}_low", f"{name}_high": f"{measure}_high"}
    if summary.empty:
        return dict.fromkeys(keys, NAN)
    chosen = (summary["finding"] == finding.value) & (summary["dataset"] == ALL) & (summary["presumed"] == presumed)
    rows = summary[chosen]
    return {key: float(rows.iloc[0][column]) if len(rows) else NAN for key, column in keys.items()}
