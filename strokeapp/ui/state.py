"""Hold what one browser session has open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st
from numpy.typing import NDArray

from strokeapp.imaging.scan_digest import scan_digest
from strokeapp.reading import Inventory, Series
from strokeapp.types import Attribution, Scan
from strokeapp.ui.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from strokeapp.inference.explain import VolumeAttribution
    from strokeapp.inference.explanation.jobs import BackgroundJob
    from strokeapp.inference.series import Outcome

KEY = "_open_study"


@dataclass
class OpenStudy:
    """Hold one opened input and all that was made of it.

    Args:
        title: Shown above the viewer.
        workspace: Owns the files.
        inventory: What was found.
        chosen: Key of the series on show, or None.
        time_points: The one of each series to be shown, from 0, per series key; the first unless chosen.
        thumbnails: Per series key.
        scan: The scan on show, with its series key.
        second: The scan it is compared with, with its series key.
        outcomes: Readings made so far, per series key.
        attributions: Made so far, per series key.
        volumes: Explanations of whole series, by content; each with its series key.
        volume_job: The one that runs or ran last, and whether its result was taken.
        overlays: Packed overlay arrays, kept so that they stay the same objects between reruns.
        error: Why the chosen series cannot be shown, per series key.
        panel_shows: Key of the series whose reading the browser has on show.
        side_by_side: One slice under several methods, with what it was made of.
        curves: Removal curves of one explanation, with what they were made of.
    """

    title: str
    workspace: Workspace
    inventory: Inventory
    chosen: str | None = None
    time_points: dict[str, int] = field(default_factory=dict)
    thumbnails: dict[str, NDArray | None] = field(default_factory=dict)
    scan: tuple[str, Scan] | None = None
    second: tuple[str, Scan] | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    attributions: dict[str, list[Attribution]] = field(default_factory=dict)
    volumes: dict[str, tuple[str, VolumeAttribution]] = field(default_factory=dict)
    volume_job: BackgroundJob | None = None
    volume_seen: bool = True
    overlays: dict[tuple, NDArray] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    panel_shows: str | None = None
    side_by_side: tuple[tuple, tuple[dict[str, Attribution], dict[str, str]]] | None = None
    curves: tuple[tuple, pd.DataFrame] | None = None
    _digest: tuple[Scan, str] | None = None

    @property
    def series(self) -> Series | None:
        """Return the series on show."""
        return next((item for item in self.inventory.series if item.key == self.chosen), None)

    def time_point(self, series: Series) -> int | None:
        """Return the time point of a series to be shown, from 0; None where there is no choice."""
        return self.time_points.get(series.key, 0) if series.time_points > 1 else None

    def holds(self, held: tuple[str, Scan] | None, series: Series) -> bool:
        """Tell whether a scan with its series key is what is to be shown of a series."""
        return held is not None and held[0] == series.key and held[1].time_point == self.time_point(series)

    def digest(self, scan: Scan) -> str:
        """Return a scan's digest; its voxels are looked at once, not at every rerun."""
        if self._digest is None or self._digest[0] is not scan:
            self._digest = (scan, scan_digest(scan))
        return self._digest[1]


def open_study() -> OpenStudy | None:
    """Return what the session has open."""
    return st.session_state.get(KEY)


def set_study(study: OpenStudy) -> None:
    """Put a study in the place of the one that was open."""
    close_study()
    st.session_state[KEY] = study


def close_study() -> None:
    """Forget the open study: voxels, readings, files on disk, and what the viewer packed."""
    study = st.session_state.pop(KEY, None)
    for name in [name for name in st.session_state if str(name).startswith("_viewer_cache_")]:
        del st.session_state[name]
    if study is not None:
        if study.volume_job is not None:
            study.volume_job.cancel()
        study.workspace.close()
