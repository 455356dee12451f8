"""Draw the widgets by which a reader of the performance page chooses network, images and operating point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from strokeapp.errors import PerformanceError
from strokeapp.performance.summary import ALL
from strokeapp.types import Finding
from strokeapp.ui import performance_data as data
from strokeapp.ui.performance_data import PER_IMAGE, PER_PATIENT, Choice, Network, Source
from strokeapp.ui.performance_words import POINT_NAMES, POINT_ORDER, dataset_name, group_name

INCLUDED, LEFT_OUT = "Included", "Left out"
STEP = 0.001
LIST_WIDTH = 220
"""Of a list to choose from, in pixels."""


def choose_data(network: Network, source: Source) -> Choice:
    """Choose finding, dataset, unit, labels and subgroup.

    Raises:
        PerformanceError: No image has both a known label and a probability.
    """
    findings = data.findings_of(source)
    if not findings:
        raise PerformanceError("The stored predictions hold no image whose label is known and that has a probability.")
    row = st.container(horizontal=True, gap="medium")  # breaks where the page is narrow; columns would clip
    key = f"performance_finding_{network.name}"
    finding = row.segmented_control(
        "Finding", findings, format_func=str.capitalize, default=findings[0], required=True, key=key
    )
    options = (ALL, *data.datasets_of(source, finding))
    dataset = row.selectbox(
        "Dataset", options, format_func=dataset_name, key=f"{key}_{finding}_dataset", width=LIST_WIDTH
    )
    unit = row.segmented_control(
        "Count by",
        (PER_IMAGE, PER_PATIENT),
        format_func=str.capitalize,
        default=PER_IMAGE,
        required=True,
        key="performance_unit",
        help="Patient: all images of a patient are judged together, as in a reading of a whole study.",
    )
    presumed = row.segmented_control(
        "Presumed labels",
        (INCLUDED, LEFT_OUT),
        default=INCLUDED,
        required=True,
        key="performance_presumed",
        help="Presumed: nobody read the image for this finding; its absence follows from how the set was collected.",
    )
    subgroup = _choose_subgroup(row, source, Finding(finding), dataset, unit)
    return Choice(Finding(finding), dataset, unit, presumed == INCLUDED, subgroup)


def _choose_subgroup(place: DeltaGenerator, source: Source, finding: Finding, dataset: str, unit: str) -> str:
    """Choose a subgroup; where the table tells none apart there is no widget."""
    groups = data.subgroups_in(source, finding, dataset, unit)
    if not groups:
        return ALL
    return place.selectbox(
        "Subgroup",
        (ALL, *groups),
        format_func=group_name,
        width=LIST_WIDTH,
        key=f"performance_subgroup_{Path(source.path).parent.name}_{finding}_{dataset}_{unit}",
        help="Groups by subtype or lesion size hold these positives and the negatives of the same datasets.",
    )


def choose_threshold(network: Network, source: Source, choice: Choice) -> float:
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
