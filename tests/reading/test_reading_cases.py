"""Real cases behave as their table says."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from strokeapp.imaging.windows import apply_window, presets_for
from strokeapp.reading import load, open_inputs, preselect, thumbnail
from strokeapp.types import Modality, Plane, Sequence, Units


@pytest.fixture
def case(shared, tmp_path):
    def _open(name):
        return open_inputs([shared / "cases" / name], workspace=tmp_path)

    return _open


def by_sequence(inventory):
    return {series.sequence: series for series in inventory.series}


def test_ct_and_dwi_of_an_acute_stroke(case):
    inventory = case("ct_dwi_acute_ischaemia_dicom")
    found = by_sequence(inventory)
    assert set(found) == {Sequence.NCCT, Sequence.DWI} and not inventory.problems
    ct, dwi = load(found[Sequence.NCCT]), load(found[Sequence.DWI])
    assert preselect(inventory).sequence is Sequence.NCCT
    assert ct.voxels.shape == (14, 512, 512) and ct.units is Units.HU
    assert ct.geometry.tilt_degrees == pytest.approx(7.0, abs=0.05)
    assert "gantry_tilt" in {flag.code for flag in ct.flags}
    assert 20 < np.median(ct.voxels[(ct.voxels > 0) & (ct.voxels < 80)]) < 40
    assert dwi.voxels.shape == (18, 256, 256) and dwi.modality is Modality.MR
    assert dwi.spacing_mm == pytest.approx((6.5, 0.9375, 0.9375), abs=0.01)
    assert dwi.geometry.tilt_degrees < 0.1


def test_secondary_capture_in_hounsfield_units_is_never_stacked(case):
    inventory = case("ct_secondary_capture_hu_dicom")
    assert [series.slices for series in inventory.series] == [1] * 6
    for series in inventory.series:
        assert {"no_geometry", "missing_rescale"} <= {flag.code for flag in series.flags}
        scan = load(series)
        assert scan.geometry is None and scan.units is Units.HU and scan.modality is Modality.CT


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("ct_localizer_dicom", {"localizer"}),
        ("ct_dose_report_dicom", {"localizer", "dose_report"}),
        ("dicom_without_pixels", {"no_pixels"}),
        ("nifti_rgb_perfusion_map", {"color"}),
        ("mr_epi_time_series_dicom", {"time_series"}),
        ("perfusion", {"time_series"}),
    ],
)
def test_set_aside_with_the_reason(case, name, codes):
    inventory = case(name)
    assert {series.refusal.code for series in inventory.series} == codes
    assert preselect(inventory) is None and not inventory.problems


def test_enhanced_multiframe(case):
    inventory = case("mr_enhanced_multiframe_dicom")
    found = by_sequence(inventory)
    assert set(found) == {Sequence.DWI, Sequence.ADC, Sequence.T1, Sequence.ASL, Sequence.UNKNOWN}
    assert found[Sequence.UNKNOWN].refusal.code == "color"
    t1 = load(found[Sequence.T1])
    assert t1.voxels.shape == (96, 128, 128) and t1.plane is Plane.SAGITTAL
    assert t1.spacing_mm == pytest.approx((2.0, 2.0, 2.0), abs=0.01)
    assert t1.geometry.column_step[1] > 0 and t1.geometry.row_step[2] < 0
    assert np.all(np.diff(t1.geometry.slice_origins[:, 0]) > 0)
    assert found[Sequence.DWI].b_value == 2500
    assert load(found[Sequence.ASL]).voxels.min() == pytest.approx(-4096, abs=1)  # rescale of the frames is applied


def groups_of(dataset, index, name):
    """Return a functional group of a frame as the standard defines it: the frame's own, else the shared one."""
    own, shared = dataset.PerFrameFunctionalGroupsSequence[index], dataset.SharedFunctionalGroupsSequence[0]
    return (own if name in own else shared)[name][0]


