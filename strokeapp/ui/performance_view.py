"""Draw the performance page: choose a network, see how far its readings can be trusted, take it all with you."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from strokeapp.errors import PerformanceError
from strokeapp.performance.predictions import Sample, known_rows
from strokeapp.performance.threshold import confusion
from strokeapp.ui import performance_data as data
from strokeapp.ui import performance_evidence as evidence
from strokeapp.ui import performance_figures as figures
from strokeapp.ui import performance_tables as tables
from strokeapp.ui.downloads import csv_archive, file_stem
from strokeapp.ui.exhibits import Exhibits
from strokeapp.ui.network_choice import choose_network
from strokeapp.ui.performance_abstaining import show_abstaining
from strokeapp.ui.performance_choice import choose_data, choose_threshold
from strokeapp.ui.performance_data import PER_IMAGE, PER_PATIENT, Choice, Network, Source
from strokeapp.ui.performance_gallery import show_mistakes
from strokeapp.ui.performance_words import dataset_name, group_name
from strokeapp.ui.report import Report

TIED_TO_SOURCE = (
    "With and without the finding come from different datasets here, so a network that merely tells the datasets "
    "apart would look good. Trust these figures less than those within one dataset."
)


def show_performance(networks: Sequence[Network], earlier: Sequence[Network] = ()) -> None:
    """Draw the whole page.

    Args:
        networks: Installed ones; with none the page says so.
        earlier: Versions that are installed no more, to be compared with.
    """
    heading, downloads = st.columns([3, 2], vertical_alignment="bottom")
    heading.title("Performance", anchor=False)
    if not networks:
        st.info("No network is installed yet, so there is nothing to measure. Install one with its predictions.")
        return
    network = choose_network(networks, key="performance_network")
    try:
        _show_network([*earlier, *networks], network, downloads)
    except PerformanceError as error:
        st.error(error.user_message)


def _show_network(compared: Sequence[Network], network: Network, downloads: DeltaGenerator) -> None:
    source = data.source_of(network)
    choice = choose_data(network, source)
    threshold = choose_threshold(network, source, choice)
    sample = data.sample_of(source, choice)
    summary, warnings = _summary(source, choice, sample), _warnings(source, choice, sample)
    st.caption(summary)
    for text in warnings:
        st.warning(text, icon=":material/warning:")
    if not sample.labels.size:
        st.info(
            "Nothing is known of this finding in this selection. Choose another dataset or include presumed labels."
        )
        return
    exhibits = Exhibits(_stem(network, choice))
    _show_evidence(exhibits, compared, network, source, choice, threshold)
    title = f"Performance of {network.title}"
    facts = _facts(network, choice, sample, threshold)
    report = Report(title, facts, summary, warnings, tuple(exhibits.items), datetime.now().astimezone())
    _offer_page(downloads, report, exhibits)


def _show_evidence(
    exhibits: Exhibits,
    compared: Sequence[Network],
    network: Network,
    source: Source,
    choice: Choice,
    threshold: float,
) -> None:
    sample = data.sample_of(source, choice)
    counts = confusion(sample.labels, sample.scores, threshold)
    figures.show_headline(exhibits, data.figures_of(source, choice, threshold))
    evidence.show_use(exhibits, choice, counts, threshold)
    figures.show_curves(exhibits, source, choice, sample, counts)
    figures.show_spread(exhibits, sample, threshold)
    figures.show_calibration(exhibits, network, source, choice, sample)
    tables.show_datasets(exhibits, source, choice, threshold)
    tables.show_subgroups(exhibits, source, choice, threshold)
    per_image = threshold if choice.unit == PER_IMAGE else data.stored_threshold(network, source, choice.finding)
    tables.show_lesions(exhibits, source, choice, per_image)
    show_mistakes(exhibits, network, _judged(source, choice), choice.finding, per_image)
    show_abstaining(exhibits, network, choice)
    evidence.show_comparison(exhibits, compared, network, source, choice, threshold)
    tables.show_goals(exhibits, network)
    tables.show_paper(exhibits, network, source)
    tables.show_literature(exhibits)


def _stem(network: Network, choice: Choice) -> str:
    group = "" if choice.subgroup == data.ALL else choice.subgroup
    labels = "" if choice.presumed else "without_presumed"
    return file_stem(
        network.name, network.version, choice.finding.value, choice.dataset, f"by_{choice.unit}", group, labels
    )


def _facts(network: Network, choice: Choice, sample: Sample, threshold: float) -> tuple[tuple[str, str], ...]:
    """Return what a printed page must say of itself."""
    weights = network.raw.get("weights", {}).get("sha256", "not stated on the card")
    unit = "image (one slice)" if choice.unit == PER_IMAGE else "patient (all images judged together)"
    labels = "presumed labels included" if choice.presumed else "presumed labels left out"
    counted = f"{sample.labels.size:,} {choice.unit}s of {sample.patient_count:,} patients"
    return (
        ("Network", f"{network.title} ({network.name}), version {network.version}"),
        ("Weights, SHA-256", weights),
        ("Finding", choice.finding.value),
        ("Counted by", unit),
        ("Selection", f"{dataset_name(choice.dataset)}; {group_name(choice.subgroup).lower()}; {labels}"),
        ("Numbers", f"n = {counted}; {int(sample.labels.sum()):,} with the finding"),
        ("Operating point", f"flagged from probability {threshold:.4f} on"),
    )


def _offer_page(place: DeltaGenerator, report: Report, exhibits: Exhibits) -> None:
    """Offer the page as one document, and its numbers as one archive; both are made when asked for."""
    archive = {f"{exhibits.stem}-{exhibit.name}": exhibit.numbers for exhibit in exhibits.items}
    quiet = {"on_click": "ignore", "icon": ":material/download:"}
    with place.container(horizontal=True, horizontal_alignment="right"):
        st.download_button(
            "Page (PDF)", partial(_pdf, report), f"{exhibits.stem}.pdf", "application/pdf",
            key="download_page", help="All figures and tables of this page, as they stand now, on A4", **quiet,
        )  # fmt: skip
        st.download_button(
            "Numbers (ZIP)", partial(csv_archive, archive), f"{exhibits.stem}-numbers.zip", "application/zip",
            key="download_numbers", help="One CSV per figure and table; no image, path or patient is in them", **quiet,
        )  # fmt: skip


def _pdf(report: Report) -> bytes:
    from strokeapp.ui.performance_pdf import performance_pdf  # Matplotlib takes a while to import

    return performance_pdf(report)


def _summary(source: Source, choice: Choice, sample: Sample) -> str:
    """Say what the figures are computed from."""
    rows = _judged(source, choice)
    positives, folds = int(sample.labels.sum()), rows["fold"].nunique()
    split = f"{folds} folds split by patient" if folds > 1 else "one held-back fold"
    counted = f"{sample.labels.size:,} images of {sample.patient_count:,} patients"
    if choice.unit == PER_PATIENT:
        how = "as a reading judges a study" if source.pooling(choice.finding) else "by the highest of their images"
        counted = f"{sample.labels.size:,} patients, each judged {how}"
    presumed = int(((rows["presumed"] == choice.finding.value) & (rows[choice.finding.value] == 0)).sum())
    unread = f" {presumed:,} images without the finding are presumed so: nobody read them for it." if presumed else ""
    return (
        f"Computed from stored out-of-fold predictions: {counted}, {positives:,} with the finding; {split}, so that "
        "each was judged by a network that had not seen the patient. Intervals: 95 %, bootstrap over patients." + unread
    )


def _warnings(source: Source, choice: Choice, sample: Sample) -> tuple[str, ...]:
    """Warn where the figures cannot be read at face value."""
    mixed = _judged(source, choice).groupby("dataset")[choice.finding.value].nunique()
    return (TIED_TO_SOURCE,) if sample.two_classes and not (mixed > 1).any() else ()


def _judged(source: Source, choice: Choice) -> pd.DataFrame:
    rows = data.rows_of(source, choice)
    return rows[known_rows(rows, choice.finding, presumed=choice.presumed)]
