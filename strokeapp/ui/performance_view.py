"""Draw the performance page: choose a network, see how far its readings can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from strokeapp.errors import PerformanceError
from strokeapp.performance.calibration import brier, fit_temperature, reliability
from strokeapp.performance.decision import decision_curve
from strokeapp.performance.gallery import worst_mistakes
from strokeapp.performance.lesions import dice_table
from strokeapp.performance.literature import literature_table
from strokeapp.performance.paper import SOURCE
from strokeapp.performance.predictions import Sample, known_rows
from strokeapp.performance.subtypes import subtype_sensitivities
from strokeapp.performance.summary import ALL
from strokeapp.performance.threshold import Confusion, confusion
from strokeapp.types import Finding
from strokeapp.ui import charts
from strokeapp.ui import performance_data as data
from strokeapp.ui import performance_evidence as evidence
from strokeapp.ui.charts import number, with_interval
from strokeapp.ui.performance_data import PER_IMAGE, PER_PATIENT, Choice, Network, Source

CLASS_NAMES = {Finding.HEMORRHAGIC: "Hemorrhage", Finding.ISCHEMIC: "Infarct"}
HEADLINES = {
    "accuracy": ("Accuracy", "Share of calls that are right. Depends on how common the finding is."),
    "precision": ("Precision", "Share of flagged ones that have the finding. Depends on how common the finding is."),
    "recall": ("Recall", "Sensitivity: share of those with the finding that are flagged."),
    "specificity": ("Specificity", "Share of those without the finding that are not flagged."),
    "f1": ("F1", "Harmonic mean of precision and recall."),
    "auc": ("AUC", "Chance that one with the finding scores above one without. Independent of the threshold."),
}
POINT_NAMES = {
    "high_sensitivity": "High sensitivity",
    "balanced": "Balanced",
    "high_specificity": "High specificity",
    "in_use": "In use",
}
POINT_ORDER = ("in_use", "high_sensitivity", "balanced", "high_specificity")
INCLUDED, LEFT_OUT = "Included", "Left out"
STEP = 0.001
NO_BREAK_DASH = "\N{WORD JOINER}–\N{WORD JOINER}"


def show_performance(networks: Sequence[Network]) -> None:
    """Draw the whole page.

    Args:
        networks: Installed ones; with none the page says so.
    """
    st.title("Performance", anchor=False)
    if not networks:
        st.info("No network is installed yet, so there is nothing to measure. Install one with its predictions.")
        return
    network = _choose_network(networks)
    try:
        _show_network(networks, network)
    except PerformanceError as error:
        st.error(error.user_message)


def _show_network(networks: Sequence[Network], network: Network) -> None:
    source = data.source_of(network)
    choice = _choose_data(network, source)
    threshold = _choose_threshold(network, source, choice)
    sample = data.sample_of(source, choice)
    _caption(source, choice, sample)
    if not sample.labels.size:
        st.info(
            "Nothing is known of this finding in this selection. Choose another dataset or include presumed labels."
        )
        return
    counts = confusion(sample.labels, sample.scores, threshold)
    _headline(data.figures_of(source, choice, threshold))
    _curves(source, choice, sample, counts)
    _calls(choice, sample, counts, threshold)
    evidence.show_use(sample, counts, threshold)
    _by_dataset(source, choice, threshold)
    per_image = threshold if choice.unit == PER_IMAGE else _stored(network, source, choice.finding)
    _lesions(source, choice, per_image)
    evidence.show_mistakes(data.rows_of(source, choice), choice.finding, per_image)
    evidence.show_comparison(networks, network, source, choice, threshold)
    _paper(network, source)
    evidence.show_literature()
    _downloads(network, source, choice, sample, threshold)


def _choose_network(networks: Sequence[Network]) -> Network:
    """Choose among the installed networks; a single one needs no widget."""
    names = [f"{network.title} · {network.version}" for network in networks]
    if len(networks) == 1:
        st.markdown(f"**{names[0]}**")
        return networks[0]
    numbers = range(len(networks))
    chosen = st.radio("Network", numbers, format_func=names.__getitem__, horizontal=True, key="performance_network")
    return networks[chosen]


def _choose_data(network: Network, source: Source) -> Choice:
    findings = data.findings_of(source)
    if not findings:
        raise PerformanceError("The stored predictions hold no image whose label is known and that has a probability.")
    finding_column, dataset_column, unit_column, presumed_column = st.columns([1.2, 1.2, 1, 1.1], gap="medium")
    key = f"performance_finding_{network.name}"
    finding = finding_column.segmented_control(
        "Finding", findings, format_func=str.capitalize, default=findings[0], required=True, key=key
    )
    options = (ALL, *data.datasets_of(source, finding))
    dataset = dataset_column.selectbox("Dataset", options, format_func=_dataset_name, key=f"{key}_{finding}_dataset")
    unit = unit_column.segmented_control(
        "Count by",
        (PER_IMAGE, PER_PATIENT),
        format_func=str.capitalize,
        default=PER_IMAGE,
        required=True,
        key="performance_unit",
        help="Patient: all images of a patient are judged together, as in a reading of a whole study.",
    )
    presumed = presumed_column.segmented_control(
        "Presumed labels",
        (INCLUDED, LEFT_OUT),
        default=INCLUDED,
        required=True,
        key="performance_presumed",
        help="Presumed: nobody read the image for this finding; its absence follows from how the set was collected.",
    )
    subgroup = _choose_subgroup(source, Finding(finding), dataset, unit)
    return Choice(Finding(finding), dataset, unit, presumed == INCLUDED, subgroup)


def _choose_subgroup(source: Source, finding: Finding, dataset: str, unit: str) -> str:
    """Choose a subgroup; where the table tells none apart there is no widget."""
    groups = data.subgroups_in(source, finding, dataset, unit)
    if not groups:
        return ALL
    return st.selectbox(
        "Subgroup",
        (ALL, *groups),
        format_func=lambda name: "Everyone" if name == ALL else name,
        key=f"performance_subgroup_{Path(source.path).parent.name}_{finding}_{dataset}_{unit}",
        help="Groups by subtype or lesion size hold these positives and the negatives of the same datasets.",
    )


def _choose_threshold(network: Network, source: Source, choice: Choice) -> float:
    """Show the slider and one button per stored operating point; return the exact stored value where it is met."""
    points = data.operating_points_of(network, source, choice.finding, unit=choice.unit)
    key = f"performance_threshold_{network.name}_{network.version}_{choice.finding}_{choice.unit}"
    st.session_state.setdefault(key, _on_slider(next(iter(points.values()))))
    slider_column, button_column = st.columns([1, 1.1], vertical_alignment="bottom", gap="medium")
    value = slider_column.slider("Flag from this probability on", 0.0, 1.0, step=STEP, format="%.3f", key=key)
    names = sorted(points, key=lambda name: POINT_ORDER.index(name) if name in POINT_ORDER else len(POINT_ORDER))
    for column, name in zip(button_column.columns(len(names)), names, strict=True):
        column.button(
            POINT_NAMES.get(name, name.replace("_", " ").capitalize()),
            key=f"{key}_{name}",
            help=f"Stored operating point: {points[name]:.3f}",
            type="primary" if _on_slider(points[name]) == value else "secondary",
            on_click=_set_threshold,
            args=(key, points[name]),
            width="stretch",
        )
    return next((point for point in points.values() if _on_slider(point) == value), value)


def _on_slider(value: float) -> float:
    return float(np.clip(round(value / STEP) * STEP, 0.0, 1.0).round(3))


def _set_threshold(key: str, value: float) -> None:
    st.session_state[key] = _on_slider(value)


def _caption(source: Source, choice: Choice, sample: Sample) -> None:
    """Say what the figures are computed from, and warn where they cannot be read at face value."""
    rows = data.rows_of(source, choice)
    rows = rows[known_rows(rows, choice.finding, presumed=choice.presumed)]
    positives, folds = int(sample.labels.sum()), rows["fold"].nunique()
    split = f"{folds} folds split by patient" if folds > 1 else "one held-back fold"
    counted = f"{sample.labels.size:,} images of {sample.patient_count:,} patients"
    if choice.unit == PER_PATIENT:
        how = "as a reading judges a study" if source.pooling(choice.finding) else "by the highest of their images"
        counted = f"{sample.labels.size:,} patients, each judged {how}"
    presumed = int(((rows["presumed"] == choice.finding.value) & (rows[choice.finding.value] == 0)).sum())
    unread = f" {presumed:,} images without the finding are presumed so: nobody read them for it." if presumed else ""
    st.caption(
        f"Computed from stored out-of-fold predictions: {counted}, {positives:,} with the finding; {split}, so that "
        "each was judged by a network that had not seen the patient. Intervals: 95 %, bootstrap over patients." + unread
    )
    mixed = rows.groupby("dataset")[choice.finding.value].nunique()
    if sample.two_classes and not (mixed > 1).any():
        st.warning(
            "With and without the finding come from different datasets here, so a network that merely tells the "
            "datasets apart would look good. Trust these figures less than those within one dataset.",
            icon=":material/warning:",
        )


def _headline(figures: dict[str, float]) -> None:
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


def _curves(source: Source, choice: Choice, sample: Sample, counts: Confusion) -> None:
    left, right = st.columns(2, gap="medium")
    figures = data.ranking_of(source, choice)
    if not sample.two_classes:
        st.info("Curves and AUC need images with and without the finding; this selection has one kind only.")
        return
    roc, precision, band = data.curves_of(source, choice)
    left.markdown(f"**ROC curve** · AUC {_written(figures, 'auc')}")
    _chart(left, charts.roc_figure(roc, band=band, point=counts), "ROC curve with the operating point")
    right.markdown(f"**Precision and recall** · average precision {_written(figures, 'average_precision')}")
    prevalence = float(sample.labels.mean())
    figure = charts.precision_recall_figure(
        precision, prevalence=prevalence, band=data.precision_band_of(source, choice), point=counts
    )
    _chart(right, figure, "Precision-recall curve with the operating point")


def _calls(choice: Choice, sample: Sample, counts: Confusion, threshold: float) -> None:
    """Show the confusion matrix, the spread of the scores, and the calibration side by side."""
    left, middle, right = st.columns(3, gap="medium")
    left.markdown("**Confusion matrix**")
    name = CLASS_NAMES[choice.finding]
    figure = charts.confusion_figure(counts, positive=name, negative=f"No {name.lower()}")
    _chart(left, figure, "Confusion matrix")
    middle.markdown("**Probabilities by class**")
    _chart(middle, charts.histogram_figure(sample.labels, sample.scores, threshold), "Histogram of probabilities")
    curve = reliability(sample.labels, sample.scores)
    right.markdown(f"**Calibration** · error {curve.expected_error:.3f}, Brier {brier(*sample[:2]):.3f}")
    _chart(right, charts.calibration_figure(curve), "Calibration curve")
    if sample.two_classes:
        right.caption(f"Best temperature {fit_temperature(*sample[:2]):.2f} (1: none needed).")


def _by_dataset(source: Source, choice: Choice, threshold: float) -> None:
    st.subheader("By dataset", anchor=False)
    table = data.dataset_table(source, choice, threshold)
    shown = pd.DataFrame({"Dataset": table["dataset"].map(_dataset_name)})
    labels = {"images": choice.unit.capitalize() + "s", "patients": "Patients", "positives": "Positive"}
    for name, label in labels.items():
        if label not in shown:
            shown[label] = table[name]
    for name in ("auc", *(name for name in HEADLINES if name != "auc")):
        shown[HEADLINES[name][0]] = [_written(row, name) for row in table.to_dict("records")]
    _table(st, shown)
    st.caption("A dash: not defined. Where all or none have the finding, only sensitivity or specificity can be told.")


def _lesions(source: Source, choice: Choice, threshold: float) -> None:
    """Show what a finding has beyond its label: hemorrhage subtypes, and overlap with drawn lesions."""
    rows = data.rows_of(source, choice)
    if choice.finding is Finding.HEMORRHAGIC:
        subtypes = subtype_sensitivities(rows, threshold)
        if not subtypes.empty:
            st.subheader("Sensitivity by subtype", anchor=False)
            left, right = st.columns([1.1, 1], gap="medium")
            _chart(left, charts.subtype_figure(subtypes), "Sensitivity by hemorrhage subtype")
            _table(right, _subtype_table(subtypes))
            right.caption(f"Counted by image, flagged from {threshold:.3f} on. One with two subtypes counts for both.")
    dice = dice_table(rows[rows[choice.finding.value] == 1])
    if not dice.empty:
        st.subheader("Lesion maps", anchor=False)
        left, right = st.columns([1.1, 1], gap="medium")
        _chart(left, charts.dice_figure(rows[rows[choice.finding.value] == 1]), "Distribution of the Dice overlap")
        _table(right, _dice_shown(dice))
        right.caption("Counted by image. Dice 1: the lesion map is the lesion as drawn; 0: they do not touch.")


def _subtype_table(subtypes: pd.DataFrame) -> pd.DataFrame:
    rows = subtypes.to_dict("records")
    return pd.DataFrame(
        {
            "Subtype": subtypes["subtype"].str.capitalize(),
            "Flagged": [f"{row['flagged']:,} of {row['images']:,}" for row in rows],
            "Patients": subtypes["patients"],
            "Sensitivity": [_written(row, "recall") for row in rows],
        }
    )


def _dice_shown(dice: pd.DataFrame) -> pd.DataFrame:
    rows = dice.to_dict("records")
    return pd.DataFrame(
        {
            "Dataset": dice["dataset"],
            "Images": dice["images"],
            "Median (quartiles)": [with_interval(r["median"], r["lower_quartile"], r["upper_quartile"]) for r in rows],
            "Mean": [number(r["mean"]) for r in rows],
            "Dice 0": [f"{r['missed']:.0%}" for r in rows],
        }
    )


def _paper(network: Network, source: Source) -> None:
    st.subheader("Beside the paper", anchor=False)
    table = data.paper_of(source, _stored_thresholds(network, source))
    table = table[table["finding"].isin([finding.value for finding in data.findings_of(source)])]
    for column, (finding, part) in zip(st.columns(2, gap="medium"), table.groupby("finding"), strict=False):
        _table(column, _paper_shown(finding, part))
    st.caption(
        f"The paper's figures ({SOURCE}) are its own and were not measured on these images. Ours are by image, over "
        "all datasets, at the stored operating point. The columns stand beside each other for orientation; they do "
        "not show which is better."
    )


def _paper_shown(finding: str, part: pd.DataFrame) -> pd.DataFrame:
    rows = part.to_dict("records")
    return pd.DataFrame(
        {
            finding.capitalize(): [HEADLINES[row["measure"]][0] for row in rows],
            "Paper": [number(row["paper"]) for row in rows],
            "This network": [_written(row, "ours") for row in rows],
            "Without presumed": [_written(row, "read") for row in rows],
        }
    )


def _downloads(network: Network, source: Source, choice: Choice, sample: Sample, threshold: float) -> None:
    """Offer the numbers behind the figures, written when asked for; no image, path or patient is in them."""
    tables = {"figures": data.dataset_table(source, choice, threshold).assign(threshold=threshold)}
    if sample.two_classes:
        roc, precision, _ = data.curves_of(source, choice)
        tables["roc"] = _curve_table(roc, "false_positive_rate", "true_positive_rate")
        tables["precision_recall"] = _curve_table(precision, "recall", "precision")
    curve = reliability(sample.labels, sample.scores)
    tables["calibration"] = _curve_table(curve, "predicted", "observed", "low", "high", "counts")
    tables["decision"] = _curve_table(decision_curve(sample.labels, sample.scores), "network", "flag_all")
    tables["mistakes"] = worst_mistakes(
        data.rows_of(source, choice), choice.finding, _stored(network, source, choice.finding)
    ).drop(columns="path")
    tables["literature"] = literature_table()
    tables["paper"] = data.paper_of(source, _stored_thresholds(network, source))
    st.subheader("Download", anchor=False)
    stem = f"{network.name}-{network.version}-{choice.finding.value}-{choice.dataset}"
    with st.container(horizontal=True):
        for name, table in tables.items():
            st.download_button(
                name.replace("_", "-").capitalize() if name != "roc" else "ROC",
                partial(table.to_csv, index=False),
                file_name=f"{stem}-{name}.csv",
                mime="text/csv",
                on_click="ignore",
                icon=":material/download:",
                key=f"performance_download_{name}",
            )


def _curve_table(curve: object, *names: str) -> pd.DataFrame:
    columns = (*names, "thresholds") if hasattr(curve, "thresholds") else names
    return pd.DataFrame({name: getattr(curve, name) for name in columns})


def _stored_thresholds(network: Network, source: Source) -> tuple[tuple[str, float], ...]:
    return tuple((finding.value, _stored(network, source, finding)) for finding in data.findings_of(source))


def _stored(network: Network, source: Source, finding: Finding) -> float:
    """Return the stored threshold on an image's probability."""
    return next(iter(data.operating_points_of(network, source, finding).values()))


def _written(figures: dict[str, float], name: str) -> str:
    return with_interval(figures[name], figures[f"{name}_low"], figures[f"{name}_high"])


def _dataset_name(name: str) -> str:
    return "All datasets" if name == ALL else name


def _table(place: st.delta_generator.DeltaGenerator, shown: pd.DataFrame) -> None:
    """Draw a small static table; whole numbers get a thousands separator, intervals stand back in gray."""
    written = shown.map(lambda cell: f"{cell:,}" if isinstance(cell, int) else str(cell))
    written = written.replace(r" (\(.+\))$", r" :gray[\1]", regex=True)
    place.table(written.replace("–(?=.)", NO_BREAK_DASH, regex=True), border="horizontal", hide_index=True)


def _chart(place: st.delta_generator.DeltaGenerator, figure: object, alt: str) -> None:
    place.plotly_chart(figure, width="stretch", config=charts.CONFIG, alt=alt)
