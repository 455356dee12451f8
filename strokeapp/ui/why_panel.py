"""Draw why: facts of the marked lesion, the choice of explanation and how far it can be trusted, and what was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.explanation.jobs import BackgroundJob
from strokeapp.inference.explanation.measured import Measured, measured, offered
from strokeapp.inference.explanation.registry import METHODS, Cost
from strokeapp.inference.words import NAMES, top_slice
from strokeapp.reading import Series
from strokeapp.types import Finding, Reading, Scan, Severity
from strokeapp.ui.contribution_strip import show_contributions
from strokeapp.ui.plain import plain
from strokeapp.ui.state import OpenStudy

if TYPE_CHECKING:
    from strokeapp.models.registry import Card

FINDING_KEY = "why-finding-{}"
"""The choice is kept per network: not every network reads every finding."""
MOST_KEPT = 12
MOST_VOLUMES = 6
LOOK_EVERY = 0.7
"""Seconds between two looks at a running job."""


def show_why(study: OpenStudy, series: Series | None, scan: Scan | None) -> None:
    """Draw facts, finding and method, and explain the slice that matters most, or all slices, on request."""
    outcome = study.outcomes.get(series.key) if series is not None else None
    if scan is None or outcome is None or outcome.reading is None:
        return
    from strokeapp.models.registry import find

    reading = outcome.reading
    st.subheader("Why", anchor=False)
    finding, card = _choose_finding(reading), find(reading.model)
    _show_facts(scan, reading, finding, card)
    show_contributions(reading, finding)
    method = _choose_method(card, finding)
    best = top_slice(reading, finding)
    place = "this slice" if len(reading.slices) == 1 else f"slice {best + 1}, the highest"
    asked = st.button(f"Explain {place}", key="explain-top", width="stretch")
    if len(reading.slices) > 1:
        _show_volume(study, series, scan, card, method, finding)
    st.caption(
        "Or press Explain this slice in the viewer. Choose what lies over the scan under Map and Explanation below it."
    )
    if asked:
        explain_slice(study, series, scan, best)


def _choose_finding(reading: Reading) -> Finding:
    return st.segmented_control(
        "Finding",
        list(reading.findings),
        format_func=NAMES.get,
        default=first_to_explain(reading),
        key=FINDING_KEY.format(reading.model),
        required=True,
    )


def first_to_explain(reading: Reading) -> Finding:
    """Return the flagged finding of the highest probability; of all, where none is flagged."""
    # Thresholds differ: the larger probability may be the one that is not flagged.
    return max(reading.findings, key=lambda f: (reading.findings[f].flagged, reading.findings[f].probability))


def _show_facts(scan: Scan, reading: Reading, finding: Finding, card: Card) -> None:
    from strokeapp.inference.facts import lesion_facts

    found = lesion_facts(scan, reading, finding, cut=card.map_cut)
    if found is None:
        st.caption(f"The lesion map marks no {NAMES[finding].lower()}.")
        return
    if not reading.findings[finding].flagged:
        st.caption(f"{NAMES[finding]} is not flagged. What its lesion map marks all the same:")
    # The notes themselves stand in the reading above: here what they are about, for these facts rest on such a scan.
    lines = [*replace(found, flags=()).sentences(), *warned(scan)]
    st.markdown("\n".join(f"- {sentence}" for sentence in lines))


def warned(scan: Scan) -> tuple[str, ...]:
    """Return one short sentence that names a scan's quality warnings; none where it has none."""
    names = [flag.code.replace("_", " ") for flag in scan.flags if flag.severity is not Severity.INFO]
    return (f"Read with care: {', '.join(dict.fromkeys(names))} (see the notes above).",) if names else ()


def _choose_method(card: Card, finding: Finding) -> str:
    figures = _figures(card)
    names = offered(figures)
    if not names:
        st.caption("No explanation of this network passed its tests; the lesion map is what there is.")
        return ""
    method = st.selectbox("Method", names, format_func=lambda name: METHODS[name].title, key=_method_key(card))
    st.caption(_trust(figures, card, method, finding))
    return method


def _method_key(card: Card) -> str:
    """Return the name under which the choice is kept; networks offer different methods."""
    return f"why-method-{card.name}"


def _figures(card: Card) -> Measured | None:
    try:
        return measured(card.folder)
    except StrokeAppError as error:
        st.warning(plain(error.user_message))
        return None


def _trust(figures: Measured | None, card: Card, method: str, finding: Finding) -> str:
    if figures is None:
        return f"How well explanations of {card.title} point into lesions has not been measured."
    text = figures.sentence(method, finding)
    if figures.version != card.version:
        text += f" Measured on version {figures.version}."
    return text


def explain_slice(study: OpenStudy, series: Series, scan: Scan, index: int, *, where=None) -> None:
    """Compute the chosen explanation of a slice, unless it was computed before, and show it in the viewer."""
    from strokeapp.inference.explain import explain
    from strokeapp.models.registry import find

    card = find(study.outcomes[series.key].reading.model)
    finding = st.session_state.get(FINDING_KEY.format(card.name))
    method = st.session_state.get(_method_key(card))
    if not method or finding is None:
        return
    kept = study.attributions.setdefault(series.key, [])
    if any((item.method, item.finding, item.slice_index) == (method, finding, index) for item in kept):
        return
    with where or st.container():
        told = f"{METHODS[method].title} on slice {index + 1}"
        bar = st.progress(0.0, told)
        try:
            result = explain(
                scan, card, method=method, finding=finding, slice_index=index,
                progress=lambda share: bar.progress(share, told),
            )  # fmt: skip
        except StrokeAppError as error:
            st.error(plain(error.user_message))
            return
    kept.append(result)
    del kept[:-MOST_KEPT]
    st.rerun()


def _show_volume(study: OpenStudy, series: Series, scan: Scan, card: Card, method: str, finding: Finding) -> None:
    """Draw the button that explains every slice in the background, or how far that is."""
    from strokeapp.inference.explain import content_key

    job = study.volume_job
    if job is not None and (job.running or not study.volume_seen):
        _follow(study)
        return
    if not method:
        return
    key = content_key(study.digest(scan), card, method=method, finding=finding)
    if key in study.volumes:
        st.caption(f"{METHODS[method].title} of all slices is under Explanation below the picture.")
    elif st.button("Explain all slices", key="explain-all", width="stretch"):
        _start(study, series, scan, card, method, finding, key)
        st.rerun()
    if METHODS[method].cost is Cost.COSTLY:
        st.caption("All slices take minutes with this method. It runs beside your work and can be cancelled.")


def _start(study: OpenStudy, series: Series, scan: Scan, card: Card, method: str, finding: Finding, key: str) -> None:
    from strokeapp.inference.explain import explain_volume

    study.volume_job = BackgroundJob(
        lambda tell, cancel: (
            key,
            series.key,
            explain_volume(scan, card, method=method, finding=finding, progress=tell, cancel=cancel),
        )
    )
    study.volume_seen = False


@st.fragment(run_every=LOOK_EVERY)
def _follow(study: OpenStudy) -> None:
    job = study.volume_job
    if job.running:
        st.progress(job.share, "Cancelling" if job.cancelled else "Explaining all slices")
        if st.button("Cancel", key="cancel-all", width="stretch", disabled=job.cancelled):
            job.cancel()
        return
    study.volume_seen = True
    try:
        key, series_key, volume = job.result()
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return
    if volume is not None:
        study.volumes[key] = (series_key, volume)
        for old in list(study.volumes)[:-MOST_VOLUMES]:
            del study.volumes[old]
    st.rerun()
