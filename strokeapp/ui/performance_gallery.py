"""Draw the failure gallery: the images a network got most wrong, each opened in the viewer on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.performance.gallery import FALSE_ALARM, MISSED, worst_mistakes
from strokeapp.types import Finding
from strokeapp.ui import viewer
from strokeapp.ui.exhibits import Exhibit, Exhibits
from strokeapp.ui.failure_case import FailureCase, open_failure
from strokeapp.ui.labelled_images import LabelledImages, labelled_images
from strokeapp.ui.model_card_data import SHARED_VARIABLE, image_folder
from strokeapp.ui.performance_data import Network
from strokeapp.ui.pixels import picture, square_thumbnail

PER_ROW = 8
THUMBNAIL = 150
VIEWER_HEIGHT = 560
OPENED = "_performance_failure"
KINDS = {MISSED: "Missed: with the finding, lowest probability first",
         FALSE_ALARM: "False alarms: without the finding, highest probability first"}  # fmt: skip


def show_mistakes(exhibits: Exhibits, network: Network, rows: pd.DataFrame, finding: Finding, threshold: float) -> None:
    """Show the images the network got most wrong; where they are at hand as pictures that open in the viewer.

    Args:
        exhibits: Of the page.
        network: Whose predictions these are.
        rows: Images of the selection.
        finding: Which label and probability.
        threshold: In use on an image's probability.
    """
    exhibits.section("Worst mistakes")
    worst = worst_mistakes(rows, finding, threshold)
    if worst.empty:
        st.caption("No image of this selection lies on the wrong side of the threshold.")
        return
    note = f"By image, threshold {threshold:.3f}. Presumed: nobody read it, so the label may be the mistake."
    exhibits.listed(
        st,
        Exhibit(
            "mistakes", "On the wrong side of the threshold", worst.drop(columns="path"), shown=_shown(worst), note=note
        ),
    )
    images = _images()
    at_hand = images is not None and any(images.image(name) is not None for name in worst["path"])
    if images is None or not at_hand:
        _list(worst)
    else:
        for kind in (kind for kind in KINDS if (worst["kind"] == kind).any()):
            st.markdown(f"**{KINDS[kind]}**")
            _pictures(images, worst[worst["kind"] == kind])
    st.caption(note)
    if images is not None and at_hand:
        _show_opened(images, network, worst, finding)


def _shown(worst: pd.DataFrame) -> pd.DataFrame:
    """Return the list as it is printed: without paths, which may name a patient."""
    return pd.DataFrame(
        {
            "Kind": worst["kind"].str.capitalize(),
            "Dataset": worst["dataset"],
            "Probability": worst["probability"].map("{:.3f}".format),
            "Label": np.where(worst["presumed"], "presumed", "read"),
            "Dice": worst["lesion_dice"].map(lambda value: "–" if np.isnan(value) else f"{value:.2f}"),
        }
    )


def _list(worst: pd.DataFrame) -> None:
    """Name the images; unlike in print the one who reads may know the files."""
    shown = _shown(worst)
    shown.insert(1, "Image", worst["path"].to_numpy())
    st.dataframe(shown, hide_index=True, width="stretch", height=240)


def _images() -> LabelledImages | None:
    """Return the folder of the images: the server's own, else the one given here; None, with a word, without one."""
    folder = image_folder()
    if folder is None:
        given = st.text_input(
            "Folder of these images on this server",
            placeholder="The folder that holds manifest.csv",
            help=f"Or start the server with {SHARED_VARIABLE}: the folder that holds “data” with the images.",
            key="performance_images",
        ).strip()
        if not given:
            st.info("The images are not part of the application. Give their folder to see them in the viewer.")
            return None
        folder = Path(given)
    try:
        return _opened_folder(str(folder), _written(folder))
    except StrokeAppError as error:
        st.error(error.user_message)
        return None


def _written(folder: Path) -> int:
    path = folder / "manifest.csv"
    return path.stat().st_mtime_ns if path.is_file() else 0


@st.cache_resource(max_entries=2, show_spinner="Reading the manifest …")
def _opened_folder(folder: str, written: int) -> LabelledImages:
    """Open a folder; the time of writing of its manifest is part of what the cache is keyed by."""
    return labelled_images(Path(folder))


def _pictures(images: LabelledImages, part: pd.DataFrame) -> None:
    rows = part.to_dict("records")
    for start in range(0, len(rows), PER_ROW):
        for column, row in zip(st.columns(PER_ROW), rows[start : start + PER_ROW], strict=False):
            with column:
                _thumbnail(images, row)


def _thumbnail(images: LabelledImages, row: dict) -> None:
    name = row["path"]
    key = f"failure-{row['kind']}-{name}".replace("/", "-").replace(".", "-").replace(" ", "-")
    path = images.image(name)
    pixels = None if path is None else square_thumbnail(path, side=2 * THUMBNAIL)
    picture(pixels, key=key, size=THUMBNAIL, label=f"{row['kind']}: {name}")
    st.button(
        f"{row['probability']:.3f}",
        key=f"{key}-open",
        help=f"Open {name} in the viewer" + (" (label presumed)" if row["presumed"] else ""),
        icon=":material/open_in_full:",
        disabled=path is None,
        on_click=_ask_for,
        args=(name,),
        width="stretch",
    )
    st.caption(row["dataset"] + (" · presumed" if row["presumed"] else ""))


def _ask_for(name: str) -> None:
    st.session_state[OPENED] = (name, None, None)


def _show_opened(images: LabelledImages, network: Network, worst: pd.DataFrame, finding: Finding) -> None:
    """Show the image that was asked for, as long as it belongs to the list on show."""
    name = st.session_state.get(OPENED, (None,))[0]
    row = next((row for row in worst.to_dict("records") if row["path"] == name), None)
    if row is None:
        return
    st.markdown(
        f"**{name}** · {row['kind']}, probability {row['probability']:.3f}, threshold {row['threshold']:.3f}"
        + (" · label presumed" if row["presumed"] else "")
    )
    try:
        case = _case(images, network, row, finding)
        viewer.show(
            case.scan, overlays=case.overlays, height=VIEWER_HEIGHT, explain=False, key=f"failure-viewer-{network.name}"
        )
    except StrokeAppError as error:
        st.error(error.user_message)
        return
    st.caption(
        "The probability is that of a network that had not learnt from this image; the lesion map is drawn by the "
        "shipped network, which may have. " + " ".join(case.notes)
    )


def _case(images: LabelledImages, network: Network, row: dict, finding: Finding) -> FailureCase:
    """Return what was opened last, or open it; one image per session is kept."""
    key = (str(images.folder), network.name, network.version, finding)
    name, held, case = st.session_state[OPENED]
    if held != key or case is None:
        with st.spinner("Opening the image …"):
            case = open_failure(images, name, network, finding, lesion=not np.isnan(row["lesion_dice"]))
        st.session_state[OPENED] = (name, key, case)
    return case
