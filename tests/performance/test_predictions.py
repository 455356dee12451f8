"""Tables of predictions: what is read, what is refused, which rows a figure takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from strokeapp.errors import PerformanceError
from strokeapp.performance.predictions import known, read_predictions, study_level

HEADER = "path,patient,dataset,fold,ischemic,hemorrhagic,presumed,epidural,hemorrhagic_probability,ischemic_probability"
ROWS = [
    "a/1.png,007,a,0,0,1,ischemic,1,0.9,0.2",
    "a/2.png,007,a,0,0,0,ischemic,0,0.4,0.1",
    "a/3.png,NA,a,1,0,0,ischemic,0,0.3,",
    "b/1.png,,b,2,1,,,,0.2,0.8",
    "b/2.png,,b,2,1,0,hemorrhagic,,0.1,0.7",
]


def write(folder: Path, *rows: str, header: str = HEADER, name: str = "predictions.csv") -> Path:
    path = folder / name
    pd.Series([header, *rows]).to_csv(path, index=False, header=False, quoting=3, sep="\t")
    return path


@pytest.mark.parametrize("name", ["predictions.csv", "predictions.csv.gz"])
def test_labels_and_identities_survive_reading(tmp_path: Path, name: str) -> None:
    table = read_predictions(write(tmp_path, *ROWS, name=name))
    assert table["patient"].tolist() == ["007", "007", "NA", "", ""]
    assert np.isnan(table["hemorrhagic"].iloc[3]) and np.isnan(table["ischemic_probability"].iloc[2])
    assert table["subdural"].isna().all() and table["lesion_dice"].isna().all()


def test_unknown_labels_and_missing_scores_are_left_out(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path, *ROWS))
    labels, scores, patients = known(table, "hemorrhagic")
    assert labels.tolist() == [1, 0, 0, 0] and scores.tolist() == [0.9, 0.4, 0.3, 0.1]
    assert patients.tolist() == [0, 0, 1, 2]
    assert known(table, "ischemic").labels.tolist() == [0, 0, 1, 1]


def test_presumed_zeros_can_be_left_out_but_presumed_ones_never_are(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path, *ROWS))
    assert known(table, "hemorrhagic", presumed=False).scores.tolist() == [0.9, 0.4, 0.3]
    read = known(table, "ischemic", presumed=False)
    assert read.labels.tolist() == [1, 1] and not read.two_classes


def test_images_without_patient_are_one_group_per_dataset(tmp_path: Path) -> None:
    assert known(read_predictions(write(tmp_path, *ROWS)), "ischemic").patients.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a/9.png,p,a,0,2,0,,,0.5,", "ischemic must be 0, 1 or empty"),
        ("a/9.png,p,a,0,0,0,,,1.5,", "hemorrhagic_probability must be between 0 and 1"),
        ("a/9.png,p,a,0,0,0,,,high,", 'but is "high"'),
        ("a/1.png,p,a,0,0,0,,,0.5,", "appear twice"),
        ("a/9.png,007,a,3,0,0,,,0.5,", "two folds"),
        ("a/9.png,p,a,0,0,0,tumor,,0.5,", '"tumor"'),
    ],
)
def test_impossible_rows_are_refused_with_the_reason(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(PerformanceError, match=words):
        read_predictions(write(tmp_path, *ROWS, row))


def test_line_number_points_into_the_file(tmp_path: Path) -> None:
    with pytest.raises(PerformanceError, match="line 7"):
        read_predictions(write(tmp_path, *ROWS, "a/9.png,p,a,0,0,0,,,nan,"))


def test_absent_empty_and_damaged_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PerformanceError) as caught:
        read_predictions(tmp_path / "none.csv")
    assert caught.value.code == "predictions_missing"
    (tmp_path / "empty.csv").touch()
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08\x00 cut short")
    for name in ("empty.csv", "broken.csv.gz"):
        with pytest.raises(PerformanceError):
            read_predictions(tmp_path / name)
    with pytest.raises(PerformanceError, match="no rows"):
        read_predictions(write(tmp_path))
    with pytest.raises(PerformanceError, match="lack the column"):
        read_predictions(write(tmp_path, "x,y", header="path,patient"))
    with pytest.raises(PerformanceError, match="no probability"):
        read_predictions(write(tmp_path, "a,p,d,0,1,0", header="path,patient,dataset,fold,ischemic,hemorrhagic"))


def test_studies_take_the_highest_image_and_do_not_guess_labels(tmp_path: Path) -> None:
    rows = [*ROWS, "c/1.png,q,c,0,0,0,,0,0.6,0.3", "c/2.png,q,c,0,0,,,0,0.7,0.5"]
    studies = study_level(read_predictions(write(tmp_path, *rows)), "hemorrhagic").set_index("path")
    assert studies.index.tolist() == ["a/007", "a/NA", "c/q"]
    assert studies["hemorrhagic"].tolist()[:2] == [1, 0] and np.isnan(studies.loc["c/q", "hemorrhagic"])
    assert studies["hemorrhagic_probability"].tolist() == [0.9, 0.3, 0.7]
    assert studies["images"].tolist() == [2, 1, 2]
    ischemic = study_level(read_predictions(write(tmp_path, *rows)), "ischemic", pool="mean")
    assert known(ischemic, "ischemic", presumed=False).scores.tolist() == pytest.approx([0.4])
    last = study_level(read_predictions(write(tmp_path, *rows)), "ischemic", pool=lambda column: column.iloc[-1])
    assert last.set_index("path")["ischemic_probability"].tolist() == pytest.approx([0.1, np.nan, 0.5], nan_ok=True)
    with pytest.raises(PerformanceError, match="pooled"):
        study_level(ischemic, "ischemic", pool="median")
