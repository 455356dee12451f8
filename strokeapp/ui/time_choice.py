"""Choose the time point of a series that holds several images of the same slices."""

from __future__ import annotations

import streamlit as st

from strokeapp.reading import Series
from strokeapp.reading.time_points import one_of
from strokeapp.ui.series_words import time_words
from strokeapp.ui.state import OpenStudy


def chosen_time_point(study: OpenStudy, series: Series) -> int:
    """Return the time point chosen for a series, from 0, as the control has it that may be drawn later in this run.

    It is kept for as long as the study is open; the control's own memory ends when it is not drawn.
    """
    if _key(series) in st.session_state:
        study.time_points[series.key] = st.session_state[_key(series)] - 1
    return study.time_points.get(series.key, 0)


def choose_time_point(study: OpenStudy, series: Series) -> None:
    """Draw the control."""
    number = chosen_time_point(study, series)
    st.session_state.setdefault(_key(series), number + 1)
    st.slider(one_of(series.sequence).capitalize(), 1, series.time_points, key=_key(series))
    if series.times_s:
        st.caption(time_words(series, number))


def _key(series: Series) -> str:
    return f"time-{series.key}"
