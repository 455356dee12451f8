"""Uploads stay inside their folder, keep their names, and go when the study is closed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokeapp.ui.workspace import PREFIX, Workspace, safe_parts, sweep_abandoned


class Upload(io.BytesIO):
    """Stand in for an uploaded file."""

    def __init__(self, name: str, content: bytes = b"x") -> None:
        super().__init__(content)
        self.name = name


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    space = Workspace()
    yield space
    space.close()


@pytest.mark.parametrize(
    "name",
    [
        "../../evil", "/etc/evil", "//etc/evil", "..\\..\\evil", "C:\\evil", "a/../../evil", ".", "..", "", "/", "///",
        "\0", ".\0./evil", "a\0/..\0/../evil",
    ],
)  # fmt: skip
def test_names_never_lead_outside(workspace, name):
    (top,) = workspace.spool([Upload(name, b"data")])
    written = [path for path in workspace.uploads.rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in written] == [b"data"]
    assert top.parent == workspace.uploads and written[0].resolve().is_relative_to(workspace.uploads.resolve())


@given(st.text(max_size=60) | st.text(alphabet="./\\\0aC:", max_size=30))
def test_safe_parts_hold_nothing_that_climbs(name):
    parts = safe_parts(name)
    assert parts and not any(part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part for part in parts)


def test_drive_letters_are_dropped_and_folders_kept():
    assert safe_parts("C:\\study\\a.dcm") == ("study", "a.dcm")
    assert safe_parts("study/series/a.dcm") == ("study", "series", "a.dcm")


@pytest.mark.parametrize("letter", ["a", "ü", "脳"])
def test_long_names_fit_the_file_system_and_keep_their_suffix(workspace, letter):
    (path,) = workspace.spool([Upload(letter * 300 + ".nii.gz")])
    assert path.is_file() and path.name.endswith(".nii.gz")


def test_equal_names_are_numbered(workspace):
    paths = workspace.spool([Upload("a.dcm", b"1"), Upload("a.dcm", b"2"), Upload("a.dcm", b"3")])
    assert [(path.name, path.read_bytes()) for path in paths] == [
        ("a.dcm", b"1"), ("a (2).dcm", b"2"), ("a (3).dcm", b"3"),
    ]  # fmt: skip


def test_a_folder_named_like_a_file_does_not_collide_with_it(workspace):
    paths = workspace.spool([Upload("a", b"1"), Upload("a/b", b"2"), Upload("a/c", b"3")])
    assert [path.name for path in paths] == ["a", "a (folder)"]
    assert sorted(path.name for path in paths[1].iterdir()) == ["b", "c"]


def test_a_folder_is_one_path_and_files_are_read_from_their_start(workspace):
    upload = Upload("study/b.dcm", b"whole")
    upload.read()
    tops = workspace.spool([Upload("study/a.dcm"), upload, Upload("note.txt")])
    assert [path.name for path in tops] == ["study", "note.txt"]
    assert (workspace.uploads / "study" / "b.dcm").read_bytes() == b"whole"


def test_closing_removes_everything_and_twice_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    space = Workspace()
    space.spool([Upload("a")])
    assert (tmp_path / next(tmp_path.iterdir()).name).stat().st_mode & 0o077 == 0, "others may not look in"
    space.close()
    space.close()
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_only_workspaces_of_processes_that_are_gone(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    gone, own, foreign = (tmp_path / f"{PREFIX}{owner}-x" for owner in (child.pid, os.getpid(), "notes"))
    other = tmp_path / "somebody-else"
    for folder in (gone, own, foreign, other):
        folder.mkdir()
        (folder / "file").touch()
    assert sweep_abandoned(tmp_path) == 1
    assert not gone.exists() and own.exists() and foreign.exists() and other.exists()
