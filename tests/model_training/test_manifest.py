"""Manifests: what is refused with the line it stands on, and that an empty label is not a zero."""

from __future__ import annotations

import numpy as np
import pytest
from factories_training import COLUMNS, toy_table, write_manifest, write_toy_manifest

from model_training.manifest import LABELS, REQUIRED, read_manifest
from strokeapp.errors import ManifestError

ROW = {
    "path": "a.png", "dataset": "d", "patient": "p", "modality": "CT", "sequence": "NCCT", "ischemic": "1",
    "hemorrhagic": "0",
}  # fmt: skip


def manifest(tmp_path, *rows, columns=COLUMNS):
    return write_manifest(tmp_path / "manifest.csv", list(rows), columns=columns)


def test_labels_are_one_zero_or_not_known(tmp_path):
    rows = [ROW, ROW | {"path": "b.png", "ischemic": "", "hemorrhagic": "1"}]
    table = read_manifest(manifest(tmp_path, *rows))
    np.testing.assert_array_equal(table["ischemic"], [1.0, np.nan])
    np.testing.assert_array_equal(table["hemorrhagic"], [0.0, 1.0])
    assert table[list(LABELS[2:])].isna().all(axis=None)


def test_optional_columns_may_be_absent(tmp_path):
    table = read_manifest(manifest(tmp_path, ROW, columns=REQUIRED))
    assert table.loc[0, "mask"] == "" and np.isnan(table.loc[0, "epidural"])


@pytest.mark.parametrize("patient", ["007", "NA", "null", "1e3"])
def test_patients_stay_as_written(tmp_path, patient):
    table = read_manifest(manifest(tmp_path, ROW | {"patient": patient}))
    assert table.loc[0, "patient"] == table.loc[0, "group"] == patient


def test_rows_without_patient_are_one_group_per_dataset(tmp_path):
    rows = [ROW | {"path": f"{i}.png", "patient": "", "dataset": name} for i, name in enumerate("xxy")]
    assert list(read_manifest(manifest(tmp_path, *rows))["group"]) == ["x", "x", "y"]


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_column_is_named(tmp_path, column):
    with pytest.raises(ManifestError, match=column):
        read_manifest(manifest(tmp_path, ROW, columns=tuple(name for name in REQUIRED if name != column)))


@pytest.mark.parametrize("column", ["ischemic", "hemorrhagic", "subdural"])
@pytest.mark.parametrize("value", ["2", "yes", "0.5", "-1", "nan", "inf"])
def test_a_wrong_label_is_named_with_its_line(tmp_path, column, value):
    rows = [ROW, ROW | {"path": "b.png", column: value}]
    with pytest.raises(ManifestError, match=f"line 3: {column}"):
        read_manifest(manifest(tmp_path, *rows))


def test_duplicates_empty_paths_and_empty_tables_are_refused(tmp_path):
    for rows, words in (
        ([ROW, ROW | {"patient": "q"}], "a.png more than once"),
        ([ROW | {"path": ""}], "needs a path"),
        ([], "no rows"),
    ):
        with pytest.raises(ManifestError, match=words):
            read_manifest(manifest(tmp_path, *rows))


def test_rows_wider_than_the_header_are_refused_and_not_shifted(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text(",".join(REQUIRED) + "\na.png,d,p,CT,NCCT,1,0,surplus\n")
    with pytest.raises(ManifestError, match="more cells"):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x81", b'path,"dataset\n'])
def test_what_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(ManifestError):
        read_manifest(path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ManifestError, match=r"nowhere\.csv"):
        read_manifest(tmp_path / "nowhere.csv")


def test_the_toy_manifest_reads_back_as_its_table(tmp_path):
    table = toy_table()
    again = read_manifest(write_toy_manifest(tmp_path, table))
    np.testing.assert_array_equal(again[list(LABELS)], table[list(LABELS)])


def test_the_real_manifest_reads(shared):
    table = read_manifest(shared / "data" / "manifest.csv")
    assert len(table) > 8000 and set(table["dataset"]) >= {"ct_ich", "teknofest", "soop_flair"}
    assert table.loc[table["dataset"] == "aisd", "hemorrhagic"].isna().all()
