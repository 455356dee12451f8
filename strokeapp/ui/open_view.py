"""Draw the first screen: drop a study, or open a demonstration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from strokeapp.demonstration import Demonstration, demonstrations
from strokeapp.errors import StrokeAppError
from strokeapp.inference.words import DISCLAIMER
from strokeapp.reading import open_inputs, preselect
from strokeapp.ui.plain import plain
from strokeapp.ui.series_words import nothing_found
from strokeapp.ui.state import OpenStudy, set_study
from strokeapp.ui.workspace import Workspace

UPLOADER = "_uploader"
PER_ROW = 3


def show_open() -> None:
    """Draw the upload box and the demonstration studies."""
    st.title("Open a head CT or MRI", anchor=False)
    problem = st.session_state.pop("_open_problem", None)
    if problem:
        st.error(plain(problem))
    files, folder = st.tabs(["Files or zip", "Folder"])
    number = st.session_state.setdefault(UPLOADER, 0)
    with files:
        chosen = st.file_uploader(
            "DICOM, NIfTI, PNG, JPEG or TIFF: one file, several, or a zip",
            accept_multiple_files=True,
            key=f"files-{number}",
        )
    with folder:
        chosen_folder = st.file_uploader(
            "A folder as the PACS exported it", accept_multiple_files="directory", key=f"folder-{number}"
        )
    uploads = chosen or chosen_folder
    if uploads:
        _open_uploads(uploads)
    _show_demonstrations()
    st.caption(DISCLAIMER)


def _open_uploads(uploads: list) -> None:
    tops = sorted({upload.name.replace("\\", "/").split("/")[0] for upload in uploads})
    title = tops[0] if len(tops) == 1 else f"{len(uploads)} files"
    _open(title, lambda workspace: workspace.spool(uploads))


def _show_demonstrations() -> None:
    studies = demonstrations()
    if not studies:
        return
    st.subheader("Or open a demonstration study", anchor=False)
    for start in range(0, len(studies), PER_ROW):
        row = studies[start : start + PER_ROW]
        for column, study in zip(st.columns(PER_ROW), row, strict=False):
            with column.container(border=True, height="stretch", vertical_alignment="distribute"):
                _show_demonstration(study)


def _show_demonstration(study: Demonstration) -> None:
    with st.container(gap=None):
        st.markdown(f"**{study.title}**")
        st.caption(f"{study.modality} · synthetic · {study.description.removeprefix('Synthetic ')}")
    if st.button("Open", key=f"demo-{study.title}", width="stretch"):
        _open_demonstration(study)


def _open_demonstration(study: Demonstration) -> None:
    def fetch(workspace: Workspace) -> list[Path]:
        target = workspace.uploads / study.path.name
        target.write_bytes(study.open().read())
        return [target]

    _open(f"{study.title} (synthetic)", fetch)


def _open(title: str, fetch: Callable[[Workspace], list[Path]]) -> None:
    """Spool, list what is inside, and put the study on show; on failure say why and leave nothing behind."""
    workspace, bar = Workspace(), st.progress(0.0, "Opening")
    try:
        paths = fetch(workspace)
        inventory = open_inputs(
            paths, workspace=workspace.unpacked, progress=lambda share, text: bar.progress(min(1.0, share), plain(text))
        )
        if not inventory.series:
            raise StrokeAppError(nothing_found(inventory, title))
    except StrokeAppError as error:
        workspace.close()
        st.session_state["_open_problem"] = error.user_message
    except BaseException:
        workspace.close()
        raise
    else:
        best = preselect(inventory) or next((s for s in inventory.series if s.viewable), inventory.series[0])
        set_study(OpenStudy(title, workspace, inventory, best.key))
    # A new key drops the widget's hold on the uploaded bytes.
    st.session_state[UPLOADER] += 1
    st.rerun()
