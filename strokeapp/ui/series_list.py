"""Draw the list of series of the open study, with the reason for each that is not read."""

from __future__ import annotations

import math

import streamlit as st
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError
from strokeapp.reading import Ranked, Series, ranking, thumbnail
from strokeapp.types import Plane, Sequence
from strokeapp.ui.pixels import picture
from strokeapp.ui.state import OpenStudy, close_study

THUMBNAIL = 88
MOST_PROBLEMS = 8
TIMED = (Sequence.TIME_SERIES, Sequence.PERFUSION, Sequence.ASL)
"""Sequences whose images at one position follow each other in time."""


def show_series(study: OpenStudy) -> None:
    """Draw the sidebar: study title, series to choose from, files that could not be used."""
    with st.sidebar:
        st.subheader(study.title, anchor=False)
        if st.button("Close study", width="stretch", key="close-study"):
            close_study()
            st.rerun()
        count = len(study.inventory.series)
        st.caption(f"{count} series found" if count > 1 else "1 series found")
        for place, ranked in enumerate(ranking(study.inventory), start=1):
            _show_one(study, ranked, place)
        _show_problems(study)


def _show_one(study: OpenStudy, ranked: Ranked, place: int) -> None:
    series = ranked.series
    with st.container(border=True):
        left, right = st.columns([1, 2], vertical_alignment="center")
        with left:
            picture(_thumbnail(study, series), key=f"thumb-{series.key}", size=THUMBNAIL, label=headline(series))
        with right:
            st.markdown(f"**{headline(series)}**")
            st.caption(facts(series))
        if series.description:
            st.caption(series.description)
        if series.refusal is not None:
            st.caption(f":orange[Not read: {series.refusal.message}]")
        elif series.viewable and len(study.inventory.series) > 1:
            st.caption(f"Place {place} for reading", help=why_ranked(ranked))
        shown = series.key == study.chosen
        if series.viewable and st.button(
            "Shown" if shown else "Show", key=f"show-{series.key}", disabled=shown, width="stretch"
        ):
            study.chosen = series.key
            st.rerun()


def _thumbnail(study: OpenStudy, series: Series) -> NDArray | None:
    if series.key not in study.thumbnails:
        try:
            study.thumbnails[series.key] = thumbnail(series, size=THUMBNAIL) if series.viewable else None
        except StrokeAppError as error:
            study.thumbnails[series.key] = None
            study.error[series.key] = error.user_message
    return study.thumbnails[series.key]


def headline(series: Series) -> str:
    """Return modality and sequence in a few words."""
    words = [series.modality.value]
    if series.sequence is not Sequence.UNKNOWN and series.sequence.value != series.modality.value:
        words.append(series.sequence.value)
    text = " ".join(words)
    return text[0].upper() + text[1:]


def why_ranked(ranked: Ranked) -> str:
    """Return the points of a series and what each is given for, as Markdown."""
    lines = [f"- {points:+g} {statement}" for points, statement in ranked.reasons]
    return "\n".join([f"{ranked.points:.0f} points:", "", *lines, "", "Any series can be shown instead."])


def repeats(series: Series) -> str:
    """Return what the several images at each position are; they are a time series only where the sequence says so."""
    if series.sequence in TIMED:
        return f"{series.frames} time points"
    if series.sequence is Sequence.DWI and series.b_value is not None:
        return f"{series.frames} diffusion directions" if series.b_value > 0 else f"{series.frames} repetitions"
    return f"{series.frames} images at each position"


def facts(series: Series) -> str:
    """Return slices, spacing and plane in a few words."""
    parts = [f"{series.slices} slices" if series.slices != 1 else "1 slice"]
    if series.frames > 1:
        parts.append(repeats(series))
    if series.spacing_mm is not None:
        z, y, x = series.spacing_mm
        pixel = f"{y:.2g} × {x:.2g}"
        parts.append(f"{pixel} mm" if not math.isfinite(z) else f"{z:.3g} × {pixel} mm")
    if series.plane is not Plane.UNKNOWN:
        parts.append(series.plane.value)
    return " · ".join(parts)


def _show_problems(study: OpenStudy) -> None:
    problems = study.inventory.problems
    if not problems:
        return
    with st.expander(f"{len(problems)} file{'s' if len(problems) > 1 else ''} not used"):
        for problem in problems[:MOST_PROBLEMS]:
            st.caption(f"{problem.source}: {problem.message}")
        if len(problems) > MOST_PROBLEMS:
            st.caption(f"and {len(problems) - MOST_PROBLEMS} more")
