"""Draw the measured table of explanations, and one slice of the open study under all methods side by side."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.explanation.measured import (
    ALL_SHUFFLED,
    FAILED,
    LABELS_SHUFFLED,
    LESIONS,
    UNDECIDED,
    Measured,
    measured,
    offered,
)
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, method_of
from strokeapp.inference.words import NAMES, top_slice
from strokeapp.models.registry import Card, find
from strokeapp.types import Attribution, Finding, Reading, Scan
from strokeapp.ui.downloads import file_stem
from strokeapp.ui.explanation_curves import show_curves
from strokeapp.ui.exhibits import Exhibit, Exhibits
from strokeapp.ui.explanation_panel import COLUMNS, Tile, panel_png, tiles_of
from strokeapp.ui.pixel_download import pixel_download
from strokeapp.ui.pixels import picture
from strokeapp.ui.state import OpenStudy

PICTURE_SIDE = 320
FIGURES = {
    "IoU": "iou",
    "Energy inside": "energy_inside",
    "Energy outside head": "energy_outside_head",
    "Deletion": "deletion",
    "Insertion": "insertion",
    "Infidelity": "infidelity",
    "Sensitivity": "sensitivity",
}
HELP = {
    "Hits": "The highest point lies in the drawn lesion, or within the tolerance of its border.",
    "Large lesions": "Hits among lesions of at least 100 pixels, about 1 cm².",
    "Exact": "The highest point lies in the drawn lesion itself, without the tolerance.",
    "Flagged": "Hits among the images that the network flags.",
    "IoU": "Overlap with the drawn lesion at the one threshold that is best over all images.",
    "Energy inside": "Share of the attribution that lies in the drawn lesion.",
    "Energy outside head": "Share that lies outside the head, where nothing can be.",
    "Deletion": "Area under the probability while the highest places are smoothed away; lower is better.",
    "Insertion": "The same while they are put back; higher is better.",
    "Infidelity": "How wrongly the attribution foretells what smoothing a square away does; lower is better.",
    "Sensitivity": "How much the attribution changes under noise too small to see; lower is better.",
    "Shuffled weights": "Rank correlation with the explanation of the same network, its weights shuffled. "
    "A method above the limit says little of what was learnt and is not offered.",
    "Shuffled labels": "The same with a network that learnt a few images with shuffled labels by heart.",
    "Shuffles": "Passed: both correlations stay below the limit by at least their standard error. "
    "Failed: one lies above by more than that. Not decided: too few images to tell; not offered.",
    "Images": "Behind deletion, insertion and infidelity · behind sensitivity · behind shuffled weights, labels.",
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
    exhibits = Exhibits(file_stem("explanations", card.name, figures.version))
    for finding in (finding for finding in card.findings if _rows(figures, finding)):
        table = pd.DataFrame(_rows(figures, finding))
        title = f"{NAMES[finding]}, known {LESIONS[finding]}"
        exhibits.listed(st.container(), Exhibit(finding.value, title, _numbers(figures, finding), shown=table))
        settings = {name: st.column_config.Column(help=text) for name, text in HELP.items() if name in table}
        st.dataframe(table, hide_index=True, column_config=settings)
    _show_protocol(figures, card)


def _show_protocol(figures: Measured, card: Card) -> None:
    limit, tolerance = figures.protocol["max_rank_correlation"], figures.protocol["tolerance_px"]
    lines = [
        f"A hit may lie {tolerance:g} pixels of {figures.protocol['picture_px']} beside the drawn lesion.",
        "Intervals are 95 %, by resampling patients; ≈: from the counts, widened as that of the hits. "
        "A figure without one was kept as a mean only. ± is a standard error.",
        *_not_offered(figures, limit),
    ]
    if figures.version != card.version:
        lines.append(f"Measured on version {figures.version}; version {card.version} is installed.")
    st.caption(" ".join(lines))


def _not_offered(figures: Measured, limit: float) -> list[str]:
    """Say which methods are not offered, and why."""
    reasons = {
        FAILED: f"since they hardly change when the weights or labels are shuffled (correlation above {limit:g})",
        UNDECIDED: "since too few images were looked at to tell whether they change enough",
    }
    tested = {method for method, _ in figures.pointing}
    lines = []
    for verdict, reason in reasons.items():
        names = [METHODS[n].title for n in METHODS if n in tested and figures.verdicts.get(n, UNDECIDED) == verdict]
        lines += [f"Not offered, {reason}: {', '.join(names)}."] if names else []
    return lines or [f"All methods change when the weights or labels are shuffled (correlation at most {limit:g})."]


def _rows(figures: Measured, finding: Finding) -> list[dict[str, Any]]:
    """Return the table of one finding, the lesion map first."""
    rows = []
    for name in (LESION_MAP.name, *METHODS):
        found = figures.of(name, finding)
        if found is not None:
            rows.append(_cells(name, figures, finding))
    return rows


def _numbers(figures: Measured, finding: Finding) -> pd.DataFrame:
    """Return every figure of one finding, unrounded, the lesion map first."""
    names = [name for name in (LESION_MAP.name, *METHODS) if figures.of(name, finding) is not None]
    ends = {
        name: (figures.agreement(name, finding), figures.agreement(name, finding, LABELS_SHUFFLED)) for name in names
    }
    rows = [
        {**figures.of(name, finding).row, "shuffled_weights": ends[name][0], "shuffled_labels": ends[name][1]}
        for name in names
    ]
    verdicts = [figures.verdicts.get(name, "") for name in names]
    return pd.DataFrame(rows).assign(shuffles=verdicts, offered=[name in figures.passed for name in names])


def _cells(name: str, figures: Measured, finding: Finding) -> dict[str, Any]:
    found = figures.of(name, finding)
    row = found.row
    return {
        "Method": method_of(name).title + (" (default)" if name == figures.default else ""),
        "Hits": f"{found.hits} of {found.images}{_interval(found.low, found.high)}",
        "Large lesions": f"{row['large_hits']} of {row['large_images']}{_ends(row, 'large', percent=True)}"
        if "large_hits" in row
        else "–",
        "Flagged": "–" if found.flagged is None else f"{found.flagged[0]} of {found.flagged[1]}",
        "Exact": f"{row['exact_rate']:.0%}{_ends(row, 'exact', percent=True)}" if "exact_rate" in row else "–",
        **{title: _number(row, figure) for title, figure in FIGURES.items()},
        "Shuffled weights": _shuffle(figures, name, finding, ALL_SHUFFLED),
        "Shuffled labels": _shuffle(figures, name, finding, LABELS_SHUFFLED),
        "Shuffles": figures.verdicts.get(name, "–"),
        "Images": _counts(figures, name, finding),
    }


def _shuffle(figures: Measured, name: str, finding: Finding, stage: str) -> str:
    found = figures.shuffled.get((name, finding, stage))
    if found is None:
        return "–"
    error = found.get("standard_error")
    return f"{found['rank_correlation']:.2f}" + (f" ± {error:.2f}" if error is not None else "")


def _counts(figures: Measured, name: str, finding: Finding) -> str:
    """Return the numbers of images behind the figures that few images were looked at for."""
    row = figures.of(name, finding).row
    stages = [figures.shuffled.get((name, finding, stage), {}) for stage in (ALL_SHUFFLED, LABELS_SHUFFLED)]
    shuffled = ", ".join(str(stage["images"]) for stage in stages if "images" in stage)
    counts = (row.get("fidelity_images"), row.get("sensitivity_images"), shuffled or None)
    return " · ".join("–" if count is None else str(count) for count in counts)


def _interval(low: float, high: float) -> str:
    return f" ({low:.0%}–{high:.0%})" if np.isfinite((low, high)).all() else ""


def _ends(row: Mapping[str, Any], name: str, *, percent: bool = False) -> str:
    """Return a figure's interval in brackets; nothing where it has none."""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if low is None or high is None:
        return ""
    about = "≈ " if name in row.get("approximate", "") else ""
    return f" ({about}{low:.0%}–{high:.0%})" if percent else f" ({about}{low:.2f}–{high:.2f})"


def _number(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "–" if value is None else f"{value:.2f}{_ends(row, name)}"


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
