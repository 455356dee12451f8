"""What one series identifier holds is one stack where it is one volume, and several, told so, where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import generate_uid

from factories import make_ct_series, make_mr_series, noise, slice_geometry
from strokeapp.reading import Limits, dicom_pixels, load, open_inputs
from strokeapp.reading.dicom_parts import echo_groups
from strokeapp.types import Sequence, Severity


def opened(tmp_path, **options):
    workspace = tmp_path / "workspace"
    workspace.mkdir(exist_ok=True)
    return open_inputs([tmp_path / "in"], workspace=workspace, **options).series


def codes(series):
    return {flag.code for flag in series.flags}


def passes(tmp_path, make, *, number, second_number, shift, n=10, second_n=10, second_from=0.0):
    """Write two passes over one range, 5 mm between slices, the second one shifted."""
    uid = generate_uid()
    for prefix, count, first, of in (("a", n, 0.0, number), ("b", second_n, second_from + shift, second_number)):
        geometry = slice_geometry(count, z_positions=first + 5.0 * np.arange(count))
        make(
            tmp_path / "in" / prefix, geometry=geometry, series_uid=uid,
            edit=lambda ds, k, of=of: setattr(ds, "AcquisitionNumber", of(k)),
        )  # fmt: skip
    return opened(tmp_path)


@pytest.mark.parametrize("count", [10, 4])
@pytest.mark.parametrize(
    ("number", "second_number"),
    [
        (lambda k: 1, lambda k: 2),  # two spirals
        (lambda k: 1 + k // 2, lambda k: 11 + k // 2),  # two sequential scans of two slices at each table position
        (lambda k: 1 + k, lambda k: 101 + k),
    ],
)
def test_a_ct_scanned_again_between_its_slices_is_two_volumes(tmp_path, number, second_number, count):
    found = passes(
        tmp_path,
        make_ct_series,
        number=number,
        second_number=second_number,
        shift=2.5,
        second_n=count,
        second_from=10.0,
    )
    assert sorted(series.slices for series in found) == sorted([10, count])
    for series in found:
        assert series.spacing_mm[0] == pytest.approx(5.0) and len({s.key for s in found}) == 2
        (flag,) = [flag for flag in series.flags if flag.code == "several_acquisitions"]
        assert flag.severity is Severity.WARNING and "2 acquisitions" in flag.message


def test_a_sequential_ct_that_counts_table_positions_stays_one_volume(tmp_path):
    hu = noise(12, 64, 64)
    make_ct_series(tmp_path / "in", hu=hu, edit=lambda ds, k: setattr(ds, "AcquisitionNumber", 1 + k // 2))
    (series,) = opened(tmp_path)
    assert not codes(series)
    np.testing.assert_array_equal(load(series).voxels, hu)


@pytest.mark.parametrize("order", [1, -1])
def test_spirals_that_follow_each_other_stay_one_volume_even_with_an_overlap(tmp_path, order):
    found = passes(
        tmp_path, make_ct_series, number=lambda k: 1, second_number=lambda k: 1 + order, shift=2.5, second_from=40.0
    )
    assert [series.slices for series in found] == [20] and "several_acquisitions" not in codes(found[0])
    assert "variable_spacing" in codes(found[0])


def test_time_points_of_one_position_are_no_second_volume(tmp_path):
    uid = generate_uid()
    for time in range(4):
        make_ct_series(
            tmp_path / "in" / str(time), hu=noise(4, 64, 64, seed=time), series_uid=uid,
            tags={"AcquisitionNumber": time + 1, "TemporalPositionIdentifier": time + 1},
        )  # fmt: skip
    (series,) = opened(tmp_path)
    assert (series.slices, series.frames, series.sequence) == (4, 4, Sequence.TIME_SERIES)
    assert "several_acquisitions" not in codes(series)


def test_interleaved_packages_of_mr_stay_one_volume_and_are_told(tmp_path):
    found = passes(tmp_path, make_mr_series, number=lambda k: 1, second_number=lambda k: 2, shift=2.5)
    assert [series.slices for series in found] == [12] and "several_acquisitions" in codes(found[0])


def test_acquisition_numbers_without_any_order_part_nothing(tmp_path):
    order = np.random.default_rng(0).permutation(20)
    make_ct_series(tmp_path / "in", n=20, edit=lambda ds, k: setattr(ds, "AcquisitionNumber", int(order[k])))
    (series,) = opened(tmp_path)
    assert series.slices == 20 and "several_acquisitions" in codes(series)


def test_frames_of_reference_are_kept_apart(tmp_path):
    uids = [generate_uid(), generate_uid()]
    make_ct_series(tmp_path / "in", n=8, edit=lambda ds, k: setattr(ds, "FrameOfReferenceUID", uids[k % 2]))
    found = opened(tmp_path)
    assert [series.slices for series in found] == [4, 4]
    assert all("mixed_frames_of_reference" in codes(series) for series in found)


def test_files_that_name_no_frame_of_reference_stay_with_those_that_do(tmp_path):
    uid = generate_uid()
    make_ct_series(tmp_path / "in", n=8, edit=lambda ds, k: k % 3 and setattr(ds, "FrameOfReferenceUID", uid))
    (series,) = opened(tmp_path)
    assert series.slices == 8 and not codes(series)


def test_a_frame_of_reference_for_every_file_is_told(tmp_path):
    make_ct_series(tmp_path / "in", n=8, edit=lambda ds, k: setattr(ds, "FrameOfReferenceUID", generate_uid()))
    (series,) = opened(tmp_path)
    assert series.slices == 8 and codes(series) == {"mixed_frames_of_reference"}


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (make_ct_series, (["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SEQ"], ["ORIGINAL", "PRIMARY", "AXIAL"])),
        (make_mr_series, (["ORIGINAL", "PRIMARY", "M", "ND"], ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("half", [lambda k: k % 2, lambda k: k // 5])
def test_a_note_in_the_image_type_that_changes_within_a_series_parts_nothing(tmp_path, make, kinds, half):
    make(tmp_path / "in", n=10, edit=lambda ds, k: setattr(ds, "ImageType", kinds[half(k)]))
    (series,) = opened(tmp_path)
    assert series.slices == 10 and not codes(series)


def test_images_of_two_types_at_the_same_positions_stay_apart(tmp_path):
    uid = generate_uid()
    for number, kind in enumerate((["M", "ND"], ["M", "DIS2D"])):
        make_mr_series(
            tmp_path / "in", voxels=noise(5, 64, 64, seed=number) + 1000, series_uid=uid, prefix=str(number),
            tags={"ImageType": ["ORIGINAL", "PRIMARY", *kind]},
        )  # fmt: skip
    found = opened(tmp_path)
    assert [(series.slices, series.frames, codes(series)) for series in found] == [(5, 1, set())] * 2


@pytest.mark.parametrize("half", [lambda k: k % 2, lambda k: k // 5])
@pytest.mark.parametrize("second", [["DERIVED", "PRIMARY", "OTHER"], ["ORIGINAL", "PRIMARY", "OTHER", "P"]])
def test_parts_of_one_stack_that_differ_in_kind_are_told(tmp_path, half, second):
    kinds = (["ORIGINAL", "PRIMARY", "OTHER"], second)
    make_mr_series(tmp_path / "in", n=10, edit=lambda ds, k: setattr(ds, "ImageType", kinds[half(k)]))
    found = opened(tmp_path)
    assert [series.slices for series in found] == [5, 5]
    assert all("parted_series" in codes(series) for series in found)


def test_echo_times_that_jitter_are_one_echo_and_echoes_are_not(tmp_path):
    voxels = noise(10, 64, 64) + 1000
    make_mr_series(
        tmp_path / "in", voxels=voxels, edit=lambda ds, k: setattr(ds, "EchoTime", (92.4, 92.6)[k % 2])
    )  # fmt: skip
    (series,) = opened(tmp_path)
    assert series.slices == 10 and not codes(series)
    np.testing.assert_array_equal(load(series).voxels, voxels)
    # Dixon at 3 T, a multi-echo gradient echo, two echoes of a spin echo.
    for echoes in ([1.23, 2.46], [4.9, 7.3, 9.8], [16.0, 92.4]):
        assert echo_groups(echoes) == {echo: echo for echo in echoes}


def test_echoes_of_one_series_stay_apart(tmp_path):
    uid = generate_uid()
    for echo in (20.0, 80.0):
        make_mr_series(
            tmp_path / "in", series_uid=uid, prefix=f"{echo}-", voxels=noise(5, 64, 64, seed=int(echo)) + 1000,
            tags={"EchoTime": echo},
        )  # fmt: skip
    assert [(series.slices, series.frames, codes(series)) for series in opened(tmp_path)] == [(5, 1, set())] * 2


def test_pixels_of_a_series_too_large_are_not_decoded_for_copies(tmp_path, monkeypatch):
    uid = generate_uid()
    for folder in ("a", "b"):
        make_ct_series(tmp_path / "in" / folder, n=4, series_uid=uid)
    decoded = []
    monkeypatch.setattr(dicom_pixels.FrameReader, "stored", lambda _reader, file, _frame: decoded.append(file))
    (series,) = opened(tmp_path, limits=Limits(voxels=10_000))
    assert series.refusal.code == "too_large" and not decoded
