"""Draw the choice of explanation and compute the one asked for."""

from __future__ import annotations

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.words import NAMES, top_slice
from strokeapp.reading import Series
from strokeapp.types import Finding, Reading, Scan
from strokeapp.ui.state import OpenStudy

METHOD_NAMES = {"LayerGradCam": "Grad-CAM", "IntegratedGradients": "Integrated gradients"}
MOST_KEPT = 12


def show_why(study: OpenStudy, series: Series | None, scan: Scan | None) -> None:
    """Draw finding and method, and explain the slice that matters most on request."""
    outcome = study.outcomes.get(series.key) if series is not None else None
    if scan is None or outcome is None or outcome.reading is None:
        return
    reading = outcome.reading
    st.subheader("Why", anchor=False)
    finding = _choose_finding(reading)
    st.selectbox("Method", list(METHOD_NAMES), format_func=METHOD_NAMES.get, key="why-method")
    best = top_slice(reading, finding)
    place = "this slice" if len(reading.slices) == 1 else f"slice {best + 1}, the highest"
    asked = st.button(f"Explain {place}", key="explain-top", width="stretch")
    st.caption(
        "Or press Explain this slice in the viewer. The lesion maps are the network's own; choose either under Overlay."
    )
    if asked:
        explain_slice(study, series, scan, best)


def _choose_finding(reading: Reading) -> Finding:
    ranked = sorted(reading.findings, key=lambda f: reading.findings[f].probability, reverse=True)
    return st.segmented_control(
        "Finding", list(reading.findings), format_func=NAMES.get, default=ranked[0], key="why-finding", required=True
    )


def explain_slice(study: OpenStudy, series: Series, scan: Scan, index: int, *, where=None) -> None:
    """Compute the chosen explanation of a slice, unless it was computed before, and show it in the viewer."""
    from strokeapp.inference.explain import explain
    from strokeapp.models.registry import find

    finding, method = st.session_state["why-finding"], st.session_state["why-method"]
    kept = study.attributions.setdefault(series.key, [])
    if any((item.method, item.finding, item.slice_index) == (method, finding, index) for item in kept):
        return
    with where or st.container():
        bar = st.progress(0.0, f"{METHOD_NAMES[method]} on slice {index + 1}")
        try:
            card = find(study.outcomes[series.key].reading.model)
            result = explain(
                scan, card, method=method, finding=finding, slice_index=index,
                progress=lambda share: bar.progress(share, f"{METHOD_NAMES[method]} on slice {index + 1}"),
            )  # fmt: skip
        except StrokeAppError as error:
            st.error(error.user_message)
            return
    kept.append(result)
    del kept[:-MOST_KEPT]
    st.rerun()
