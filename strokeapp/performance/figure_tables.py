"""Write down the numbers behind each figure, so that anyone can draw or check it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strokeapp.performance.calibration import Reliability
from strokeapp.performance.comparison import Comparison
from strokeapp.performance.curves import PrecisionRecallCurve, RocCurve
from strokeapp.performance.decision import DecisionCurve
from strokeapp.performance.threshold import Confusion

Band = tuple[NDArray, NDArray, NDArray]
"""Grid on the horizontal axis, lower and upper end there, (points,) each."""


def roc_table(curve: RocCurve, band: Band | None = None) -> pd.DataFrame:
    """Return one row per point of a ROC curve.

    Args:
        curve: Complete, not thinned as for drawing.
        band: Of the sensitivity over the false positive rate; read off by linear interpolation, as it is drawn.

    Returns:
        Columns false_positive_rate, true_positive_rate, threshold, and with a band true_positive_rate_low and _high.
    """
    table = pd.DataFrame(
        {
            "false_positive_rate": curve.false_positive_rate,
            "true_positive_rate": curve.true_positive_rate,
            "threshold": curve.thresholds,
        }
    )
    return _with_band(table, "false_positive_rate", "true_positive_rate", band)


def precision_recall_table(curve: PrecisionRecallCurve, band: Band | None = None) -> pd.DataFrame:
    """Return one row per point of a precision-recall curve; arguments as ``roc_table``."""
    columns = {"recall": curve.recall, "precision": curve.precision, "threshold": curve.thresholds}
    return _with_band(pd.DataFrame(columns), "recall", "precision", band)


def _with_band(table: pd.DataFrame, x: str, y: str, band: Band | None) -> pd.DataFrame:
    if band is None:
        return table
    grid, low, high = band
    return table.assign(**{f"{y}_low": np.interp(table[x], grid, low), f"{y}_high": np.interp(table[x], grid, high)})


def confusion_table(counts: Confusion, *, positive: str, negative: str) -> pd.DataFrame:
    """Return the confusion matrix with one row per true class.

    Args:
        counts: At one threshold.
        positive: Name of the class with the finding.
        negative: Of the other.
    """
    return pd.DataFrame(
        {"truth": [positive, negative], "flagged": [counts.tp, counts.fp], "not_flagged": [counts.fn, counts.tn]}
    )


def histogram_table(labels: NDArray, scores: NDArray, *, bins: int = 40) -> pd.DataFrame:
    """Count probabilities per class in bins of equal width between 0 and 1; the last bin holds 1 itself.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) in [0, 1].
        bins: Number of them.

    Returns:
        Columns from, to, with_finding, without_finding (counts).
    """
    edges = np.linspace(0, 1, bins + 1)
    counted = {
        name: np.histogram(scores[labels == value], edges)[0]
        for name, value in (("with_finding", 1), ("without_finding", 0))
    }
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], **counted})


def reliability_table(curves: Mapping[str, Reliability]) -> pd.DataFrame:
    """Return one row per bin and curve.

    Args:
        curves: By name, e.g. "before" and "after".

    Returns:
        Columns calibration (the name), predicted, observed, observed_low, observed_high, images.
    """
    parts = [
        pd.DataFrame(
            {
                "calibration": name,
                "predicted": curve.predicted,
                "observed": curve.observed,
                "observed_low": curve.low,
                "observed_high": curve.high,
                "images": curve.counts,
            }
        )
        for name, curve in curves.items()
    ]
    return pd.concat(parts, ignore_index=True)


def decision_table(curve: DecisionCurve) -> pd.DataFrame:
    """Return one row per threshold: net benefit of the network's flags, of flagging everyone, and of nobody."""
    return pd.DataFrame(
        {"threshold": curve.thresholds, "network": curve.network, "flag_all": curve.flag_all, "flag_none": 0.0}
    )


def measures_table(figures: Mapping[str, float], names: tuple[str, ...]) -> pd.DataFrame:
    """Return one row per measure.

    Args:
        figures: Holds each name, and the name with _low and _high.
        names: In order.

    Returns:
        Columns measure, value, low, high.
    """
    rows = [(name, figures[name], figures[f"{name}_low"], figures[f"{name}_high"]) for name in names]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high"])


def comparison_table(found: Comparison) -> pd.DataFrame:
    """Return everything that was computed of two networks on the same cases, one row per test.

    Returns:
        Columns measure, first, second, difference, p (nan where not defined), test, cases, patients; for McNemar's
        test also both_right, only_first, only_second and neither, nan for DeLong's. "By patient" in the name of a
        test: patients have several cases, and the test counts patients.
    """
    calls, cases, clustered = found.calls, found.cases, found.clustered
    right = (calls.both_right + calls.only_first) / cases, (calls.both_right + calls.only_second) / cases
    cells = {name: getattr(calls, name) for name in ("both_right", "only_first", "only_second", "neither")}
    share = {"measure": "share of right calls", "first": right[0], "second": right[1], "difference": calls.difference}
    if clustered is None:
        share |= {"p": calls.mid_p, "test": "McNemar, mid-p"}
    else:
        share |= {"p": clustered.p, "test": "McNemar, by patient"}
    rows = [share | cells]
    if found.areas is not None:
        areas = found.areas
        row = {"measure": "auc", "first": areas.auc_a, "second": areas.auc_b, "difference": areas.difference}
        rows.insert(0, row | {"p": areas.p, "test": "DeLong" if clustered is None else "DeLong, by patient"})
    columns = ("measure", "first", "second", "difference", "p", "test", "cases", "patients", *cells)
    sizes = {"cases": cases, "patients": found.patients}
    return pd.DataFrame([row | sizes for row in rows], columns=list(columns))
