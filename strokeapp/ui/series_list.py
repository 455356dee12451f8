"""Draw the list of series of the open study, with the reason for each that is not read."""

from __future__ import annotations

import streamlit as st
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError
from strokeapp.reading import Ranked, Series, ranking, thumbnail
from strokeapp.types import Abstention
from strokeapp.ui.pixels import picture
from strokeapp.ui.plain import plain
from strokeapp.ui.series_words import facts, grouped, headline, name, patients, why_ranked
from strokeapp.ui.state import OpenStudy, close_study
from strokeapp.ui.time_choice import choose_time_point, chosen_time_point

THUMBNAIL = 88
MOST_FILES = 4
"""Of one problem, this many files are named."""


def show_series(study: OpenStudy) -> None:
    """Draw the sidebar: study title, series to choose from, files that could not be used."""
    with st.sidebar:
        st.subheader(plain(study.title), anchor=False)
        if st.button("Close study", width="stretch", key="close-study"):
            close_study()
            st.rerun()
        count = len(study.inventory.series)
        st.caption(f"{count} series found" if count > 1 else "1 series found")
        letters = patients(study.inventory)
        if len(letters) > 1:
            st.warning(
                f"These files name {len(letters)} different patients (by name, ID or birth date). Look at the patient "
                "of each series, and open one patient at a time."
            )
        for place, ranked in enumerate(ranking(study.inventory), start=1):
            _show_one(study, ranked, place, letters.get(ranked.series.patient, "") if len(letters) > 1 else "")
        _show_problems(study)
        _show_left_out(study)


def _show_one(study: OpenStudy, ranked: Ranked, place: int, patient: str) -> None:
    series = ranked.series
    with st.container(border=True):
        left, right = st.columns([1, 2], vertical_alignment="center")
        with left:
            picture(_thumbnail(study, series), key=f"thumb-{series.key}", size=THUMBNAIL, label=headline(series))
        with right:
            st.markdown(f"**{headline(series)}**")
            st.caption(" · ".join(filter(None, (patient, facts(series, chosen_time_point(study, series))))))
        if name(series) != study.title:
            st.caption(plain(name(series)))
        _show_standing(study, ranked, place)
        shown = series.key == study.chosen
        if series.viewable and st.button(
            "Shown" if shown else "Show", key=f"show-{series.key}", disabled=shown, width="stretch"
        ):
            study.chosen = series.key
            st.rerun()
        if series.time_points > 1 and series.viewable and _in_view(study, series):
            choose_time_point(study, series)


def compared_key(series: Series) -> str:
    """Return the key under which the page keeps the series that is compared with one."""
    return f"compare-{series.key}"


def _in_view(study: OpenStudy, series: Series) -> bool:
    chosen = study.series
    beside = None if chosen is None else st.session_state.get(compared_key(chosen))
    return series.key in (study.chosen, beside)


def _show_standing(study: OpenStudy, ranked: Ranked, place: int) -> None:
    """Say why a series is not read, or where it stands among those that can be."""
    from strokeapp.inference.classify import network_for

    series = ranked.series
    if series.refusal is not None:
        st.caption(f":orange[Not read: {plain(series.refusal.message)}]")
    elif isinstance(network_for(series), Abstention):
        st.caption(":orange[Shown, not read: no network was trained for it.]")
    elif len(study.inventory.series) > 1:
        st.caption("First choice for reading" if place == 1 else f"Choice {place} for reading", help=why_ranked(ranked))


def _thumbnail(study: OpenStudy, series: Series) -> NDArray | None:
    if series.key not in study.thumbnails:
        try:
            study.thumbnails[series.key] = thumbnail(series, size=THUMBNAIL) if series.viewable else None
        except StrokeAppError as error:
            study.thumbnails[series.key] = None
            study.error[series.key] = error.user_message
    return study.thumbnails[series.key]


def _show_problems(study: OpenStudy) -> None:
    problems = study.inventory.problems
    if not problems:
        return
    with st.expander(f"{len(problems)} file{'s' if len(problems) > 1 else ''} not used"):
        for message, files in grouped(problems):
            more = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
            st.markdown(plain(message))
            st.caption(f"{', '.join(plain(file) for file in files[:MOST_FILES])}{more}")


def _show_left_out(study: OpenStudy) -> None:
    """List what lies beside the images, by kind: no warning, every export holds some."""
    left_out = study.inventory.left_out
    count = sum(len(group.files) for group in left_out)
    if not count:
        return
    with st.expander(f"{count} other file{'s' if count > 1 else ''} left out"):
        for group in left_out:
            more = f" and {len(group.files) - MOST_FILES} more" if len(group.files) > MOST_FILES else ""
            st.markdown(plain(f"{len(group.files)} {group.kind}: {group.reason}"))
            st.caption(f"{', '.join(plain(file) for file in group.files[:MOST_FILES])}{more}")
