"""Lay out what a reader study says over all readers, unrounded: one row per analysis and what it holds for."""

from __future__ import annotations

import pandas as pd

from strokeapp.performance.agreement import Kappa
from strokeapp.performance.mrmc import Difference, Mean, Mrmc

ALL_LIKE_THESE = "readers like these, cases like these"
THESE_READERS = "these readers, cases like these"


def fleiss_summary(kappa: Kappa, *, readers: int, cases: int) -> pd.DataFrame:
    """Return one row: readers, cases, kappa with its interval, observed and expected agreement."""
    ends = {"kappa_low": kappa.interval.low, "kappa_high": kappa.interval.high}
    row = {"readers": readers, "cases": cases, "kappa": kappa.value, **ends}
    return pd.DataFrame([row | {"observed": kappa.observed, "expected": kappa.expected}])


def network_summary(random: Mean, fixed: Mean, *, readers: int, cases: int) -> pd.DataFrame:
    """Return the readers' mean AUC minus the network's, for random readers and for these.

    Args:
        random, fixed: As ``readers_against_network_means`` returns them.
        readers: Number of readers.
        cases: Number of cases that all of them and the network have read.

    Returns:
        Columns holds_for, readers, cases, difference, low, high, standard_error, df (inf with fixed readers), p.
    """
    return pd.DataFrame(
        [
            _row(holds_for, readers, cases, mean.value, mean) | {"df": mean.df, "p": mean.p}
            for holds_for, mean in ((ALL_LIKE_THESE, random), (THESE_READERS, fixed))
        ]
    )


def gain_summary(analysis: Mrmc, *, readers: int, cases: int) -> pd.DataFrame:
    """Return the mean AUC with minus without the network, for random readers and for these.

    Args:
        analysis: As ``with_against_without`` returns it; with the network is its first modality.
        readers: Number of readers.
        cases: Number of cases that all of them have read both ways.

    Returns:
        Columns holds_for, readers, cases, difference, low, high, standard_error, auc_with, auc_without, test (F or
        chi-square), statistic, df1, df2 (inf with fixed readers), p.
    """
    means = {"auc_with": analysis.means_random[0].value, "auc_without": analysis.means_random[1].value}
    tests = (
        (ALL_LIKE_THESE, "F", analysis.random_readers),
        (THESE_READERS, "chi-square", analysis.fixed_readers),
    )
    return pd.DataFrame(
        [
            _row(holds_for, readers, cases, test.estimate, test)
            | means
            | {"test": name, "statistic": test.statistic, "df1": test.df1, "df2": test.df2, "p": test.p}
            for holds_for, name, test in tests
        ]
    )


def _row(holds_for: str, readers: int, cases: int, difference: float, found: Mean | Difference) -> dict[str, object]:
    ends = {"low": found.interval.low, "high": found.interval.high, "standard_error": found.standard_error}
    return {"holds_for": holds_for, "readers": readers, "cases": cases, "difference": difference, **ends}
