"""Draw what a network is worth in use: predictive values, decision curve, and another network beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from strokeapp.errors import PerformanceError
from strokeapp.performance import figure_tables as numbers
from strokeapp.performance.comparison import Comparison, compare
from strokeapp.performance.prevalence import PredictiveValues, predictive_values
from strokeapp.performance.threshold import Confusion
from strokeapp.ui import performance_data as data
from strokeapp.ui.charts import number, p_value
from strokeapp.ui.exhibits import HALF, Exhibits
from strokeapp.ui.performance_data import PER_PATIENT, Choice, Network, Source
from strokeapp.ui.performance_figures import show_confusion

DEFAULT_PREVALENCE = 10.0
OUT_OF = 1000


def show_use(exhibits: Exhibits, choice: Choice, counts: Confusion, threshold: float) -> None:
    """Show the confusion matrix beside PPV and NPV at a chosen prevalence.

    Args:
        exhibits: Of the page.
        choice: What is chosen.
        counts: Confusion matrix of the selection at the threshold.
        threshold: In use.
    """
    exhibits.section("In use")
    left, right = st.columns(2, gap="medium")
    show_confusion(exhibits, left, choice, counts, threshold)
    percent = right.slider(
        "Prevalence where it would be used (%)", 0.1, 99.9, DEFAULT_PREVALENCE, step=0.1, format="%.1f",
        key="performance_prevalence",
    )  # fmt: skip
    values = predictive_values(counts.recall, counts.specificity, percent / 100)
    for column, label, value in zip(right.columns(2), ("PPV", "NPV"), values, strict=True):
        column.metric(label, number(value, digits=3), border=True)
    exhibits.table(
        right, "in-use", f"Of {OUT_OF:,} at a prevalence of {percent:.1f} %",
        _shares_shown(_shares(counts, percent / 100), values),
        _use_numbers(counts, percent / 100, threshold, values), width=HALF,
        note="Sensitivity and specificity as above, carried over to this prevalence by Bayes' theorem.",
    )  # fmt: skip


def _shares(counts: Confusion, prevalence: float) -> dict[str, float]:
    """Return what shares of those examined would be flagged and missed."""
    return {
        "Flagged, with the finding": prevalence * counts.recall,
        "Flagged, without": (1 - prevalence) * (1 - counts.specificity),
        "Missed": prevalence * (1 - counts.recall),
        "Rightly not flagged": (1 - prevalence) * counts.specificity,
    }


def _shares_shown(shares: dict[str, float], values: PredictiveValues) -> pd.DataFrame:
    counted = {name: number(OUT_OF * share, digits=0) for name, share in shares.items()}
    worth = {"PPV": number(values.positive, digits=3), "NPV": number(values.negative, digits=3)}
    rows = [(name, value, "") for name, value in counted.items()]
    rows[0], rows[3] = (*rows[0][:2], f"PPV {worth['PPV']}"), (*rows[3][:2], f"NPV {worth['NPV']}")
    return pd.DataFrame(rows, columns=["Called", "Number", "Worth"])


def _use_numbers(counts: Confusion, prevalence: float, threshold: float, values: PredictiveValues) -> pd.DataFrame:
    row = {"threshold": threshold, "sensitivity": counts.recall, "specificity": counts.specificity}
    return pd.DataFrame([row | {"prevalence": prevalence, "ppv": values.positive, "npv": values.negative}])


def show_comparison(
    exhibits: Exhibits,
    networks: Sequence[Network],
    network: Network,
    source: Source,
    choice: Choice,
    threshold: float,
) -> None:
    """Compare with another network on the cases both judged; with none the page says nothing.

    Args:
        exhibits: Of the page.
        networks: Installed ones and earlier versions; of those that look for the finding, those of the same name come
            first.
        network: The one on the page.
        source: Its predictions.
        choice: What is chosen.
        threshold: Of the one on the page; the other is taken at its stored one.
    """
    others = [other for other in networks if other is not network]
    if not others:
        return
    others.sort(
        key=lambda other: (choice.finding.value not in other.raw.get("findings", {}), other.name != network.name)
    )
    exhibits.section("Beside another network")
    names = [f"{other.title} · {other.version}" for other in others]
    picked = st.selectbox(
        "Compare with", range(len(others)), format_func=names.__getitem__, key=f"performance_rival_{network.name}"
    )
    try:
        found = _compared(others[picked], source, choice, threshold)
    except PerformanceError as error:
        st.info(error.user_message)
        return
    note = (
        "Difference: the network on this page less the other, which is taken at its stored operating point. Where a "
        "patient has several images, the tests count patients (DeLong in clusters, Obuchowski 1997; McNemar in "
        "clusters, Obuchowski 1998)."
    )
    exhibits.table(
        st, "comparison", f"Beside {names[picked]}, on {found.cases:,} common cases", _tests_shown(found),
        numbers.comparison_table(found), note=note,
    )  # fmt: skip
    exhibits.table(st, "comparison-calls", "Calls of the two", _calls_shown(found), _calls_numbers(found), width=HALF)


def _compared(other: Network, source: Source, choice: Choice, threshold: float) -> Comparison:
    rival, pooled = data.source_of(other), choice.unit == PER_PATIENT
    if choice.finding not in data.findings_of(rival):
        raise PerformanceError(f"{other.title} does not look for this finding, so there is nothing to compare.")
    points = data.operating_points_of(other, rival, choice.finding, unit=choice.unit)
    everyone = replace(choice, subgroup=data.ALL)
    tables = (data.rows_of(source, choice, pooled=pooled), data.rows_of(rival, everyone, pooled=pooled))
    thresholds = (threshold, next(iter(points.values())))
    return compare(*tables, choice.finding, thresholds, presumed=choice.presumed)


def _tests_shown(found: Comparison) -> pd.DataFrame:
    names = {"auc": "AUC", "share of right calls": "Share of right calls"}
    rows = [
        {
            "Measure": names[row["measure"]],
            "This network": number(row["first"], digits=3),
            "The other": number(row["second"], digits=3),
            "Difference": f"{row['difference']:+.3f}",
            "p": p_value(row["p"]),
            "Test": row["test"],
        }
        for row in numbers.comparison_table(found).to_dict("records")
    ]
    return pd.DataFrame(rows)


def _calls_numbers(found: Comparison) -> pd.DataFrame:
    calls = found.calls
    rows = [("right", calls.both_right, calls.only_first), ("wrong", calls.only_second, calls.neither)]
    return pd.DataFrame(rows, columns=["this_network", "other_right", "other_wrong"])


def _calls_shown(found: Comparison) -> pd.DataFrame:
    names = {"this_network": "This network", "other_right": "The other right", "other_wrong": "The other wrong"}
    return _calls_numbers(found).rename(columns=names).replace({"right": "Right", "wrong": "Wrong"})
