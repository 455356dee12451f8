"""Draw what was measured of a network's explanations: a table per finding, and how to read it."""

from __future__ import annotations

from collections.abc import Mapping
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
)
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, method_of
from strokeapp.inference.words import NAMES
from strokeapp.models.registry import Card
from strokeapp.types import Finding
from strokeapp.ui.downloads import file_stem
from strokeapp.ui.exhibits import Exhibit, Exhibits

FIGURES = {
    "IoU": "iou",
    "Energy inside": "energy_inside",
    "Energy outside head": "energy_outside_head",
    "Deletion": "deletion",
    "Insertion": "insertion",
    "Infidelity": "infidelity",
    "Sensitivity": "sensitivity",
}
METHOD_WIDTH = 270
"""In pixels: the longest title with its mark."""
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


def show_measured(card: Card) -> None:
    """Draw the tables of one network, or say that it was not measured."""
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
        # The last columns are reached by scrolling.
        settings["Method"] = st.column_config.Column(pinned=True, width=METHOD_WIDTH)
        st.dataframe(table, hide_index=True, column_config=settings)
    _show_protocol(figures, card)


def _show_protocol(figures: Measured, card: Card) -> None:
    limit, tolerance = figures.protocol["max_rank_correlation"], figures.protocol["tolerance_px"]
    lines = [
        f"A hit may lie {tolerance:g} pixels of {figures.protocol['picture_px']} beside the drawn lesion.",
        "Intervals are 95 %, by resampling patients. ± is a standard error.",
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
        "Shuffles": figures.verdicts.get(name, "–"),
        "Large lesions": f"{row['large_hits']} of {row['large_images']}{_ends(row, 'large', percent=True)}"
        if "large_hits" in row
        else "–",
        "Flagged": "–" if found.flagged is None else f"{found.flagged[0]} of {found.flagged[1]}",
        "Exact": f"{row['exact_rate']:.0%}{_ends(row, 'exact', percent=True)}" if "exact_rate" in row else "–",
        **{title: _number(row, figure) for title, figure in FIGURES.items()},
        "Shuffled weights": _shuffle(figures, name, finding, ALL_SHUFFLED),
        "Shuffled labels": _shuffle(figures, name, finding, LABELS_SHUFFLED),
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
    return f" ({low:.0%}–{high:.0%})" if percent else f" ({low:.2f}–{high:.2f})"


def _number(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "–" if value is None else f"{value:.2f}{_ends(row, name)}"
