"""Time points: each can be loaded alone, says which one it is and when it was taken, and none is read."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from factories import make_ct_series, make_enhanced_mr, make_mr_series, make_nifti, noise, slice_geometry
from strokeapp.errors import UnsuitableSeriesError
from strokeapp.inference.classify import read_scan
from strokeapp.inference.series import read_series
from strokeapp.reading import load, open_inputs
from strokeapp.types import Abstention, Sequence

RAS = np.array([[2.0, 0, 0, -30], [0, 2.0, 0, -20], [0, 0, 4.0, 10], [0, 0, 0, 1]])
TIMES = 5


@pytest.fixture
def four():
    """Return (times, slices, rows, columns), all times different."""
    return np.stack([noise(4, 40, 48, seed=number) + 1000 + 10 * number for number in range(TIMES)]).astype(np.int16)


def only(*paths, folder):
    inventory = open_inputs(paths, workspace=folder)
    assert len(inventory.series) == 1 and not inventory.problems, inventory
    return inventory.series[0]


def dicom(folder, four, *, step=0.0, leave_out=(), **tags):
    """Write a series whose images of one position were taken ``step`` seconds apart."""
    for number, voxels in enumerate(four):

        def timed(dataset, index, number=number):
            dataset.TemporalPositionIdentifier = number + 1
            dataset.InstanceNumber = 100 * number + index + 1
            if step:
                dataset.AcquisitionTime = f"10{int(number * step) // 60:02d}{number * step % 60 + index * 0.01:09.6f}"

        files = make_mr_series(
            folder, voxels=voxels, series_uid="1.2.3", prefix=f"{TIMES - number}-", edit=timed, tags=tags
        )
        for index in (index for place, index in leave_out if place == number):
            files[index].unlink()
    return folder


def nifti(folder, four, suffix=".nii.gz", **header):
    volumes = four.transpose(3, 2, 1, 0)[::-1, ::-1]
    return make_nifti(folder / f"perfusion_mr{suffix}", volumes, RAS, header=header or None)


@pytest.mark.parametrize("kind", ["dicom", "enhanced", "nii", "nii.gz"])
def test_each_time_point_is_loaded_and_says_which_it_is(tmp_path, four, kind):
    if kind == "dicom":
        path = dicom(tmp_path / "in", four)
    elif kind == "enhanced":
        path = make_enhanced_mr(tmp_path / "x.dcm", four.reshape(-1, 40, 48), slice_geometry(4))
    else:
        path = nifti(tmp_path, four, f".{kind}")
    series = only(path, folder=tmp_path)
    assert (series.frames, series.time_points, series.slices) == (TIMES, TIMES, 4)
    assert series.refusal.code == ("unknown_b_value" if kind == "enhanced" else "time_series")
    for number in (0, 3, 1, 4):
        scan = load(series, time_point=number)
        np.testing.assert_array_equal(scan.voxels, four[number])
        assert (scan.time_point, scan.frames, scan.voxels.dtype) == (number, TIMES, np.int16)
        which = "the first is shown" if number == 0 else f"number {number + 1} is shown"
        assert sum(which in flag.message for flag in scan.flags) == 1
        np.testing.assert_array_equal(scan.geometry.slice_origins, load(series).geometry.slice_origins)


@pytest.mark.parametrize("number", [-1, TIMES])
def test_a_time_point_that_is_not_there_is_refused(tmp_path, four, number):
    with pytest.raises(UnsuitableSeriesError) as caught:
        load(only(nifti(tmp_path, four), folder=tmp_path), time_point=number)
    assert caught.value.code == "no_time_point"


def test_a_series_without_time_has_no_choice(tmp_path):
    series = only(make_mr_series(tmp_path / "in")[0].parent, folder=tmp_path)
    assert series.time_points == 1 and load(series).time_point is None
    with pytest.raises(UnsuitableSeriesError):
        load(series, time_point=1)


def test_no_more_than_one_time_point_is_in_memory(tmp_path):
    four = np.repeat(np.arange(24, dtype=np.int16), 8 * 256 * 256).reshape(24, 8, 256, 256)  # 1 MiB each
    for suffix in (".nii", ".nii.gz"):
        series = only(nifti(tmp_path, four, suffix), folder=tmp_path)
        tracemalloc.start()
        try:
            assert load(series, time_point=20).voxels.max() == 20
            assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
        finally:
            tracemalloc.stop()
        (tmp_path / f"perfusion_mr{suffix}").unlink()


def test_where_one_image_is_missing_none_is_taken_for_another(tmp_path, four):
    series = only(dicom(tmp_path / "in", four, leave_out=[(1, 2)]), folder=tmp_path)
    assert (series.frames, series.time_points, series.times_s) == (TIMES, 1, ())
    assert "repeated_positions" in {flag.code for flag in series.flags}
    np.testing.assert_array_equal(load(series).voxels, four[0])


def test_directions_of_one_weighting_are_shown_as_their_mean_and_not_one_by_one(tmp_path, four):
    series = only(dicom(tmp_path / "in", four, DiffusionBValue=1000.0), folder=tmp_path)
    assert (series.sequence, series.frames, series.time_points) == (Sequence.DWI, TIMES, 1)
    assert load(series).time_point is None


def test_acquisition_times_tell_the_seconds(tmp_path, four):
    assert only(dicom(tmp_path / "in", four, step=1.5), folder=tmp_path).times_s == (0.0, 1.5, 3.0, 4.5, 6.0)
    assert only(dicom(tmp_path / "same", four), folder=tmp_path).times_s == ()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"xyzt_units": 2 | 8, "pixdim": [1, 2, 2, 4, 1.25, 1, 1, 1]}, 1.25),
        ({"xyzt_units": 2 | 16, "pixdim": [1, 2, 2, 4, 1250, 1, 1, 1]}, 1.25),
        ({"xyzt_units": 2, "pixdim": [1, 2, 2, 4, 1.25, 1, 1, 1]}, None),
        ({"xyzt_units": 2 | 32, "pixdim": [1, 2, 2, 4, 1.25, 1, 1, 1]}, None),  # hertz
        ({"xyzt_units": 2 | 8, "pixdim": [1, 2, 2, 4, 0, 1, 1, 1]}, None),
        ({"xyzt_units": 2 | 8, "pixdim": [1, 2, 2, 4, np.nan, 1, 1, 1]}, None),
    ],
)
def test_a_nifti_header_tells_the_seconds_where_it_states_their_unit(tmp_path, four, header, seconds):
    expected = () if seconds is None else tuple(seconds * number for number in range(TIMES))
    assert only(nifti(tmp_path, four, **header), folder=tmp_path).times_s == expected


@pytest.mark.parametrize("contrast", ["", "Iodine"])
def test_a_ct_time_series_is_not_read_whatever_its_tags_say_of_contrast(tmp_path, contrast):
    for number in range(3):
        tags = {"TemporalPositionIdentifier": number + 1, "ContrastBolusAgent": contrast}
        make_ct_series(tmp_path / f"t{number}", hu=noise(4, 64, 64, seed=number), series_uid="1.2.3", tags=tags)
    series = only(*sorted(tmp_path.glob("t*")), folder=tmp_path)
    assert (series.sequence, series.time_points, series.refusal.code) == (Sequence.TIME_SERIES, 3, "time_series")
    assert read_series(series).abstained.code == "time_series"


def test_no_network_reads_a_chosen_time_point(head_ct_at_a_time):
    result = read_scan(head_ct_at_a_time, examined=True)
    assert isinstance(result, Abstention) and result.code == "time_series"


@pytest.fixture
def head_ct_at_a_time(tmp_path):
    """Return a scan that any network would read, were it not one of several at its place."""
    return replace(load(only(make_ct_series(tmp_path / "in", n=4)[0].parent, folder=tmp_path)), time_point=0, frames=3)
