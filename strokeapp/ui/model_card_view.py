"""Draw the model card page: what a network is for, what it learnt from, where it fails, and its methods section."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.models import card_text
from strokeapp.models.markdown import Table
from strokeapp.models.registry import Card
from strokeapp.ui import model_card_data as data
from strokeapp.ui.downloads import csv_bytes
from strokeapp.ui.exhibits import QUIET, written
from strokeapp.ui.network_choice import choose_network
from strokeapp.ui.pixels import picture, square_thumbnail

THUMBNAIL = 160
PER_ROW = 4
NOT_COMPLETE = (
    "This card was written without figures of its own. Complete it with `python -m model_training card {name}`."
)


def show_model_card(cards: Sequence[Card]) -> None:
    """Draw the whole page.

    Args:
        cards: Of the installed networks; with none the page says so.
    """
    st.title("Model card", anchor=False)
    if not cards:
        st.info("No network is installed yet, so there is no card to show.")
        return
    card = choose_network(cards, key="card_network")
    _downloads(card)
    use, evidence, failures, claim, methods = st.tabs(["Card", "Subgroups", "Failures", "CLAIM", "Methods"])
    with use:
        _use(card)
    with evidence:
        _evidence(card)
    with failures:
        _failures(card)
    with claim:
        _claim(card)
    with methods:
        _methods(card)


def _downloads(card: Card) -> None:
    stem = f"{card.name}-{card.version}"
    with st.container(horizontal=True):
        _download("Card, JSON", data.card_json(card), f"{stem}-card.json", "application/json")
        _download("Card, Markdown", data.card_text(card), f"{stem}-card.md", "text/markdown")


def _download(label: str, text: str, name: str, mime: str) -> None:
    st.download_button(label, text, file_name=name, mime=mime, on_click="ignore", icon=":material/download:")


def _use(card: Card) -> None:
    if "intended_use" in card.raw:
        st.subheader("Intended use", anchor=False)
        st.markdown(card_text.intended_use(card.raw))
    st.subheader("Limits", anchor=False)
    st.markdown("\n".join(f"- {text}" for text in card.raw.get("limits", ())) or "None are written down.")
    _heading("Sources", card, "sources")
    _table(card_text.sources_table(card.raw), "None are named.")
    st.subheader("Facts", anchor=False)
    _table(card_text.facts_table(card.raw))
    st.subheader("Operating points", anchor=False)
    _table(card_text.operating_points_table(card.raw))


def _evidence(card: Card) -> None:
    subgroups = card_text.subgroups_table(card.raw)
    if not subgroups:
        st.info(NOT_COMPLETE.format(name=card.name))
        return
    _heading("By subgroup", card, "subgroups")
    st.caption(
        "By image, out of fold, at the shipped balanced operating point, which was chosen on these same images; 95 % "
        "intervals by resampling patients. Subtypes and lesion sizes stand beside the images without the finding of "
        "the same sources. A dash: not defined."
    )
    _table(subgroups)
    st.subheader("Calibration", anchor=False)
    _table(card_text.calibration_table(card.raw))
    st.caption("ECE: expected calibration error, the mean gap between probability and observed share in ten bins.")
    own_source = card_text.own_source_table(card.raw)
    if own_source:
        st.subheader("Infarct against its healed self", anchor=False)
        _table(own_source)
    experiments = card_text.experiments_table(card.raw)
    if experiments:
        _heading("Experiments", card, "experiments")
        _table(experiments)


def _failures(card: Card) -> None:
    rows = card.raw.get("gallery")
    if rows is None:
        st.info(NOT_COMPLETE.format(name=card.name))
        return
    folder = data.image_folder()
    _heading("Worst mistakes", card, "gallery")
    st.caption(
        "The images that the network got most wrong out of fold, one per patient. "
        + ("" if folder else "The images are not part of the application; here they are named only. ")
        + "Presumed: nobody read the image for the finding, so the label may be what is wrong."
    )
    if folder is None:
        _table(card_text.gallery_table(card.raw), "No mistakes at the balanced operating point.")
        return
    for finding, kind in dict.fromkeys((row["finding"], row["kind"]) for row in rows):
        st.subheader(f"{finding.capitalize()}: {kind}", anchor=False)
        chosen = [row for row in rows if (row["finding"], row["kind"]) == (finding, kind)]
        for start in range(0, len(chosen), PER_ROW):
            for column, row in zip(st.columns(PER_ROW), chosen[start : start + PER_ROW], strict=False):
                with column:
                    _thumbnail(folder, row)


def _thumbnail(folder: Path, row: Mapping[str, Any]) -> None:
    label = "presumed free" if row["presumed"] else row["dataset"]
    key = f"card-{row['finding']}-{row['path']}".replace("/", "-").replace(".", "-").replace(" ", "-")
    picture(
        _pixels(folder, row["path"]), key=key, size=THUMBNAIL, label=f"{row['finding']} {row['kind']}: {row['path']}"
    )
    st.caption(f"{row['path']} · {row['probability']:.3f} · {label}")


def _pixels(folder: Path, name: str) -> np.ndarray | None:
    """Return (side, side) uint8 of one image, or None where it is not there or is no picture."""
    path = data.image_path(folder, name)
    return None if path is None else square_thumbnail(path, side=2 * THUMBNAIL)


def _claim(card: Card) -> None:
    table = card_text.claim_table(card.raw)
    if not table:
        st.info(NOT_COMPLETE.format(name=card.name))
        return
    _heading("CLAIM checklist", card, "claim")
    st.caption(
        "Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al., Radiology: Artificial "
        "Intelligence 2024); the items in our own words."
    )
    _table(table)


def _methods(card: Card) -> None:
    try:
        text = data.methods_of(card)
    except StrokeAppError as error:
        st.error(error.user_message)
        return
    _download("Methods, Markdown", text, f"{card.name}-{card.version}-methods.md", "text/markdown")
    # The title of the section is the page's own already.
    st.markdown(text.partition("\n")[2])


def _heading(title: str, card: Card, key: str) -> None:
    """Write a heading beside the button for the rows below it, as the card holds them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(title, anchor=False, width="stretch")
        rows = card.raw.get(key)
        if rows:
            st.download_button(
                "CSV", partial(csv_bytes, pd.DataFrame(rows)), f"{card.name}-{card.version}-{key}.csv", "text/csv",
                key=f"card_{key}_csv", **QUIET,
            )  # fmt: skip


def _table(table: Table, nothing: str = "") -> None:
    """Draw a table of the card and what stands below it; where it has no rows say ``nothing``."""
    if not table:
        st.markdown(nothing)
        return
    # A small word begins with a capital letter on the page; "n" and "AUC" stay as they are.
    names = [re.sub(r"^[a-z](?=[a-z])", lambda first: first[0].upper(), name) for name in table.header]
    cells = [[str(cell) for cell in row] for row in table.rows]
    st.table(written(pd.DataFrame(cells, columns=names)), border="horizontal", hide_index=True)
    if table.note:
        st.caption(table.note)
