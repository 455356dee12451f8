"""DICOM series: order, geometry, values, and what is noticed about them."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet
from pydicom.uid import generate_uid

from factories import (
    AXIAL,
    make_ct_series,
    make_mr_series,
    noise,
    set_pixels,
    slice_geometry,
    sphere,
    voxel_positions,
)
from strokeapp.errors import UnsuitableSeriesError
from strokeapp.reading import load, thumbnail
from strokeapp.types import Geometry, Modality, Plane, Sequence, Units


def codes(series):
    return {flag.code for flag in series.flags}


def only(inventory):
    assert len(inventory.series) == 1, inventory
    return inventory.series[0]


def measure_sphere(scan):
    """Return volume (ml) from plane distances and centroid (LPS mm) of what is above 0 HU."""
    inside = scan.voxels > 0
    positions = scan.geometry.positions_mm
    thickness = np.abs(np.gradient(positions))
    area = np.linalg.norm(np.cross(scan.geometry.row_step, scan.geometry.column_step))
    volume = float((inside.sum(axis=(1, 2)) * area * thickness).sum() / 1000)
    weights = np.where(inside, thickness[:, None, None], 0.0)
    centers = voxel_positions(scan.geometry, *scan.voxels.shape[1:])
    return volume, (centers * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum()


@pytest.mark.parametrize("tilt", [0.0, 20.0, -15.0])
@pytest.mark.parametrize("two_spacings", [False, True])
def test_sphere_keeps_its_place_and_volume(tmp_path, opened, tilt, two_spacings):
    z = [*np.arange(-60, 60, 2.0), *np.arange(60, 160, 4.0 if two_spacings else 2.0)]
    geometry = slice_geometry(len(z), spacing=(2.0, 1.5, 1.5), tilt=tilt, z_positions=z, origin=(-60.0, -60.0, 0.0))
    center, radius = (3.0, 5.0, 60.0), 40.0
    make_ct_series(tmp_path / "in", geometry=geometry, hu=sphere(geometry, 80, 80, center=center, radius=radius))
    scan = load(only(opened()))
    volume, centroid = measure_sphere(scan)
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.01)
    assert np.abs(centroid - center).max() < 0.5
    assert scan.geometry.tilt_degrees == pytest.approx(abs(tilt), abs=0.01)
    assert ("gantry_tilt" in codes(scan)) == (tilt != 0)
    assert ("variable_spacing" in codes(scan)) == two_spacings


def test_a_missing_slice_is_told_with_its_gap(tmp_path, opened):
    files = make_ct_series(tmp_path / "in", n=12)
    files[5].unlink()
    series = only(opened())
    flag = next(flag for flag in series.flags if flag.code == "missing_slices")
    assert flag.severity == "warning" and "10.0 mm" in flag.message
    assert "variable_spacing" not in codes(series)


def test_order_comes_from_positions_not_from_names_or_numbers(tmp_path, opened):
    hu = noise(9, 64, 64)
    names = [f"{(k * 5) % 9}.dcm" for k in range(9)]
    make_ct_series(tmp_path / "in", hu=hu, names=names, edit=lambda ds, k: setattr(ds, "InstanceNumber", 9 - k))
    scan = load(only(opened()))
    np.testing.assert_array_equal(scan.voxels, hu)
    assert scan.units is Units.HU and scan.voxels.dtype == np.int16 and not scan.voxels.flags.writeable
    assert np.all(np.diff(scan.geometry.slice_origins[:, 2]) > 0)


@pytest.mark.parametrize(
    ("orientation", "plane", "right", "down"),
    [
        (AXIAL, Plane.AXIAL, (0, 1), (1, 1)),
        ((0, 1, 0, 1, 0, 0), Plane.AXIAL, (0, 1), (1, 1)),
        ((-1, 0, 0, 0, -1, 0), Plane.AXIAL, (0, 1), (1, 1)),
        ((0, -1, 0, 0, 0, 1), Plane.SAGITTAL, (1, 1), (2, -1)),
        ((0, 0, -1, 0, 1, 0), Plane.SAGITTAL, (1, 1), (2, -1)),
        ((-1, 0, 0, 0, 0, 1), Plane.CORONAL, (0, 1), (2, -1)),
    ],
)
def test_every_acquired_plane_is_shown_the_house_way(tmp_path, opened, orientation, plane, right, down):
    geometry = slice_geometry(5, orientation=tuple(map(float, orientation)))
    hu = sphere(geometry, 40, 50, center=tuple(voxel_positions(geometry, 40, 50)[1, 8, 30]), radius=7)
    make_ct_series(tmp_path / "in", geometry=geometry, hu=hu)
    scan = load(only(opened()))
    assert scan.plane is plane
    assert np.sign(scan.geometry.column_step[right[0]]) == right[1]
    assert np.sign(scan.geometry.row_step[down[0]]) == down[1]
    along = {Plane.AXIAL: 2, Plane.SAGITTAL: 0, Plane.CORONAL: 1}[plane]
    assert np.all(np.diff(scan.geometry.slice_origins[:, along]) > 0)
    native = voxel_positions(geometry, 40, 50)[hu > 0].mean(axis=0)
    np.testing.assert_allclose(
        voxel_positions(scan.geometry, *scan.voxels.shape[1:])[scan.voxels > 0].mean(axis=0), native
    )


def test_patients_are_never_mixed_under_one_series_identifier(tmp_path, opened):
    uid = generate_uid()
    make_ct_series(tmp_path / "in" / "a", n=4, patient="P1", series_uid=uid)
    make_ct_series(tmp_path / "in" / "b", n=4, patient="P2", series_uid=uid)
    inventory = opened()
    assert [series.slices for series in inventory.series] == [4, 4]
    assert all("mixed_patients" in codes(series) for series in inventory.series)
    assert "Secret" not in repr([(s.key, s.source, s.description, s.flags) for s in inventory.series])


def test_slices_without_position_stay_alone(tmp_path, opened):
    def edit(dataset, _):
        del dataset.ImagePositionPatient

    make_ct_series(tmp_path / "in", n=3, edit=edit)
    inventory = opened()
    assert [series.slices for series in inventory.series] == [1, 1, 1]
    assert all("no_geometry" in codes(series) for series in inventory.series)
    assert load(inventory.series[0]).geometry is None


def test_identical_copies_are_dropped_and_differing_ones_are_time_points(tmp_path, opened):
    uid, hu = generate_uid(), noise(4, 64, 64)
    make_ct_series(tmp_path / "in" / "a", hu=hu, series_uid=uid)
    make_ct_series(tmp_path / "in" / "b", hu=hu, series_uid=uid)
    series = only(opened())
    assert (series.slices, series.frames) == (4, 1) and "duplicates_dropped" in codes(series)
    later = hu + np.int16(7)
    make_ct_series(
        tmp_path / "in" / "c", hu=later, series_uid=uid, edit=lambda ds, k: setattr(ds, "InstanceNumber", k + 100)
    )
    series = only(opened())
    assert (series.slices, series.frames, series.sequence) == (4, 2, Sequence.TIME_SERIES)
    assert series.refusal.code == "time_series"
    np.testing.assert_array_equal(load(series).voxels, hu)


def test_b_values_become_series_of_their_own(tmp_path, opened):
    uid = generate_uid()
    for b_value in (0, 1000):
        make_mr_series(
            tmp_path / "in", series_uid=uid, prefix=f"b{b_value}-", voxels=noise(4, 64, 64, seed=b_value) + 1000,
            tags={"DiffusionBValue": float(b_value), "SeriesDescription": "ep2d_diff"},
        )  # fmt: skip
    found = {series.b_value: series for series in opened().series}
    assert {b: (s.slices, s.frames) for b, s in found.items()} == {0.0: (4, 1), 1000.0: (4, 1)}
    assert found[1000.0].sequence is Sequence.DWI and found[0.0].sequence is Sequence.B0


def test_padding_is_air_and_rescale_is_applied(tmp_path, opened):
    def edit(dataset, _):
        image = np.frombuffer(dataset.PixelData, np.int16).reshape(64, 64).copy()
        image[0, :5] = -2000
        set_pixels(dataset, image)
        dataset.PixelPaddingValue = -2000
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1024

    hu = noise(3, 64, 64)
    make_ct_series(tmp_path / "in", hu=hu, edit=edit)
    voxels = load(only(opened())).voxels
    assert np.all(voxels[:, 0, :5] == -1024)
    np.testing.assert_array_equal(voxels[:, 1:], (2 * (hu.astype(int) + 1024) - 1024)[:, 1:])


def test_bits_above_those_stored_are_dropped(tmp_path, opened):
    def edit(dataset, _):
        image = np.frombuffer(dataset.PixelData, np.uint16).reshape(64, 64).copy()
        image[10:20] |= 0x8000
        set_pixels(dataset, image)
        dataset.BitsStored, dataset.HighBit = 12, 11

    hu = noise(3, 64, 64)
    make_ct_series(tmp_path / "in", hu=hu, edit=edit)
    np.testing.assert_array_equal(load(only(opened())).voxels, hu)


def test_monochrome1_is_turned_for_mr_but_hounsfield_units_stay(tmp_path, opened):
    def edit(dataset, _):
        dataset.PhotometricInterpretation = "MONOCHROME1"

    hu = noise(3, 64, 64)
    make_ct_series(tmp_path / "ct", hu=hu, edit=edit)
    make_mr_series(tmp_path / "mr", voxels=(hu + 1024).astype(np.uint16), edit=edit)
    by_modality = {series.modality: series for series in opened(tmp_path / "ct", tmp_path / "mr").series}
    np.testing.assert_array_equal(load(by_modality[Modality.CT]).voxels, hu)
    np.testing.assert_array_equal(load(by_modality[Modality.MR]).voxels, 65535 - (hu.astype(int) + 1024))


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"SeriesDescription": "Topogram 0.6"}, "localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "dose_report"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary_capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "projection"),
        ({"Modality": "US"}, "modality"),
    ],
)
def test_what_must_not_be_classified_says_why(tmp_path, opened, tags, code):
    make_ct_series(tmp_path / "in", tags=tags)
    series = only(opened())
    assert series.refusal.code == code and series.viewable
    assert load(series).voxels.shape == (8, 64, 64)


def test_color_and_constant_and_eight_bit(tmp_path, opened):
    def color(dataset, k):
        set_pixels(dataset, np.random.default_rng(k).integers(0, 255, (64, 64, 3), dtype=np.uint8))

    make_ct_series(tmp_path / "color", n=2, edit=color)
    make_ct_series(tmp_path / "constant", hu=np.zeros((3, 64, 64), np.int16))
    make_ct_series(tmp_path / "eight", n=3, edit=lambda ds, _: set_pixels(ds, noise(1, 64, 64)[0].astype(np.uint8)))
    found = {series.source: series for series in opened(*(tmp_path / n for n in ("color", "constant", "eight"))).series}
    assert {name: series.refusal.code for name, series in found.items()} == {
        "color": "color", "constant": "constant_image", "eight": "eight_bit",
    }  # fmt: skip
    assert load(found["color"]).units is Units.GRAY


def test_missing_rescale_is_read_by_range_or_refused_never_silently(tmp_path, opened):
    def edit(dataset, _):
        del dataset.RescaleSlope, dataset.RescaleIntercept

    hu = noise(3, 64, 64)
    make_ct_series(tmp_path / "hu", hu=hu - 1024, edit=edit)  # stored values are then Hounsfield units
    make_ct_series(tmp_path / "unknown", hu=hu, edit=edit)
    found = {series.source: series for series in opened(tmp_path / "hu", tmp_path / "unknown").series}
    assert found["hu"].refusal is None and "missing_rescale" in codes(found["hu"])
    np.testing.assert_array_equal(load(found["hu"]).voxels, hu)
    assert found["unknown"].refusal.code == "missing_rescale"
    assert load(found["unknown"]).units is Units.ARBITRARY


def test_each_file_keeps_files_apart(tmp_path, opened):
    make_ct_series(tmp_path / "in", n=4)
    inventory = opened(each_file=True)
    assert [series.slices for series in inventory.series] == [1] * 4
    assert len({series.key for series in inventory.series}) == 4


def test_keys_do_not_depend_on_the_order_of_inputs(tmp_path, opened):
    make_ct_series(tmp_path / "a", n=3)
    make_mr_series(tmp_path / "b", n=3)
    first = opened(tmp_path / "a", tmp_path / "b")
    second = opened(tmp_path / "b", tmp_path / "a")
    assert {series.key for series in first.series} == {series.key for series in second.series}


def test_objects_without_pixels_cannot_be_loaded(tmp_path, opened):
    def edit(dataset, _):
        del dataset.PixelData

    make_ct_series(tmp_path / "in", n=1, edit=edit)
    series = only(opened())
    assert not series.viewable and series.refusal.code == "no_pixels"
    for read in (load, thumbnail):
        with pytest.raises(UnsuitableSeriesError):
            read(series)


def test_phantoms_are_told_as_synthetic(tmp_path, opened):
    make_ct_series(tmp_path / "in", n=2, tags={"Manufacturer": "StrokeApp phantom"})
    series = only(opened())
    assert series.synthetic and load(series).synthetic


def test_a_padding_range_is_air(tmp_path, opened):
    def edit(dataset, _):
        image = np.frombuffer(dataset.PixelData, np.int16).reshape(64, 64).copy()
        image[0, :4] = [-2000, -1900, -1800, -1700]
        set_pixels(dataset, image)
        dataset.PixelPaddingValue, dataset.PixelPaddingRangeLimit = -2000, -1750
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 2000

    make_ct_series(tmp_path / "in", n=3, edit=edit)
    assert load(only(opened())).voxels[0, 0, :4].tolist() == [-1024, -1024, -1024, 300]


def test_a_directory_file_beside_the_images_changes_nothing(tmp_path, opened):
    """A DICOMDIR names files; the files themselves are read, wherever it says they lie."""
    make_ct_series(tmp_path / "in" / "IMAGES", n=3, names=["I1", "I2", "I3"])
    (tmp_path / "in" / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"../../../etc/passwd")
    inventory = opened()
    assert only(inventory).slices == 3 and not inventory.problems


@pytest.mark.filterwarnings("ignore:.*VR CS:UserWarning")
def test_a_directory_file_leads_nowhere_out_of_the_folder(tmp_path, opened):
    indexed = {"StudyDate": "20200101", "StudyTime": "120000", "StudyID": "1", "SeriesNumber": 1}
    make_ct_series(tmp_path / "in" / "IMAGES", n=3, names=["I1", "I2", "I3"], tags=indexed)
    (outside,) = make_mr_series(tmp_path / "outside", n=1)
    directory = FileSet()
    for path in sorted((tmp_path / "in" / "IMAGES").iterdir()):
        directory.add(path)
    directory.write(tmp_path / "made")
    dataset = pydicom.dcmread(tmp_path / "made" / "DICOMDIR")
    entries = [item for item in dataset.DirectoryRecordSequence if "ReferencedFileID" in item]
    entries[0].ReferencedFileID = ["..", "outside", outside.name]
    entries[1].ReferencedFileID = ["", *outside.parts[1:]]
    dataset.save_as(tmp_path / "in" / "DICOMDIR")
    inventory = opened()
    assert only(inventory).slices == 3 and only(inventory).modality is Modality.CT and not inventory.problems
    assert load(only(inventory)).voxels.shape == (3, 64, 64)
    for given in (tmp_path / "in" / "DICOMDIR", tmp_path / "in"):
        assert not any("outside" in series.source for series in opened(given).series)
    assert not opened(tmp_path / "in" / "DICOMDIR").series


def test_positions_that_hold_different_numbers_of_images_are_told(tmp_path, opened):
    voxels = noise(6, 40, 40)
    make_mr_series(tmp_path / "in", voxels=voxels, series_uid="1.2.3", prefix="a")
    # Slice 2 again with other pixels: another image at a place that has one, later in time.
    geometry = slice_geometry(6)
    alone = Geometry(geometry.slice_origins[2:3], geometry.row_step, geometry.column_step)
    make_mr_series(
        tmp_path / "in", voxels=voxels[2:3][:, ::-1], geometry=alone, series_uid="1.2.3", prefix="b",
        edit=lambda dataset, _: setattr(dataset, "InstanceNumber", 99),
    )  # fmt: skip
    series = only(opened())
    (flag,) = (flag for flag in series.flags if flag.code == "repeated_positions")
    assert "1 to 2 different images" in flag.message and (series.slices, series.frames) == (6, 1)
    np.testing.assert_array_equal(load(series).voxels, voxels)
