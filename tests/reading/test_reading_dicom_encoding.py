"""DICOM as it is written: transfer syntaxes, files cut off or damaged, many frames in one file, limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLSLossless, RLELossless

from factories import (
    make_ct_series,
    make_enhanced_ct,
    make_enhanced_mr,
    noise,
    slice_geometry,
    sphere,
)
from strokeapp.errors import StrokeAppError
from strokeapp.reading import Limits, load, thumbnail
from strokeapp.types import Modality, Sequence, Units


def codes(series):
    return {flag.code for flag in series.flags}


def only(inventory):
    assert len(inventory.series) == 1, inventory
    return inventory.series[0]


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_pixels_read_the_same(tmp_path, opened, syntax):
    hu = noise(3, 64, 64)
    for path in make_ct_series(tmp_path / "in", hu=hu):
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(path)
    np.testing.assert_array_equal(load(only(opened())).voxels, hu)


@pytest.mark.parametrize(
    "variant", ["RLE", "jp2klossless", "jpeg_ls_lossless", "bigendian", "expb", "implicit", "padded"]
)
def test_transfer_syntaxes_of_one_image_read_the_same(opened, variant):
    """pydicom ships one MR slice in many transfer syntaxes."""
    plain = load(only(opened(Path(get_testdata_file("MR_small.dcm", download=False)))))
    other = load(only(opened(Path(get_testdata_file(f"MR_small_{variant}.dcm", download=False)))))
    np.testing.assert_array_equal(plain.voxels, other.voxels)


def test_every_test_file_of_pydicom_is_read_or_refused_in_words(opened):
    """Nothing but typed errors comes out, whatever pydicom's collection of odd files holds."""
    folder = Path(get_testdata_file("MR_small.dcm", download=False)).parent
    inventory = opened(*sorted(folder.glob("*.dcm")))
    assert len(inventory.series) > 40
    for series in inventory.series:
        if not series.viewable:
            assert series.refusal.message
            continue
        scan = load(series)
        assert scan.voxels.ndim == 3
        assert thumbnail(series, size=32).shape == (32, 32)
    assert {problem.code for problem in inventory.problems} <= {"corrupt_file", "truncated"}


def test_a_file_without_preamble_and_meta_is_read(tmp_path, opened):
    hu = noise(2, 64, 64)
    for path in make_ct_series(tmp_path / "in", hu=hu):
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(load(only(opened())).voxels, hu)


@pytest.mark.parametrize("rows", [64, 256])
def test_a_cut_off_file_costs_one_problem_and_is_named(tmp_path, opened, rows):
    files = make_ct_series(tmp_path / "in", n=8, rows=rows, columns=rows)
    content = files[3].read_bytes()
    files[3].write_bytes(content[: len(content) - 1000])
    inventory = opened()
    assert only(inventory).slices == 7 and "missing_slices" in codes(inventory.series[0])
    assert [(problem.source, problem.code in ("truncated", "corrupt_file")) for problem in inventory.problems] == [
        ("in/0003.dcm", True)
    ]


def test_enhanced_frames_are_placed_scaled_and_split_by_b_value(tmp_path, opened):
    geometry = slice_geometry(4, spacing=(3.0, 2.0, 2.0))
    voxels = np.random.default_rng(0).integers(0, 4000, (8, 48, 40), dtype=np.uint16)
    order = np.random.default_rng(1).permutation(8)
    b_values, slopes = [0.0] * 4 + [1000.0] * 4, [1.0] * 4 + [0.5] * 4
    make_enhanced_mr(tmp_path / "x", voxels, geometry, b_values=b_values, slopes=slopes, order=order)
    found = {series.b_value: series for series in opened(tmp_path / "x").series}
    scan = load(found[1000.0])
    assert scan.sequence is Sequence.DWI and scan.voxels.dtype == np.float32
    np.testing.assert_allclose(scan.voxels, voxels[4:] * 0.5)
    np.testing.assert_allclose(scan.geometry.slice_origins, geometry.slice_origins, atol=1e-6)
    assert load(found[0.0]).voxels.shape == (4, 48, 40)


def test_enhanced_time_points_are_frames(tmp_path, opened):
    geometry = slice_geometry(3)
    voxels = np.random.default_rng(0).integers(0, 4000, (9, 48, 40), dtype=np.uint16)
    tags = {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER", "NONE"]}
    make_enhanced_mr(tmp_path / "x", voxels, geometry, order=[8, 0, 4, 1, 3, 2, 7, 6, 5], tags=tags)
    series = only(opened(tmp_path / "x"))
    assert (series.slices, series.frames, series.sequence) == (3, 3, Sequence.TIME_SERIES)
    np.testing.assert_array_equal(load(series).voxels, voxels[:3])


def test_limits_on_voxels_and_frames(tmp_path, opened):
    make_ct_series(tmp_path / "in", n=4)
    series = only(opened(limits=Limits(voxels=10_000)))
    assert series.refusal.code == "too_large" and not series.viewable
    make_ct_series(tmp_path / "many", n=1, edit=lambda ds, _: setattr(ds, "NumberOfFrames", 2_000_000_000))
    assert opened(tmp_path / "many").problems[0].code == "too_large"


def test_damaged_pixels_raise_a_typed_error_that_names_the_file(tmp_path, opened):
    files = make_ct_series(tmp_path / "in", n=4)  # too few to do without one
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.save_as(path)
    series = only(opened())
    content = bytearray(files[0].read_bytes())
    start = content.rfind(b"\xff\xd8\xff")
    content[start : start + 60] = bytes(60)
    files[0].write_bytes(content)
    with pytest.raises(StrokeAppError, match=r"in/0000\.dcm"):
        load(series)


def test_deflated_data_sets_read_the_same_and_bombs_are_refused(tmp_path, opened):
    hu = sphere(slice_geometry(3), 64, 64, center=(0.0, 0.0, 5.0), radius=20.0)
    files = make_ct_series(tmp_path / "in", hu=hu)
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path)
    np.testing.assert_array_equal(load(only(opened())).voxels, hu)
    assert max(path.stat().st_size for path in files) < 4000 < hu[0].nbytes
    small = opened(limits=Limits(file_bytes=4000))
    assert not small.series and {problem.code for problem in small.problems} == {"too_large"}


def test_enhanced_ct_is_in_hounsfield_units_frame_by_frame(tmp_path, opened):
    hu = noise(6, 48, 40)
    slopes, intercepts = [1.0, 1.0, 2.0, 0.5, 1.0, 1.0], [-1024.0, -1000.0, -1024.0, -1024.0, 0.0, -8.0]
    stored = np.stack([np.rint((hu[k] - intercepts[k]) / slopes[k]) for k in range(6)]).astype(np.int16)
    order = [3, 0, 5, 1, 4, 2]
    geometry = slice_geometry(6)
    path = make_enhanced_ct(tmp_path / "in.dcm", stored, geometry, slopes=slopes, intercepts=intercepts, order=order)
    scan = load(only(opened(path)))
    expected = np.stack([stored[k] * slopes[k] + intercepts[k] for k in range(6)])
    np.testing.assert_array_equal(scan.voxels, np.clip(np.rint(expected), -1024, 32767).astype(np.int16))
    np.testing.assert_allclose(scan.geometry.slice_origins, geometry.slice_origins, atol=1e-6)
    assert (scan.modality, scan.units, scan.sequence) == (Modality.CT, Units.HU, Sequence.NCCT)
    assert only(opened(path)).refusal is None
