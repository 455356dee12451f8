"""Draw what a network's scores say: headline figures, curves, calls, calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from strokeapp.performance import figure_tables as numbers
from strokeapp.performance.calibration import fit_temperature
from strokeapp.performance.calibration_change import Calibrated
from strokeapp.performance.decision import decision_curve
from strokeapp.performance.predictions import Sample
from strokeapp.performance.summary import ALL
from strokeapp.performance.threshold import Confusion
from strokeapp.ui import charts
from strokeapp.ui import performance_data as data
from strokeapp.ui.charts import number, with_interval
from strokeapp.ui.exhibits import HALF, Exhibit, Exhibits
from strokeapp.ui.performance_data import PER_IMAGE, Choice, Network, Source
from strokeapp.ui.performance_words import CLASS_NAMES, HEADLINES, measured


def show_headline(exhibits: Exhibits, figures: dict[str, float]) -> None:
    """Show the measures at the operating point as tiles.

    Args:
        exhibits: Of the page.
        figures: As ``performance_data.figures_of`` returns them.
    """
    for column, (name, (label, explanation)) in zip(st.columns(len(HEADLINES)), HEADLINES.items(), strict=True):
        low, high = figures[f"{name}_low"], figures[f"{name}_high"]
        interval = f"{low:.2f} – {high:.2f}" if np.isfinite(low) else "no interval"
        column.metric(
            label,
            number(figures[name]),
            interval if np.isfinite(figures[name]) else "not defined",
            delta_color="off",
            delta_arrow="off",
            help=explanation,
            border=True,
        )
    shown = pd.DataFrame({label: [measured(figures, name)] for name, (label, _) in HEADLINES.items()})
    table = numbers.measures_table(figures, tuple(HEADLINES))
    exhibits.remember(Exhibit("figures", "At this operating point", table, shown=shown))


def show_curves(exhibits: Exhibits, source: Source, choice: Choice, sample: Sample, counts: Confusion) -> None:
    """Show ROC and precision-recall curves with bands and operating point; with one class only say so."""
    left, right = st.columns(2, gap="medium")
    figures = data.ranking_of(source, choice)
    if not sample.two_classes:
        st.info("Curves and AUC need images with and without the finding; this selection has one kind only.")
        return
    roc, precision, band = data.curves_of(source, choice)
    exhibits.chart(
        left, "roc", "ROC curve", charts.roc_figure(roc, band=band, point=counts), numbers.roc_table(roc, band),
        detail=f"AUC {measured(figures, 'auc')}",
    )  # fmt: skip
    band = data.precision_band_of(source, choice)
    figure = charts.precision_recall_figure(precision, prevalence=float(sample.labels.mean()), band=band, point=counts)
    exhibits.chart(
        right, "precision-recall", "Precision and recall", figure, numbers.precision_recall_table(precision, band),
        detail=f"average precision {measured(figures, 'average_precision')}",
    )  # fmt: skip


def show_confusion(
    exhibits: Exhibits, place: DeltaGenerator, choice: Choice, counts: Confusion, threshold: float
) -> None:
    """Show the confusion matrix at the operating point."""
    name = CLASS_NAMES[choice.finding]
    names = {"positive": name, "negative": f"No {name.lower()}"}
    exhibits.chart(
        place, "confusion", "Confusion matrix", charts.confusion_figure(counts, **names),
        numbers.confusion_table(counts, **names), detail=f"flagged from {threshold:.3f} on",
    )  # fmt: skip


def show_spread(exhibits: Exhibits, sample: Sample, threshold: float) -> None:
    """Show how the scores of both classes spread, and what acting on them would bring."""
    left, right = st.columns(2, gap="medium")
    exhibits.chart(
        left, "histogram", "Probabilities by class", charts.histogram_figure(sample.labels, sample.scores, threshold),
        numbers.histogram_table(sample.labels, sample.scores),
    )  # fmt: skip
    curve = decision_curve(sample.labels, sample.scores)
    exhibits.chart(
        right, "decision", "Decision curve", charts.decision_figure(curve, threshold), numbers.decision_table(curve),
        detail="at this selection's prevalence",
    )  # fmt: skip


def show_calibration(exhibits: Exhibits, network: Network, source: Source, choice: Choice, sample: Sample) -> None:
    """Show what the calibration is worth: reliability and errors before and after."""
    exhibits.section("Calibration")
    before, after = data.calibration_of(source, choice)
    left, right = st.columns(2, gap="medium")
    curves = {} if before is None else {"before": before.curve}
    exhibits.chart(
        left, "reliability", "Reliability",
        charts.calibration_figure(after.curve, before=None if before is None else before.curve),
        numbers.reliability_table({**curves, "after": after.curve}),
        detail="bars: Wilson intervals, 95\N{NO-BREAK SPACE}%",
    )  # fmt: skip
    rows = {"after": after} if before is None else {"before": before, "after": after}
    exhibits.table(
        right, "calibration", "Error before and after calibration", _calibration_shown(rows),
        _calibration_numbers(rows), note=_calibration_note(network, source, choice, sample, before), width=HALF,
    )  # fmt: skip


def _calibration_shown(rows: dict[str, Calibrated]) -> pd.DataFrame:
    errors = [with_interval(found.error.value, *found.error.interval, digits=3) for found in rows.values()]
    briers = [f"{found.brier:.3f}" for found in rows.values()]
    names = [name.capitalize() for name in rows]
    return pd.DataFrame({"Calibration": names, "Expected calibration error": errors, "Brier score": briers})


def _calibration_numbers(rows: dict[str, Calibrated]) -> pd.DataFrame:
    values = [(name, found.error.value, *found.error.interval, found.brier) for name, found in rows.items()]
    return pd.DataFrame(values, columns=["calibration", "ece", "ece_low", "ece_high", "brier"])


def _calibration_note(
    network: Network, source: Source, choice: Choice, sample: Sample, before: Calibrated | None
) -> str:
    """Say how it was calibrated, how honest the figure is, and what would still mend it."""
    pooling, sentences = source.pooling(choice.finding), ["ECE: mean gap of predicted and observed over ten bins."]
    if before is not None and pooling is not None:
        image = choice.unit == PER_IMAGE
        heat, shift = (
            (pooling.temperature, pooling.shift) if image else (pooling.study_temperature, pooling.study_shift)
        )
        sentences.append(
            f"Logits were divided by the temperature {heat:.2f} and shifted by {shift:+.2f}.".replace("-", "−")
        )
    else:
        sentences.append("The card does not tell how the probabilities were calibrated, so only they are judged.")
    crossed = _cross_fitted(network, choice)
    if crossed:
        sentences.append(
            "That was fitted on these very images; fitted on the other folds the error after calibration is "
            f"{with_interval(*crossed, digits=3)}."
        )
    if sample.two_classes:
        best = fit_temperature(sample.labels, sample.scores)
        sentences.append(f"Best further temperature for this selection: {best:.2f} (1: none needed).")
    return " ".join(sentences)


def _cross_fitted(network: Network, choice: Choice) -> tuple[float, float, float] | None:
    """Return the card's error with a calibration fitted on other folds, where the selection is what it was made of."""
    if choice != Choice(choice.finding, ALL):
        return None
    record = network.raw.get("calibration", {}).get(choice.finding.value, {}).get("cross_fitted")
    if record is None:
        return None
    low, high = (float("nan") if record[end] is None else float(record[end]) for end in ("low", "high"))
    return float(record["ece"]), low, high
