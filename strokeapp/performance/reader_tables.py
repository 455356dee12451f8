"""Lay out the results of a reader study for one finding: one table per question a reader of the page may have.

Answers: one row per reader, case and way of reading (columns reader, case, aided, confidence, truth, seconds).
Network: one row per case (columns case, probability, threshold, truth). Cases of unknown truth are left out by all
tables but agreement, which needs none.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from strokeapp.errors import PerformanceError
from strokeapp.performance.agreement import Kappa, Weights, cohen_kappa, fleiss_kappa
from strokeapp.performance.curves import auc
from strokeapp.performance.delong import AucComparison, delong_interval
from strokeapp.performance.intervals import UNDEFINED
from strokeapp.performance.mrmc import Mean, Mrmc, auc_estimates, obuchowski_rockette, readers_against_network
from strokeapp.performance.readers import (
    CATEGORIES,
    Proportion,
    ReaderFigures,
    against_network,
    enough_cases,
    gain,
    judge_reader,
    proportion,
    timing,
)
from strokeapp.performance.threshold import confusion


def reader_table(answers: pd.DataFrame, *, positive_from: int) -> pd.DataFrame:
    """Judge each reader in each way of reading.

    Args:
        answers: See above, of one finding.
        positive_from: Lowest confidence that counts as a call.

    Returns:
        One row per reader and way: reader, aided, cases, each measure with ``_low`` and ``_high``, seconds (quartiles).
    """
    rows = []
    for (reader, aided), part in _known(answers).groupby(["reader", "aided"], sort=False):
        figures = judge_reader(part["truth"], part["confidence"], positive_from=positive_from)
        rows.append({"reader": reader, "aided": bool(aided), "cases": len(part)} | _figures(figures) | _times(part))
    return pd.DataFrame(rows)


def network_row(network: pd.DataFrame) -> dict[str, float]:
    """Judge the network at its operating point on the cases it has read and whose truth is known."""
    part = _known(network).dropna(subset="probability")
    labels, calls = part["truth"].to_numpy(), (part["probability"] >= part["threshold"]).to_numpy().astype(float)
    counts = confusion(labels, calls, 1.0)
    both = counts.tp + counts.fn > 0 and counts.tn + counts.fp > 0
    figures = ReaderFigures(
        counts,
        proportion(counts.tp, counts.tp + counts.fn),
        proportion(counts.tn, counts.tn + counts.fp),
        proportion(counts.tp + counts.tn, counts.total),
        auc(labels, part["probability"]) if both else float("nan"),
        delong_interval(labels, part["probability"]) if enough_cases(labels) else UNDEFINED,
    )
    return {"cases": len(part)} | _figures(figures)


def against_network_table(answers: pd.DataFrame, network: pd.DataFrame, *, positive_from: int) -> pd.DataFrame:
    """Compare each reader's unaided reading with the network on the cases that both have read."""
    rows = []
    for reader, part in _with_network(answers, network).groupby("reader", sort=False):
        result = against_network(
            part["truth"], part["confidence"], part["probability"],
            threshold=part["threshold"], positive_from=positive_from,
        )  # fmt: skip
        areas, calls = result.areas, result.calls
        rows.append(
            {
                "reader": reader,
                "cases": result.cases,
                "auc_reader": areas.auc_a if areas else np.nan,
                "auc_network": areas.auc_b if areas else np.nan,
                "auc_difference": areas.difference if areas else np.nan,
                "delong_p": _p(areas),
                "only_reader_right": calls.only_first,
                "only_network_right": calls.only_second,
                "mcnemar_exact_p": calls.exact_p,
                "mcnemar_mid_p": calls.mid_p,
            }
        )
    return pd.DataFrame(rows)


def kappa_table(answers: pd.DataFrame, *, positive_from: int) -> pd.DataFrame:
    """Compute Cohen's kappa of each pair of readers, unaided: of the calls, and of the confidences (quadratic)."""
    wide = _wide(answers[~answers["aided"]])
    rows = []
    for first, second in combinations(wide.columns, 2):
        pair = wide[[first, second]].dropna().to_numpy().astype(int)
        if not len(pair):
            continue
        calls = (pair >= positive_from).astype(int)
        of_calls = cohen_kappa(calls[:, 0], calls[:, 1], categories=(0, 1))
        graded = cohen_kappa(pair[:, 0], pair[:, 1], categories=CATEGORIES, weights=Weights.QUADRATIC)
        row = {"first": first, "second": second, "cases": len(pair)}
        rows.append(row | _kappa("calls", of_calls) | _kappa("confidences", graded))
    return pd.DataFrame(rows)


def fleiss_of_calls(answers: pd.DataFrame, *, positive_from: int) -> tuple[Kappa, int] | None:
    """Compute Fleiss' kappa of the unaided calls and the number of cases all have read; None with fewer than two."""
    wide = _wide(answers[~answers["aided"]]).dropna()
    if wide.shape[1] < 2 or not len(wide):
        return None
    calls = (wide.to_numpy() >= positive_from).astype(int)
    return fleiss_kappa(calls, categories=(0, 1)), len(wide)


