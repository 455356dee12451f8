"""Draw what abstaining is worth: error against coverage, and what is stopped of inputs unlike the training data."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from strokeapp.performance.abstaining import RULES, held_out_note, read_coverage, unlike_note
from strokeapp.ui import charts
from strokeapp.ui.charts import number
from strokeapp.ui.exhibits import HALF, Exhibits
from strokeapp.ui.performance_data import Choice, Network

ERRORS_NOTE = (
    "Out of fold, by image, whatever else is chosen above. Images are left out by distance from the training slices, "
    "by the probability that the call is right, or first those beyond the distance at which the application stops an "
    "image and then by that probability. Recall and specificity at each coverage are in the CSV: what is left out by "
    "confidence is mostly what is hard to see."
)


def show_abstaining(exhibits: Exhibits, network: Network, choice: Choice) -> None:
    """Show error against coverage and the share stopped per kind of unlike input; nothing where it is not measured.

    Args:
        exhibits: Of the page.
        network: On the page.
        choice: Of which the finding counts.

    Raises:
        PerformanceError: What was measured is damaged.
    """
    content = read_coverage(network.folder)
    if content is None:
        return
    exhibits.section("Abstaining")
    left, right = st.columns(2, gap="medium")
    errors = pd.DataFrame(content["errors"])
    errors = errors[errors["finding"] == choice.finding.value]
    if len(errors):
        figure = charts.coverage_figure(errors.assign(rule=errors["rule"].map(RULES)))
        detail = f"{errors['images'].max():,} images of {errors['patients'].max():,} patients"
        exhibits.chart(
            left, "coverage", "Error against coverage", figure, errors, detail=detail, note=ERRORS_NOTE,
        )  # fmt: skip
    unlike = pd.DataFrame(content["unlike"])
    exhibits.table(
        right, "unlike", "Share stopped, by kind of input", unlike_shown(unlike), unlike,
        note=f"{unlike_note(content)} {held_out_note(content)}", width=HALF,
    )  # fmt: skip


def unlike_shown(unlike: pd.DataFrame) -> pd.DataFrame:
    """Return the table of kinds as it is to be read."""
    named = {"familiarity": "Unfamiliar", "flags": "Suitability", "either": "Either"}
    counted = {"Input": unlike["kind"].str[0].str.upper() + unlike["kind"].str[1:], "Images": unlike["images"]}
    return pd.DataFrame(counted | {title: unlike[name].map(number) for name, title in named.items()})
