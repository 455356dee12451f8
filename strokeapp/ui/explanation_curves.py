"""Draw how a slice's probability falls and rises while the places of an explanation are smoothed away and put back."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.explanation.registry import METHODS, method_of
from strokeapp.inference.words import NAMES
from strokeapp.models.registry import Card
from strokeapp.performance.saliency import curve_area
from strokeapp.types import Finding, Scan
from strokeapp.ui import charts
from strokeapp.ui.downloads import file_stem
from strokeapp.ui.exhibits import Exhibits
from strokeapp.ui.plain import plain
from strokeapp.ui.state import OpenStudy

NOTE = (
    "The probability of the slice by itself, not calibrated, while the highest places of the explanation are smoothed "
    "away (deletion: the sooner it falls, the better) or put back into the smoothed slice (insertion: the sooner it "
    "rises, the better)."
)


def show_curves(study: OpenStudy, scan: Scan, card: Card, finding: Finding, index: int, names: Sequence[str]) -> None:
    """Draw the choice of a method, the button, and the curves once they were asked for.

    Args:
        study: The open one, which keeps the curves.
        scan: Its scan on show.
        card: Of the network that read it.
        finding: Explained.
        index: Of the slice.
        names: Methods that explained it.
    """
    st.subheader("Deletion and insertion", anchor=False)
    columns = st.columns([3, 1], vertical_alignment="bottom")
    first = next((name for name in names if name in METHODS), names[0])
    name = columns[0].selectbox(
        "Method", names, list(names).index(first), format_func=lambda name: method_of(name).title,
        key="explanations-curves",
    )  # fmt: skip
    key = (study.digest(scan), card.weights_hash, finding, index, name)
    if columns[1].button("Draw curves", width="stretch"):
        table = _curves(scan, card, finding, index, name)
        if table is not None:
            study.curves = (key, table)
    if study.curves is None or study.curves[0] != key:
        st.caption("Twenty-six passes through the network, after the method's own.")
        return
    table = study.curves[1]
    stem = file_stem("explanations", card.name, finding.value, f"slice{index + 1}", name)
    title = f"{method_of(name).title}, {NAMES[finding].lower()}, slice {index + 1}"
    areas = ", ".join(f"{curve} {curve_area([table[curve]])[0]:.2f}" for curve in ("deletion", "insertion"))
    Exhibits(stem).chart(
        st.container(), "curves", title, charts.removal_figure(table), table, detail=f"areas: {areas}", note=NOTE
    )


def _curves(scan: Scan, card: Card, finding: Finding, index: int, name: str) -> pd.DataFrame | None:
    from strokeapp.inference.explain import removal  # Captum takes seconds to import; the table needs none of it

    try:
        with st.spinner("Following the probability"):
            return removal(scan, card, method=name, finding=finding, slice_index=index)
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return None
