"""Judge every image at an operating point that was chosen on other patients.

A network ships one operating point, chosen on all of its out-of-fold predictions. On those same images it flatters, the
more the fewer they are. Here each fold is judged at the point chosen on the other folds. The calibration, which is
monotone, need not be fitted anew for that: the point of the other folds would flag the same images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strokeapp.performance.predictions import Sample, known, known_rows
from strokeapp.performance.threshold import choose_operating_points
from strokeapp.types import Finding

EXTERNAL = "external"
"""Fold of images of which no part of a run has learnt, and on which nothing is chosen."""

CHOSEN_ELSEWHERE = "operating point chosen on the other folds"
CHOSEN_HERE = "shipped operating point, chosen on these same images"


def fold_thresholds(table: pd.DataFrame, finding: Finding | str) -> dict[str, float]:
    """Choose, for each fold, the balanced operating point on the known labels of the other folds.

    Args:
        table: As ``read_predictions`` returns it.
        finding: Which label and probability.

    Returns:
        Fold to threshold on the stored probability, external images apart; empty where that cannot be done: there
        is one fold, or the others of one lack a class.
    """
    rows = table[known_rows(table, finding) & (table["fold"] != EXTERNAL).to_numpy()]
    found = {}
    for name in sorted(rows["fold"].unique()):
        others = known(rows[rows["fold"] != name], finding)
        if not others.two_classes:
            return {}
        found[name] = balanced_point(others)
    return found


def balanced_point(sample: Sample) -> float:
    """Return the threshold of Youden's rule, as shipped operating points are chosen; see ``choose_operating_points``.

    Raises:
        PerformanceError: A class is missing.
    """
    return choose_operating_points(sample.labels, sample.scores).balanced


def crossed_thresholds(table: pd.DataFrame, finding: Finding | str, shipped: float) -> NDArray[np.float64]:
    """Return (rows,) the threshold each image is judged at.

    Args:
        table: As ``read_predictions`` returns it.
        finding: Which label and probability.
        shipped: Operating point of the network: for external images, and for all where none can be chosen on other
            folds.
    """
    return table["fold"].map(fold_thresholds(table, finding)).fillna(float(shipped)).to_numpy(np.float64)


def crossed(
    table: pd.DataFrame, shipped: Mapping[Finding | str, float]
) -> dict[Finding | str, float | NDArray[np.float64]]:
    """Return for ``summarize`` the thresholds of every finding: ``crossed_thresholds``, or the shipped one alone.

    Args:
        table: As ``read_predictions`` returns it.
        shipped: Operating point per finding.
    """
    return {
        finding: crossed_thresholds(table, finding, value) if fold_thresholds(table, finding) else value
        for finding, value in shipped.items()
    }
