"""Draw what a network is worth in use: predictive values, decision curve, mistakes, rivals, the literature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
import streamlit as st

from strokeapp.errors import PerformanceError
from strokeapp.performance.comparison import Comparison, compare
from strokeapp.performance.decision import decision_curve
from strokeapp.performance.gallery import worst_mistakes
from strokeapp.performance.literature import literature_table
from strokeapp.performance.predictions import Sample
from strokeapp.performance.prevalence import predictive_values
from strokeapp.performance.threshold import Confusion
from strokeapp.types import Finding
from strokeapp.ui import charts
from strokeapp.ui import performance_data as data
from strokeapp.ui.charts import number
from strokeapp.ui.performance_data import PER_PATIENT, Choice, Network, Source

DEFAULT_PREVALENCE = 10.0


def show_use(sample: Sample, counts: Confusion, threshold: float) -> None:
    """Show PPV and NPV at a chosen prevalence beside the decision curve.

    Args:
        sample: What is chosen on the page.
        counts: Its confusion matrix at the threshold.
        threshold: In use.
    """
    st.subheader("In use", anchor=False)
    left, right = st.columns([1, 1.6], gap="medium")
    percent = left.slider(
        "Prevalence where it would be used (%)", 0.1, 99.9, DEFAULT_PREVALENCE, step=0.1, key="performance_prevalence"
    )
    values = predictive_values(counts.recall, counts.specificity, percent / 100)
    for column, label, value in zip(left.columns(2), ("PPV", "NPV"), values, strict=True):
        column.metric(label, number(value, digits=3), border=True)
    left.caption("Sensitivity and specificity as above, carried over to this prevalence by Bayes' theorem.")
    right.markdown("**Decision curve** · net benefit at the prevalence of this selection")
    figure = charts.decision_figure(decision_curve(sample.labels, sample.scores), threshold)
    right.plotly_chart(figure, width="stretch", config=charts.CONFIG, alt="Decision curve")


def show_mistakes(rows: pd.DataFrame, finding: Finding, threshold: float) -> None:
    """List the images the network got most wrong.

    Args:
        rows: Images of the selection.
        finding: Which label and probability.
        threshold: In use on an image's probability.
    """
    st.subheader("Worst mistakes", anchor=False)
    worst = worst_mistakes(rows, finding, threshold)
    if worst.empty:
        st.caption("No image of this selection lies on the wrong side of the threshold.")
        return
    shown = worst[["kind", "path", "dataset", "probability", "presumed"]]
    st.dataframe(shown.rename(columns=str.capitalize), hide_index=True, width="stretch", height=240)
    st.caption(f"By image, threshold {threshold:.3f}. Presumed: nobody read it, so the label may be the mistake.")


def show_comparison(
    networks: Sequence[Network], network: Network, source: Source, choice: Choice, threshold: float
) -> None:
    """Compare with another installed network on the cases both judged; with none the page says nothing.

    Args:
        networks: Installed ones.
        network: The one on the page.
        source: Its predictions.
        choice: What is chosen.
        threshold: Of the one on the page; the other is taken at its stored one.
    """
    others = [other for other in networks if other is not network]
    if not others:
        return
    st.subheader("Beside another network", anchor=False)
    names = [other.title for other in others]
    picked = st.selectbox(
        "Compare with", range(len(others)), format_func=names.__getitem__, key=f"performance_rival_{network.name}"
    )
    try:
        found = _compared(others[picked], source, choice, threshold)
    except PerformanceError as error:
        st.info(error.user_message)
        return
    _comparison_table(found)
    st.caption(
        "Difference: the network on this page less the other. DeLong takes images as independent: with several per "
        "patient count by patient."
    )


def _compared(other: Network, source: Source, choice: Choice, threshold: float) -> Comparison:
    rival, pooled = data.source_of(other), choice.unit == PER_PATIENT
    if choice.finding not in data.findings_of(rival):
        raise PerformanceError(f"{other.title} does not look for this finding, so there is nothing to compare.")
    points = data.operating_points_of(other, rival, choice.finding, unit=choice.unit)
    everyone = Choice(**asdict(choice) | {"subgroup": data.ALL})
    tables = (data.rows_of(source, choice, pooled=pooled), data.rows_of(rival, everyone, pooled=pooled))
    return compare(*tables, choice.finding, (threshold, next(iter(points.values()))))


def _comparison_table(found: Comparison) -> None:
    areas, calls = found.areas, found.calls
    rows = [("Share of right calls", calls.difference, calls.mid_p, "McNemar, mid-p")]
    if areas is not None:
        rows.insert(0, ("AUC", areas.difference, areas.p, "DeLong"))
    shown = [(what, f"{gap:+.3f}", f"{p:.3f}" if p >= 0.001 else "< 0.001", test) for what, gap, p, test in rows]
    table = pd.DataFrame(shown, columns=["Measure", "Difference", "p", "Test"]).assign(Cases=f"{found.cases:,}")
    st.table(table, border="horizontal", hide_index=True)


def show_literature() -> None:
    """Show what studies of others report."""
    st.subheader("Beside the literature", anchor=False)
    st.table(literature_table().rename(columns=str.capitalize), border="horizontal", hide_index=True)
    st.caption("Measured on other images: for orientation only.")
