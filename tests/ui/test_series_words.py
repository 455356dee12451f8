"""Series are told apart by name and patient, and problems with images come before the clutter of a CD."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from factories import make_ct_series
from strokeapp.reading import Inventory, Problem, Refusal, Series, open_inputs
from strokeapp.types import Modality, Plane, QualityFlag, Sequence, Severity
from strokeapp.ui.series_words import facts, grouped, headline, name, nothing_found, patients, time_words

SERIES = Series(
    key="k", source="export/first/IM0001", modality=Modality.CT, sequence=Sequence.NCCT, description="", slices=1,
    frames=1, spacing_mm=(math.nan, 0.5, 0.5), plane=Plane.AXIAL, synthetic=False, viewable=True, refusal=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "CT NCCT"),
        ({"modality": Modality.PICTURE, "sequence": Sequence.UNKNOWN}, "Picture"),
        ({"refusal": Refusal("dose_report", "")}, "Dose report"),
        ({"refusal": Refusal("localizer", "")}, "Scout view"),
        ({"modality": Modality.OTHER, "refusal": Refusal("modality_unknown", "")}, "CT or MR unknown"),
        ({"modality": Modality.OTHER, "refusal": Refusal("modality", "")}, "Neither CT nor MR"),
        ({"modality": Modality.OTHER, "sequence": Sequence.TIME_SERIES, "frames": 3}, "Time series"),
        ({"refusal": Refusal("missing_rescale", "")}, "CT NCCT"),
    ],
)
def test_what_is_no_scan_is_not_called_one(changes, expected) -> None:
    assert headline(replace(SERIES, **changes)) == expected


def test_series_without_a_description_go_by_their_file() -> None:
    assert name(SERIES) == "first/IM0001"
    assert name(replace(SERIES, source="RAI.nii.gz")) == "RAI.nii.gz"
    assert name(replace(SERIES, description="Head 5 mm")) == "Head 5 mm"


def test_a_single_slice_has_no_slice_distance() -> None:
    assert facts(SERIES) == "1 slice · 0.5 × 0.5 mm · axial"


def test_the_list_says_that_of_several_images_the_first_is_shown() -> None:
    timed = replace(SERIES, slices=15, frames=10, modality=Modality.MR, sequence=Sequence.TIME_SERIES)
    assert facts(timed).startswith("15 slices · 10 time points, the first shown · ")
    assert "10 images at each position, the first shown" in facts(replace(timed, sequence=Sequence.T2))
    directions = replace(timed, sequence=Sequence.DWI, b_value=1000.0)
    mean = QualityFlag("trace_computed", Severity.INFO, "The mean of 10 diffusion images at each position is shown.")
    assert "10 diffusion directions · " in facts(replace(directions, flags=(mean,)))
    assert "first" not in facts(replace(SERIES, slices=15))
    assert "10 time points, number 4 shown" in facts(timed, 3)


def test_the_second_of_a_time_point_is_told_where_it_is_known() -> None:
    timed = replace(SERIES, frames=3, time_points=3, sequence=Sequence.PERFUSION)
    assert time_words(timed, 1) == ""
    assert time_words(replace(timed, times_s=(0.0, 1.243, 2.486)), 2) == "2.5 s after the first"


def test_patients_of_one_drop_get_letters_and_never_names(tmp_path) -> None:
    for number, patient in enumerate(("Doe^Jane", "Roe^Richard", "Doe^Jane"), 1):
        make_ct_series(tmp_path / str(number), n=3, patient=patient, series_uid=f"1.2.3.{number}")
    inventory = open_inputs([tmp_path], workspace=tmp_path)
    letters = patients(inventory)
    assert sorted(letters.values()) == ["Patient A", "Patient B"]
    assert [letters[series.patient] for series in inventory.series] == ["Patient A", "Patient B", "Patient A"]
    assert "Doe" not in repr(letters)


def test_files_that_name_nobody_are_no_patient() -> None:
    assert patients(Inventory((SERIES, replace(SERIES, key="l")), ())) == {}


def test_letters_go_on_after_z() -> None:
    many = tuple(replace(SERIES, key=str(n), patient=str(n)) for n in range(28))
    assert list(patients(Inventory(many, ())).values())[25:] == ["Patient Z", "Patient AA", "Patient AB"]


def test_a_damaged_image_is_not_buried_under_the_files_of_a_viewer() -> None:
    clutter = [Problem(f"cd/lib{n}.dll", "unsupported_file", "None of these.") for n in range(20)]
    problems = [*clutter, Problem("cd/IM1", "truncated", "Cut off.")]
    assert grouped(problems)[0] == ("Cut off.", ["cd/IM1"])
    assert [len(files) for _message, files in grouped(problems)] == [1, 20]


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        ((), "letter.txt holds no scan"),
        ((Problem("z/a.dcm", "empty_input", "Empty."),), "a.dcm: Empty."),
        ((Problem("a", "x", "Empty."), Problem("b", "x", "Empty.")), "2 files: Empty."),
        ((Problem("v.exe", "unsupported_file", "No."), Problem("a", "x", "Cut.")), "a: Cut. 1 more file could not"),
    ],
)
def test_an_input_without_a_scan_is_told_with_the_weightiest_reason(problems, told) -> None:
    assert nothing_found(Inventory((), problems), "letter.txt").startswith(told)
