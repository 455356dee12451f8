"""Whether two series state the same frame of reference."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from factories import make_ct_series
from strokeapp.reading import Series, open_inputs
from strokeapp.reading.frame_of_reference import same_frame


def opened(folder: Path, *, number: int, frame: str | None) -> Series:
    folder.mkdir()
    make_ct_series(folder, n=3, series_uid=f"1.2.826.0.1.3680043.8.498.{number}")
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        if frame is None:
            dataset.pop("FrameOfReferenceUID", None)
        else:
            dataset.FrameOfReferenceUID = frame
        dataset.save_as(path)
    (series,) = open_inputs([folder], workspace=folder.parent / "unpacked").series
    return series


@pytest.mark.parametrize(
    ("first", "second", "expected"), [("1.2.3", "1.2.3", True), ("1.2.3", "1.2.4", False), ("1.2.3", None, None)]
)
def test_frames_are_compared_and_silence_is_not_agreement(
    tmp_path: Path, first: str, second: str | None, expected: bool | None
) -> None:
    series = [
        opened(tmp_path / f"s{number}", number=number, frame=frame) for number, frame in enumerate((first, second), 1)
    ]
    assert same_frame(*series) is expected
