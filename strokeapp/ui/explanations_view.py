"""Draw the measured table of explanations, and one slice of the open study under all methods side by side."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.explanation.measured import FAILED, UNDECIDED, measured, offered
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, method_of
from strokeapp.inference.words import NAMES, top_slice
from strokeapp.models.registry import Card, find
from strokeapp.types import Attribution, Finding, Reading, Scan
from strokeapp.ui.downloads import file_stem
from strokeapp.ui.explanation_curves import show_curves
from strokeapp.ui.explanation_panel import COLUMNS, Tile, panel_png, tiles_of
from strokeapp.ui.explanation_table import show_measured
from strokeapp.ui.pixel_download import pixel_download
from strokeapp.ui.pixels import picture
from strokeapp.ui.state import OpenStudy

PICTURE_SIDE = 320


def show_explanations(networks: Sequence[Card], study: OpenStudy | None) -> None:
    """Draw the page.

    Args:
        networks: Installed ones.
        study: The open one, or None.
    """
    st.title("Explanations", anchor=False)
    st.caption("Measured on images with a drawn lesion, each explained by a network that had not learnt from it.")
    if not networks:
        st.info("No network is installed, so there is nothing to explain.")
        return
    names = {card.name: card for card in networks}
    name = st.selectbox("Network", list(names), format_func=lambda key: names[key].title)
    show_measured(names[name])
    st.subheader("One slice under all methods", anchor=False)
    _show_side_by_side(study)


def _show_side_by_side(study: OpenStudy | None) -> None:
    scan, reading = _read_scan(study)
    if study is None or scan is None or reading is None:
        st.info("Open a study on the Study page, a demonstration study for example, and read it; then come back.")
        return
    columns = st.columns(2)
    ranked = sorted(reading.findings, key=lambda f: reading.findings[f].probability, reverse=True)
    finding = columns[0].selectbox("Finding", ranked, format_func=NAMES.get)
    best = top_slice(reading, finding)
    count = len(scan.voxels)
    card, digest = find(reading.model), study.digest(scan)
    # By content: another scan of the same name must neither start at this one's slice nor show its explanations.
    index = columns[1].number_input("Slice", 1, count, best + 1, key=f"explanations-{digest}-{finding.value}") - 1
    names = (LESION_MAP.name, *_chosen(card))
    key = (digest, card.weights_hash, finding, index, names)
    if st.button("Explain with all methods", type="primary"):
        study.side_by_side = (key, _explain_all(scan, card, finding, index, names))
    kept = study.side_by_side
    if kept is not None and kept[0] == key:
        _draw(scan, card, finding, index, *kept[1])
        show_curves(study, scan, card, finding, index, tuple(kept[1][0]))
    else:
        st.caption("The costly methods take up to a minute each on two processor cores.")


def _chosen(card: Card) -> tuple[str, ...]:
    """Return the methods to lay side by side: those on offer, and the others where that is asked for."""
    try:
        figures = measured(card.folder)
    except StrokeAppError:
        figures = None  # the table above says so
    shown = offered(figures)
    rest = tuple(name for name in METHODS if name not in shown)
    if rest and st.toggle(
        "Also methods that are not offered",
        help="To see how those look that failed the tests with shuffled weights or labels; each is labeled so.",
    ):
        return tuple(name for name in METHODS)
    return tuple(name for name in METHODS if name in shown)


def _read_scan(study: OpenStudy | None) -> tuple[Scan | None, Reading | None]:
    """Return the scan on show and its reading."""
    if study is None or study.scan is None or study.scan[0] != study.chosen:
        return None, None
    outcome = study.outcomes.get(study.chosen)
    return study.scan[1], None if outcome is None else outcome.reading


def _explain_all(
    scan: Scan, card: Card, finding: Finding, index: int, names: Sequence[str]
) -> tuple[dict[str, Attribution], dict[str, str]]:
    """Return the explanations, and why some are missing."""
    from strokeapp.inference.explain import explain  # Captum takes seconds to import; the table needs none of it

    results, reasons = {}, {}
    bar = st.progress(0.0)
    for number, name in enumerate(names):
        bar.progress(number / len(names), method_of(name).title)
        try:
            results[name] = explain(scan, card, method=name, finding=finding, slice_index=index)
        except StrokeAppError as error:
            reasons[name] = error.user_message
    bar.empty()
    return results, reasons


def _draw(
    scan: Scan,
    card: Card,
    finding: Finding,
    index: int,
    results: Mapping[str, Attribution],
    reasons: Mapping[str, str],
) -> None:
    tiles = tiles_of(scan, index, results, _notes(card, finding, results))
    for first in range(0, len(tiles), COLUMNS):
        for column, tile in zip(st.columns(COLUMNS), tiles[first : first + COLUMNS], strict=False):
            with column:
                st.markdown(f"**{tile.title}**")
                name = tile.title.lower().replace(" ", "-")
                picture(tile.pixels, key=f"explained-{name}", size=PICTURE_SIDE, label=tile.title)
                if tile.note:
                    st.caption(tile.note)
    for name, reason in reasons.items():
        st.caption(f"{method_of(name).title}: {reason}")
    _offer(tiles, card, finding, index)


def _notes(card: Card, finding: Finding, results: Mapping[str, Attribution]) -> dict[str, str]:
    """Return per method how often it points into the lesion; empty where that was not measured."""
    try:
        figures = measured(card.folder)
    except StrokeAppError:
        return {}  # the table above says so
    if figures is None:
        return {}
    notes = {name: figures.sentence(name, finding) for name in results}
    failed = [name for name in results if name in METHODS and name not in figures.passed and figures.of(name, finding)]
    why = {FAILED: "it failed on shuffled networks", UNDECIDED: "shuffled networks left it undecided"}
    return notes | {
        name: f"Not offered: {why[figures.verdicts.get(name, UNDECIDED)]}. {notes[name]}" for name in failed
    }


def _offer(tiles: Sequence[Tile], card: Card, finding: Finding, index: int) -> None:
    """Draw the buttons that save all pictures as one, and each alone, with their labels."""
    heading = f"{NAMES[finding]}, slice {index + 1} · {card.title} {card.version}"
    stem = file_stem("explanations", card.name, finding.value, f"slice{index + 1}")
    every = "All pictures"
    choice = st.selectbox("Save as PNG", [every, *(tile.title for tile in tiles)], key="explanations-save")
    some = list(tiles) if choice == every else [tile for tile in tiles if tile.title == choice]
    name = stem if choice == every else file_stem(stem, choice)
    content = base64.b64encode(panel_png(some, heading)).decode()
    pixel_download("Download PNG", content, f"{name}.png", key="explanations-png")
