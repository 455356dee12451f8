"""Choose the time point of a series that holds several images of the same slices."""

from __future__ import annotations

import streamlit as st

from strokeapp.reading import Series
from strokeapp.reading.time_points import one_of
from strokeapp.ui.series_words import time_words
from strokeapp.ui.state import OpenStudy


def choose_time_point(study: OpenStudy, series: Series) -> None:
    """Draw the control; the one chosen is kept for as long as the study is open."""
    key = f"time-{series.key}"
    st.session_state.setdefault(key, study.time_points.get(series.key, 0) + 1)
    number = st.slider(one_of(series.sequence).capitalize(), 1, series.time_points, key=key)
    study.time_points[series.key] = number - 1
    st.caption(time_words(series, number - 1))
