"""Check the synthetic studies that come with the program, and that a damaged one is refused."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest

from strokeapp.demonstration import LISTING, Demonstration, demonstrations
from strokeapp.errors import CorruptFileError
from strokeapp.types import Modality

MAX_TOTAL_BYTES = 12_000_000


def test_every_listed_study_opens_and_is_a_zip():
    found = demonstrations()
    assert {d.modality for d in found} == {Modality.CT, Modality.MR}
    for demonstration in found:
        with zipfile.ZipFile(demonstration.open()) as archive:
            assert archive.testzip() is None
            assert archive.namelist()


def test_no_file_is_unlisted_and_the_total_is_small():
    listed = {d.path for d in demonstrations()}
    assert set(LISTING.parent.glob("*.zip")) == listed
    assert sum(path.stat().st_size for path in listed) <= MAX_TOTAL_BYTES


def test_every_dicom_study_is_labelled_synthetic():
    for demonstration in demonstrations():
        with zipfile.ZipFile(demonstration.open()) as archive:
            names = archive.namelist()
            if not names[0].endswith(".dcm"):
                assert "sub-synthetic" in names[0]
                continue
            first = pydicom.dcmread(io.BytesIO(archive.read(names[0])))
            assert first.Manufacturer == "StrokeApp phantom"
            assert first.pixel_array.shape == (first.Rows, first.Columns)


def test_a_changed_or_missing_file_is_refused(tmp_path: Path):
    shutil.copy(LISTING, tmp_path / LISTING.name)
    original = demonstrations()[0]
    copy = demonstrations(tmp_path / LISTING.name)[0]
    with pytest.raises(CorruptFileError, match="Install the program again"):
        copy.open()
    copy.path.write_bytes(original.path.read_bytes() + b"x")
    with pytest.raises(CorruptFileError) as caught:
        copy.open()
    assert "sha256" in caught.value.detail


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"file": "a.zip"}]', None])
def test_a_damaged_list_is_refused(tmp_path: Path, text: str | None):
    listing = tmp_path / "demonstrations.json"
    if text is not None:
        listing.write_text(text, encoding="utf-8")
    with pytest.raises(CorruptFileError):
        demonstrations(listing)


def test_a_study_not_marked_synthetic_is_refused(tmp_path: Path):
    entries = json.loads(LISTING.read_text(encoding="utf-8"))
    entries[0]["synthetic"] = False
    listing = tmp_path / "demonstrations.json"
    listing.write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(CorruptFileError):
        demonstrations(listing)


def test_a_path_in_the_list_cannot_leave_the_folder(tmp_path: Path):
    entries = json.loads(LISTING.read_text(encoding="utf-8"))
    entries[0]["file"] = "../../secret.zip"
    listing = tmp_path / "demonstrations.json"
    listing.write_text(json.dumps(entries), encoding="utf-8")
    first: Demonstration = demonstrations(listing)[0]
    assert first.path.parent == tmp_path
