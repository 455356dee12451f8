"""Draw the open study: the scan large, beside it the reading and why."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from strokeapp.errors import StrokeAppError
from strokeapp.inference.explanation.registry import METHODS
from strokeapp.inference.words import NAMES
from strokeapp.reading import Series, load
from strokeapp.reading.frame_of_reference import same_frame
from strokeapp.types import Attribution, Reading, Scan
from strokeapp.ui import viewer
from strokeapp.ui.plain import plain
from strokeapp.ui.reading_layers import map_overlays, probability_strips
from strokeapp.ui.reading_panel import show_reading
from strokeapp.ui.series_list import compared_key, show_series
from strokeapp.ui.series_words import headline, name, patients
from strokeapp.ui.state import OpenStudy
from strokeapp.ui.why_panel import explain_slice, show_why

VIEWER_HEIGHT = 820
QUIET_SECONDS = 0.5


def show_study(study: OpenStudy) -> None:
    """Draw series list, viewer, reading and explanations of the open study."""
    show_series(study)
    series = study.series
    picture_column, panel = st.columns([7, 3], gap="medium")
    beside = _panel(study, panel)
    with picture_column:
        scan = _scan(study, series) if series is not None else None
        event = None
        if scan is not None:
            event = _show_viewer(study, series, scan)
    with beside.container():
        show_reading(study, series, scan)
        show_why(study, series, scan)
    study.panel_shows = study.chosen
    if event is not None and scan is not None:
        explain_slice(study, series, scan, event.slice_index, where=panel)


def _panel(study: OpenStudy, panel: DeltaGenerator) -> DeltaGenerator:
    """Return where the reading goes, emptied at once if it still shows another series.

    Streamlit leaves what the run before drew until it is drawn over: one series' reading would stand beside the
    other's picture for as long as that loads.
    """
    return panel if study.panel_shows == study.chosen else panel.empty()


def _scan(study: OpenStudy, series: Series) -> Scan | None:
    """Return the chosen series' scan, loading it with progress; None, with the reason shown, if it cannot be."""
    # The place of the progress bar is there in every run: what follows must not move, or the page shows the
    # viewer of the run before beside the new one until the script ends.
    slot = st.empty()
    if study.scan is not None and study.holds(study.scan, series):
        return study.scan[1]
    if not series.viewable:
        st.info(plain(series.refusal.message) if series.refusal else "This series holds no picture.")
        return None
    scan = _load(study, series, slot, quiet=study.scan is not None and study.scan[0] == series.key)
    if scan is not None:
        study.scan = (series.key, scan)
        study.overlays.clear()
    return scan


def _load(study: OpenStudy, series: Series, slot: DeltaGenerator, *, quiet: bool) -> Scan | None:
    """Load what is to be shown, with progress in a slot; it is empty afterwards, or says why there is no scan.

    With ``quiet`` nothing is said of what is there in a moment: the picture of another time point must not jump.
    """
    begun = time.monotonic()

    def tell(share: float, text: str) -> None:
        if not quiet or time.monotonic() - begun > QUIET_SECONDS:
            slot.progress(min(1.0, share), plain(text))

    tell(0.0, "Loading the series")
    try:
        scan = load(series, time_point=study.time_point(series) or 0, progress=tell)
    except StrokeAppError as error:
        slot.error(plain(error.user_message))
        return None
    slot.empty()
    return scan


def _comparison(study: OpenStudy, series: Series) -> viewer.Comparison | None:
    """Offer the study's other series to be shown beside this one; return the chosen one."""
    others = {item.key: item for item in study.inventory.series if item.viewable and item.key != series.key}
    if not others:
        study.second = None
        return None
    key = st.selectbox(
        "Compare with",
        list(others),
        index=None,
        format_func=lambda key: _label(study, others[key]),
        placeholder="Compare with another series",
        label_visibility="collapsed",
        key=compared_key(series),
    )
    slot = st.empty()
    if key is None:
        study.second = None
        return None
    if not study.holds(study.second, others[key]):
        same = study.second is not None and study.second[0] == key
        scan = _load(study, others[key], slot, quiet=same)
        study.second = None if scan is None else (key, scan)
    return None if study.second is None else viewer.Comparison(study.second[1], same_frame(series, others[key]))


def _label(study: OpenStudy, series: Series) -> str:
    letters = patients(study.inventory)
    whose = letters.get(series.patient, "") if len(letters) > 1 else ""
    return " · ".join(filter(None, (whose, headline(series), name(series))))


def _show_viewer(study: OpenStudy, series: Series, scan: Scan) -> viewer.ViewerEvent | None:
    outcome = study.outcomes.get(series.key)
    reading = outcome.reading if outcome else None
    picture, below = st.container(), st.container()
    with below:
        second = _comparison(study, series)
    try:
        with picture:
            return viewer.show(
                scan,
                second=second,
                overlays=_overlays(study, series, reading),
                strips=probability_strips(reading) if reading is not None else (),
                height=VIEWER_HEIGHT,
                explain=reading is not None,
                key=f"viewer-{series.key}",
            )
    except StrokeAppError as error:
        st.error(f"{headline(series)} cannot be shown: {plain(error.user_message)}")
        return None


def _overlays(study: OpenStudy, series: Series, reading: Reading | None) -> list[viewer.Overlay]:
    if reading is None:
        return []
    overlays = map_overlays(reading)
    for item in study.attributions.get(series.key, []):
        label = f"{METHODS[item.method].title}, {NAMES[item.finding].lower()}, slice {item.slice_index + 1}"
        overlays.append(viewer.Overlay(label, _pixels(study, series, item), (item.slice_index,), "viridis"))
    for volume in (volume for key, volume in study.volumes.values() if key == series.key):
        label = f"{METHODS[volume.method].title}, {NAMES[volume.finding].lower()}, all slices"
        overlays.append(viewer.Overlay(label, volume.values, None, "viridis", explains=True))
    return overlays


def _pixels(study: OpenStudy, series: Series, item: Attribution) -> NDArray[np.uint8]:
    key = (series.key, item.method, item.finding, item.slice_index)
    if key not in study.overlays:
        study.overlays[key] = np.rint(255 * item.values).astype(np.uint8)[None]
    return study.overlays[key]
