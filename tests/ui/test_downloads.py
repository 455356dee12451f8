"""Files for the browser: what is written can be read again."""

from __future__ import annotations

import io
import zipfile

import pandas as pd

from strokeapp.ui.downloads import csv_archive, csv_bytes, file_stem

TABLE = pd.DataFrame({"name": ["σ–1", "a,b"], "value": [0.1 + 0.2, float("nan")]})


def test_csv_keeps_every_digit_and_every_letter() -> None:
    data = csv_bytes(TABLE)
    assert data.startswith(b"\xef\xbb\xbf")
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(data), encoding="utf-8-sig"), TABLE)


def test_archive_holds_one_csv_per_table_and_is_the_same_twice() -> None:
    data = csv_archive({"roc": TABLE, "calls": TABLE.head(1)})
    assert data == csv_archive({"roc": TABLE, "calls": TABLE.head(1)})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["roc.csv", "calls.csv"] and archive.testzip() is None
        assert archive.read("calls.csv") == csv_bytes(TABLE.head(1))


def test_file_names_hold_nothing_that_a_file_system_minds() -> None:
    assert file_stem("ct_slice", "1.0.0", "", "Lesion size: 50 to 199 pixels", "../x") == (
        "ct_slice-1.0.0-Lesion_size_50_to_199_pixels-.._x"
    )
