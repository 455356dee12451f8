"""Draw the reading of the scan on show, or why there is none."""

from __future__ import annotations

import streamlit as st

from strokeapp.inference.words import DISCLAIMER, NAMES, decision, sentence, slices_sentence
from strokeapp.reading import Series
from strokeapp.types import Abstention, Reading, Scan, Severity
from strokeapp.ui.plain import plain
from strokeapp.ui.state import OpenStudy
from strokeapp.ui.theme import FINDING_COLORS

MOST_OPEN = 3
"""More quality notes than these are folded away."""
QUIET = {Severity.INFO: "gray", Severity.WARNING: "orange", Severity.SEVERE: "red"}


def show_reading(study: OpenStudy, series: Series | None, scan: Scan | None) -> None:
    """Draw the button that reads, then probabilities, decision, model and time, or the abstention."""
    st.subheader("Reading", anchor=False)
    if series is None:
        return
    outcome = study.outcomes.get(series.key)
    if outcome is None and series.refusal is not None:
        _show_abstention(series.refusal.message)
    elif outcome is None and scan is not None:
        _offer(study, series, scan)
    elif outcome is not None and outcome.reading is not None:
        _show_result(outcome.reading, outcome.seconds.get("total", 0.0))
    elif outcome is not None and outcome.abstained is not None:
        _show_abstention(outcome.abstained.message)
    elif outcome is not None and outcome.error is not None:
        st.error(plain(outcome.error.message))
    if scan is not None:
        _show_flags(scan)
    st.caption(DISCLAIMER)


def _offer(study: OpenStudy, series: Series, scan: Scan) -> None:
    from strokeapp.inference.classify import network_for

    network = network_for(scan)
    if isinstance(network, Abstention):
        # What cannot be read is said at once, without a button that would lead nowhere.
        _show_abstention(network.message)
        return
    if not st.button("Read this scan", type="primary", width="stretch", key="read-scan"):
        st.caption("The network has not read this series yet.")
        return
    from strokeapp.inference.series import read_loaded

    bar = st.progress(0.0, "Starting")
    outcome = read_loaded(series, scan, progress=lambda share, text: bar.progress(min(1.0, share), text))
    study.outcomes[series.key] = outcome
    if outcome.scan is not None:
        study.scan = (series.key, outcome.scan)  # with the flags that the examination added
    st.rerun()


def _show_abstention(message: str) -> None:
    with st.container(border=True):
        st.markdown("**No reading: abstained**")
        st.markdown(plain(message))


def _show_result(reading: Reading, seconds: float) -> None:
    from strokeapp.models.registry import find

    card = find(reading.model)
    with st.container(border=True):
        st.subheader(decision(reading), anchor=False)
        for finding, result in reading.findings.items():
            st.markdown(f"**{NAMES[finding]}**")
            color = FINDING_COLORS[finding] if result.flagged else "#5b6874"
            st.html(_bar(result.probability, result.threshold, color))
            of_slices = slices_sentence(reading, finding, card.findings[finding].threshold)
            st.caption(f"{sentence(reading, finding)} {of_slices}".rstrip())
    if len(reading.slices) > 1:
        st.caption("A slice by itself has its own calibration and operating point; it does not compare with the study.")
    st.caption(f"Read by {reading.model} {reading.version} in {seconds:.1f} s")


def _bar(probability: float, threshold: float, color: str) -> str:
    """Return a probability bar with a tick at the operating point."""
    return (
        f'<div role="img" aria-label="probability {probability:.2f}, operating point {threshold:.2f}" '
        'style="position:relative;height:12px;border-radius:6px;background:rgba(139,152,165,.18)">'
        f'<div style="width:{100 * probability:.1f}%;height:100%;border-radius:6px;background:{color}"></div>'
        f'<div style="position:absolute;left:{100 * threshold:.1f}%;top:-3px;width:2px;height:18px;'
        'background:#d5dde5"></div></div>'
    )


def _show_flags(scan: Scan) -> None:
    flags = sorted(scan.flags, key=lambda flag: list(Severity).index(flag.severity), reverse=True)
    if not flags:
        return
    box = st.expander(f"Quality: {len(flags)} notes") if len(flags) > MOST_OPEN else st.container()
    with box:
        for flag in flags:
            st.caption(f":{QUIET[flag.severity]}[{flag.severity.value.capitalize()}:] {plain(flag.message)}")
