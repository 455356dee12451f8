"""Draw the measured table of explanations, and one slice of the open study under all methods side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from strokeapp.errors import StrokeAppError
from strokeapp.imaging.scan_input import Slab, gray_window, slab_gray
from strokeapp.inference.explanation.measured import LESIONS, Measured, measured
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, method_of
from strokeapp.inference.words import NAMES, top_slice
from strokeapp.models.registry import Card, find
from strokeapp.types import Attribution, Finding, Reading, Scan
from strokeapp.ui.pixels import picture
from strokeapp.ui.state import OpenStudy

COLUMNS = 3
PICTURE_SIDE = 320
HEAT = np.array([224, 164, 88], np.float32)
"""Color of full attribution over gray."""
KEPT = "_explanations_side_by_side"
HELP = {
    "Hits": "The highest point lies in the drawn lesion, or within the tolerance of its border.",
    "IoU": "Overlap with the drawn lesion at the one threshold that is best over all images.",
    "Energy inside": "Share of the attribution that lies in the drawn lesion.",
    "Energy outside head": "Share that lies outside the head, where nothing can be.",
    "Deletion": "Area under the probability while the highest places are smoothed away; lower is better.",
    "Insertion": "The same while they are put back; higher is better.",
    "Infidelity": "How wrongly the attribution foretells what smoothing a square away does; lower is better.",
    "Sensitivity": "How much the attribution changes under noise too small to see; lower is better.",
    "Shuffled weights": "Rank correlation with the explanation of the same network, its weights shuffled. "
    "A method above the limit says little of what was learnt and is not offered.",
}


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
    _show_measured(names[name])
    st.subheader("One slice under all methods", anchor=False)
    _show_side_by_side(study)


def _show_measured(card: Card) -> None:
    try:
        figures = measured(card.folder)
    except StrokeAppError as error:
        st.error(error.user_message)
        return
    if figures is None:
        st.info(f"The explanations of {card.title} have not been measured.")
        return
    for finding in (finding for finding in card.findings if _rows(figures, finding)):
        table = pd.DataFrame(_rows(figures, finding))
        st.markdown(f"**{NAMES[finding]}**, known {LESIONS[finding]}")
        settings = {name: st.column_config.Column(help=text) for name, text in HELP.items() if name in table}
        st.dataframe(table, hide_index=True, column_config=settings)
        st.download_button(
            "Download as CSV", table.to_csv(index=False), f"explanations_{card.name}_{finding.value}.csv", "text/csv"
        )
    _show_protocol(figures, card)


def _show_protocol(figures: Measured, card: Card) -> None:
    limit, tolerance = figures.protocol["max_rank_correlation"], figures.protocol["tolerance_px"]
    failed = [METHODS[name].title for name in METHODS if name in _tested(figures) and name not in figures.passed]
    lines = [
        f"A hit may lie {tolerance:g} pixels of {figures.protocol['picture_px']} beside the drawn lesion.",
        "Intervals are 95 %, by resampling patients.",
        f"Not offered, since they hardly change when the weights are shuffled (correlation above {limit:g}): "
        f"{', '.join(failed)}."
        if failed
        else f"All methods change when the weights are shuffled (correlation at most {limit:g}).",
    ]
    if figures.version != card.version:
        lines.append(f"Measured on version {figures.version}; version {card.version} is installed.")
    st.caption(" ".join(lines))


def _tested(figures: Measured) -> set[str]:
    return {method for method, _ in figures.pointing}


def _rows(figures: Measured, finding: Finding) -> list[dict[str, Any]]:
    """Return the table of one finding, the lesion map first."""
    rows = []
    for name in (LESION_MAP.name, *METHODS):
        found = figures.of(name, finding)
        if found is not None:
            rows.append(_cells(name, figures, finding))
    return rows


def _cells(name: str, figures: Measured, finding: Finding) -> dict[str, Any]:
    found = figures.of(name, finding)
    row = found.row
    shuffled = figures.agreement(name, finding)
    return {
        "Method": method_of(name).title + (" (default)" if name == figures.default else ""),
        "Hits": f"{found.hits} of {found.images}{_interval(found.low, found.high)}",
        "IoU": _number(row, "iou"),
        "Energy inside": _number(row, "energy_inside"),
        "Energy outside head": _number(row, "energy_outside_head"),
        "Deletion": _number(row, "deletion"),
        "Insertion": _number(row, "insertion"),
        "Infidelity": _number(row, "infidelity"),
        "Sensitivity": _number(row, "sensitivity"),
        "Shuffled weights": "–" if shuffled is None else f"{shuffled:.2f}",
    }


def _interval(low: float, high: float) -> str:
    return f" ({low:.0%}–{high:.0%})" if np.isfinite((low, high)).all() else ""


def _number(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "–" if value is None else f"{value:.2f}"


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
    index = columns[1].number_input("Slice", 1, count, best + 1, key=f"explanations-slice-{finding.value}") - 1
    key = (study.title, study.chosen, finding, index)
    if st.button("Explain with all methods", type="primary"):
        st.session_state[KEPT] = (key, _explain_all(scan, find(reading.model), finding, index))
    kept = st.session_state.get(KEPT)
    if kept is not None and kept[0] == key:
        _draw(scan, index, *kept[1])
    else:
        st.caption("The costly methods take up to a minute each on two processor cores.")


def _read_scan(study: OpenStudy | None) -> tuple[Scan | None, Reading | None]:
    """Return the scan on show and its reading."""
    if study is None or study.scan is None or study.scan[0] != study.chosen:
        return None, None
    outcome = study.outcomes.get(study.chosen)
    return study.scan[1], None if outcome is None else outcome.reading


def _explain_all(scan: Scan, card: Card, finding: Finding, index: int) -> tuple[dict[str, Attribution], dict[str, str]]:
    """Return the explanations, and why some are missing."""
    from strokeapp.inference.explain import explain  # Captum takes seconds to import; the table needs none of it

    results, reasons = {}, {}
    names = (LESION_MAP.name, *METHODS)
    bar = st.progress(0.0)
    for number, name in enumerate(names):
        bar.progress(number / len(names), method_of(name).title)
        try:
            results[name] = explain(scan, card, method=name, finding=finding, slice_index=index)
        except StrokeAppError as error:
            reasons[name] = error.user_message
    bar.empty()
    return results, reasons


def _draw(scan: Scan, index: int, results: Mapping[str, Attribution], reasons: Mapping[str, str]) -> None:
    gray = slab_gray(scan, Slab(index, index), gray_window(scan))
    tiles = [("Slice", _square(_over(gray, None)))]
    tiles += [(method_of(name).title, _square(_over(gray, item.values))) for name, item in results.items()]
    for first in range(0, len(tiles), COLUMNS):
        for column, (title, pixels) in zip(st.columns(COLUMNS), tiles[first : first + COLUMNS], strict=False):
            with column:
                st.markdown(f"**{title}**")
                picture(pixels, key=f"explained-{title.lower().replace(' ', '-')}", size=PICTURE_SIDE, label=title)
    for name, reason in reasons.items():
        st.caption(f"{method_of(name).title}: {reason}")


def _over(gray: NDArray[np.float32], values: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) uint8: gray with the attribution laid over it."""
    base = np.repeat(255 * gray[..., None], 3, axis=2)
    if values is None:
        return base.astype(np.uint8)
    shape = gray.shape[::-1]
    weight = np.asarray(Image.fromarray(values).resize(shape, Image.Resampling.BILINEAR))[..., None] * 0.75
    return np.rint(base * (1 - weight) + HEAT * weight).astype(np.uint8)


def _square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad a picture to a square, black."""
    rows, columns = pixels.shape[:2]
    side = max(rows, columns)
    top, left = (side - rows) // 2, (side - columns) // 2
    return np.pad(pixels, ((top, side - rows - top), (left, side - columns - left), (0, 0)))