def gain_table(answers: pd.DataFrame, *, positive_from: int) -> pd.DataFrame:
    """Compare each reader with and without the network on the cases read both ways."""
    rows = []
    for reader, part in _known(answers).groupby("reader", sort=False):
        both = part.pivot(index="case", columns="aided", values=["confidence", "truth", "seconds"]).dropna()
        if not len(both) or both["confidence"].shape[1] < 2:
            continue
        without, aided = both["confidence"][False], both["confidence"][True]
        result = gain(both["truth"][False], without, aided, positive_from=positive_from)
        areas = result.areas
        rows.append(
            {"reader": reader, "cases": result.cases}
            | _share("accuracy_without", result.accuracy_without)
            | _share("accuracy_with", result.accuracy_with)
            | {
                "mcnemar_exact_p": result.calls.exact_p,
                "mcnemar_mid_p": result.calls.mid_p,
                "auc_without": areas.auc_b if areas else np.nan,
                "auc_with": areas.auc_a if areas else np.nan,
                "delong_p": _p(areas),
                "seconds_without": float(both["seconds"][False].median()),
                "seconds_with": float(both["seconds"][True].median()),
            }
        )
    return pd.DataFrame(rows)


def with_against_without(answers: pd.DataFrame) -> tuple[Mrmc, int, int]:
    """Analyze with (first modality) against without the network over readers and cases, on AUC.

    Returns:
        The analysis, the number of readers and of cases: readers who have begun the reading with the network, and
        the cases that all of them have read both ways.

    Raises:
        PerformanceError: Fewer than two such readers, or fewer than two cases with or without the finding.
    """
    known = _known(answers)
    readers = [name for name, part in known.groupby("reader", sort=False) if part["aided"].nunique() == 2]
    if len(readers) < 2:
        raise PerformanceError("This analysis needs two readers who have read with and without the network.")
    known = known[known["reader"].isin(readers)]
    wide = known.pivot(index="case", columns=["aided", "reader"], values="confidence").dropna()
    if not len(wide):
        raise PerformanceError("There is no case yet that all readers have read both ways.")
    labels = known.drop_duplicates("case").set_index("case")["truth"].loc[wide.index]
    _check_enough(labels)
    scores = np.stack([np.stack([wide[(aided, name)].to_numpy() for name in readers]) for aided in (True, False)])
    return obuchowski_rockette(auc_estimates(labels, scores)), len(readers), len(wide)


def readers_against_network_means(answers: pd.DataFrame, network: pd.DataFrame) -> tuple[Mean, Mean, int, int]:
    """Compare the mean AUC of the readers, unaided, with the network's.

    Returns:
        Reader minus network for random readers and for these readers, the number of readers and of cases.

    Raises:
        PerformanceError: Fewer than two readers, no common case, or fewer than two cases with or without the finding.
    """
    joined = _with_network(answers, network)
    wide = joined.pivot(index="case", columns="reader", values="confidence").dropna()
    if wide.shape[1] < 2 or not len(wide):
        raise PerformanceError("This analysis needs two readers and cases that they and the network have read.")
    rows = joined.drop_duplicates("case").set_index("case").loc[wide.index]
    _check_enough(rows["truth"])
    found = [
        readers_against_network(rows["truth"], wide.to_numpy().T, rows["probability"], fixed=fixed)
        for fixed in (False, True)
    ]
    return found[0], found[1], wide.shape[1], len(wide)


def _check_enough(labels: pd.Series) -> None:
    if not enough_cases(labels):
        message = "This analysis needs at least two cases with and two without the finding that all have read."
        raise PerformanceError(message, code="too_few_cases")


def _p(areas: AucComparison | None) -> float:
    return float("nan") if areas is None else areas.p


def _known(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["truth"].notna()]


def _with_network(answers: pd.DataFrame, network: pd.DataFrame) -> pd.DataFrame:
    read = network.dropna(subset="probability")[["case", "probability", "threshold"]]
    unaided = _known(answers[~answers["aided"]])
    return unaided.merge(read, on="case", how="inner")


def _wide(answers: pd.DataFrame) -> pd.DataFrame:
    return answers.pivot(index="case", columns="reader", values="confidence")


def _figures(figures: ReaderFigures) -> dict[str, float]:
    low, high = figures.auc_interval
    return (
        _share("sensitivity", figures.sensitivity)
        | _share("specificity", figures.specificity)
        | _share("accuracy", figures.accuracy)
        | {"auc": figures.auc, "auc_low": low, "auc_high": high}
    )


def _share(name: str, share: Proportion) -> dict[str, float]:
    return {name: share.value, f"{name}_low": share.interval.low, f"{name}_high": share.interval.high}


def _kappa(name: str, kappa: Kappa) -> dict[str, float]:
    return {name: kappa.value, f"{name}_low": kappa.interval.low, f"{name}_high": kappa.interval.high}


def _times(part: pd.DataFrame) -> dict[str, float]:
    times = timing(part["seconds"])
    return {"seconds": times.median, "seconds_lower": times.lower, "seconds_upper": times.upper}