@pytest.mark.parametrize("series", ["5_anat", "11_DWI", "12_DWI", "14_DWI", "27_asl"])
def test_every_voxel_of_an_enhanced_file_lies_where_its_frame_says(shared, tmp_path, series):
    """PS3.3 C.7.6.2.1.1: position of a pixel = frame position + column x row direction + row x column direction."""
    (path,) = (shared / "cases" / "mr_enhanced_multiframe_dicom").glob(f"{series}*/*.dcm")
    scan = load(open_inputs([path], workspace=tmp_path).series[0])
    dataset = pydicom.dcmread(path)
    pixels, size = pixel_array(dataset), scan.voxels.shape
    assert size[0] == dataset.NumberOfFrames and sorted(size[1:]) == sorted((dataset.Rows, dataset.Columns))
    steps = np.stack([scan.geometry.row_step, scan.geometry.column_step], axis=1)
    for index in range(dataset.NumberOfFrames):
        position = np.array(groups_of(dataset, index, "PlanePositionSequence").ImagePositionPatient, float)
        cosines = np.array(groups_of(dataset, index, "PlaneOrientationSequence").ImageOrientationPatient, float)
        row_mm, column_mm = groups_of(dataset, index, "PixelMeasuresSequence").PixelSpacing
        transform = groups_of(dataset, index, "PixelValueTransformationSequence") if pixels.ndim == 3 else None
        for row, column in ((0, 0), (7, 11), (dataset.Rows - 1, dataset.Columns // 2)):
            point = position + column * column_mm * cosines[:3] + row * row_mm * cosines[3:]
            number = int(np.argmin(np.abs((point - scan.geometry.slice_origins) @ scan.geometry.normal)))
            (r, c), _, _, _ = np.linalg.lstsq(steps, point - scan.geometry.slice_origins[number], rcond=None)
            found = scan.geometry.slice_origins[number] + steps @ np.rint((r, c))
            np.testing.assert_allclose(found, point, atol=0.01)
            if transform is not None:
                scaled, shift = pixels[index, row, column] * float(transform.RescaleSlope), transform.RescaleIntercept
                rounding = 2**-22 * (abs(scaled) + abs(float(shift)))  # of float32
                value = pytest.approx(scaled + float(shift), abs=rounding)
                assert scan.voxels[number, round(r), round(c)] == value
    gap, row_mm, column_mm = scan.spacing_mm
    measures = groups_of(dataset, 0, "PixelMeasuresSequence")
    assert (row_mm, column_mm) == pytest.approx(tuple(map(float, measures.PixelSpacing)), abs=1e-3)
    stated = measures.get("SpacingBetweenSlices") or measures.SliceThickness  # here slices touch where none is stated
    assert gap == pytest.approx(float(stated), abs=1e-3)


def test_time_series_holds_its_first_frame(case):
    series = case("mr_epi_time_series_dicom").series[0]
    assert (series.slices, series.frames, series.sequence) == (15, 10, Sequence.TIME_SERIES)
    assert load(series).voxels.shape == (15, 64, 64)


def test_isles_case(case):
    inventory = case("mr_isles22_nifti")
    found = by_sequence(inventory)
    assert set(found) == {Sequence.DWI, Sequence.ADC, Sequence.FLAIR, Sequence.UNKNOWN}
    assert found[Sequence.UNKNOWN].refusal.code == "mask"
    assert preselect(inventory).sequence is Sequence.DWI
    adc = load(found[Sequence.ADC])
    assert adc.voxels.min() < 0 and adc.voxels.dtype == np.float32


def test_clinical_dwi_with_skull(case):
    found = by_sequence(case("mr_dwi_skull_on_nifti"))
    assert set(found) == {Sequence.DWI, Sequence.B0}
    assert load(found[Sequence.DWI]).voxels.shape == (30, 256, 256)


def test_all_axis_orders_show_the_same_picture(case):
    inventory = case("nifti_orientations")
    scans = [load(series) for series in inventory.series]
    assert len(scans) == 24
    for scan in scans:
        np.testing.assert_array_equal(scan.voxels, scans[0].voxels)
        np.testing.assert_allclose(scan.geometry.slice_origins, scans[0].geometry.slice_origins, atol=1e-3)
        assert scan.plane is Plane.AXIAL


def test_every_viewable_series_has_a_thumbnail_and_every_refusal_a_reason(shared, tmp_path):
    inventory = open_inputs([shared / "cases"], workspace=tmp_path)
    assert len({series.key for series in inventory.series}) == len(inventory.series)
    for series in inventory.series:
        if series.viewable:
            picture = thumbnail(series, size=64)
            assert picture.shape == (64, 64) and picture.dtype == np.uint8 and np.ptp(picture) > 0
        else:
            assert series.refusal.message


def test_a_scout_view_opens_in_a_window_that_shows_it(shared, tmp_path):
    (scout,) = open_inputs([shared / "cases" / "ct_localizer_dicom"], workspace=tmp_path).series
    scan = load(scout)
    window = presets_for(scan)[0]
    assert scan.units is Units.ARBITRARY
    shown = apply_window(scan.voxels, window)
    assert ((shown > 0.05) & (shown < 0.95)).mean() > 0.2, "the head, neither black nor white"
