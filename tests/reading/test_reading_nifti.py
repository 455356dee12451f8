"""NIfTI files: axis orders, spacing, scaling, what values and names tell, damaged files."""

from __future__ import annotations

import gzip
import itertools
import struct
import tracemalloc

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from factories import make_nifti, noise, voxel_positions
from strokeapp.imaging.measures import volume_ml
from strokeapp.reading import Limits, load, nifti, open_inputs, thumbnail
from strokeapp.reading.nifti import blocks, one_slice, read_facts, volumes
from strokeapp.types import Modality, Plane, Sequence, Units

RAS = np.array([[1.0, 0, 0, -30], [0, 1.0, 0, -20], [0, 0, 4.0, 10], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def volume():
    """Return (i, j, k) in RAS order, all voxels different."""
    return np.random.default_rng(0).permutation(60 * 40 * 9).reshape(60, 40, 9).astype(np.int16)


def opened(tmp_path, *paths, **options):
    return open_inputs(paths, workspace=tmp_path, **options)


def only(inventory):
    assert len(inventory.series) == 1, inventory
    return inventory.series[0]


def problem(inventory):
    assert not inventory.series and len(inventory.problems) == 1, inventory
    return inventory.problems[0].code


ORIENTATIONS = [
    tuple(pair[axis] for pair, axis in zip(itertools.repeat(letters), order, strict=False))
    for order in itertools.permutations(range(3))
    for letters in itertools.product("RL", "AP", "SI")
]


@settings(max_examples=48, deadline=None)
@given(codes=st.sampled_from(ORIENTATIONS))
def test_any_axis_order_gives_one_picture_in_one_place(tmp_path_factory, volume, codes):
    folder = tmp_path_factory.mktemp("nifti")
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
    turned = apply_orientation(volume, turn)
    affine = RAS @ inv_ornt_aff(turn, volume.shape)
    scan = load(only(opened(folder, make_nifti(folder / "x_flair.nii", turned, affine))))
    # In RAS order, x must be mirrored to grow to the patient's left and y to grow to the back.
    np.testing.assert_array_equal(scan.voxels, volume[::-1, ::-1].transpose(2, 1, 0))
    np.testing.assert_allclose(scan.geometry.slice_origins[0], [-29.0, -19.0, 10.0], atol=1e-4)
    assert scan.spacing_mm == pytest.approx((4.0, 1.0, 1.0)) and scan.plane is Plane.AXIAL


def test_places_in_space_survive_a_sheared_affine(tmp_path, volume):
    sheared = RAS.copy()
    sheared[1, 2] = 1.5
    scan = load(only(opened(tmp_path, make_nifti(tmp_path / "t1.nii", volume, sheared))))
    k, r, c = np.argwhere(scan.voxels == volume[7, 11, 5])[0]
    expected = np.diag([-1, -1, 1]) @ (sheared @ [7, 11, 5, 1])[:3]
    np.testing.assert_allclose(voxel_positions(scan.geometry, *scan.voxels.shape[1:])[k, r, c], expected, atol=1e-4)
    assert "gantry_tilt" in {flag.code for flag in scan.flags}


def test_thickest_axis_is_the_slice_axis(tmp_path, volume):
    coronal = np.diag([1.0, 6.0, 1.0, 1.0])
    assert only(opened(tmp_path, make_nifti(tmp_path / "t2.nii", volume, coronal))).plane is Plane.CORONAL


def test_scaling_endianness_and_version_two(tmp_path, volume):
    path = make_nifti(tmp_path / "flair.nii", volume, RAS, slope=0.5, intercept=-3.0)
    plain = load(only(opened(tmp_path, path))).voxels
    np.testing.assert_allclose(np.sort(plain, axis=None), np.sort(volume.astype(np.float32) * 0.5 - 3, axis=None))
    for kind, order in ((nibabel.Nifti1Image, ">"), (nibabel.Nifti2Image, "<")):
        header = kind.header_class(endianness=order)
        header.set_data_dtype(volume.dtype.newbyteorder(order))
        kind(volume, RAS, header).to_filename(tmp_path / "dwi.nii")
        scan = load(only(opened(tmp_path, tmp_path / "dwi.nii")))
        np.testing.assert_array_equal(scan.voxels, volume[::-1, ::-1].transpose(2, 1, 0))
        assert scan.voxels.dtype == np.int16


def test_ct_is_told_by_air_and_bone(tmp_path):
    hu = noise(9, 64, 64).transpose(2, 1, 0)
    scan = load(only(opened(tmp_path, make_nifti(tmp_path / "scan.nii.gz", hu.astype(np.float32), RAS))))
    assert (scan.modality, scan.units, scan.voxels.dtype) == (Modality.CT, Units.HU, np.int16)
    np.testing.assert_array_equal(np.sort(scan.voxels, axis=None), np.sort(hu, axis=None))


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("sub-1_dwi", Sequence.DWI),
        ("sub-1_ADC", Sequence.ADC),
        ("sub-1_FLAIR", Sequence.FLAIR),
        ("sub-1_T1w", Sequence.T1),
        ("sub-1_b0", Sequence.B0),
        ("sub-1_asl", Sequence.ASL),
        ("sub-1_cbf", Sequence.PERFUSION),
        ("case_b1000", Sequence.DWI),
    ],
)
def test_names_tell_the_sequence(tmp_path, volume, name, sequence):
    series = only(opened(tmp_path, make_nifti(tmp_path / f"{name}.nii", volume, RAS)))
    assert (series.modality, series.sequence, series.refusal) == (Modality.MR, sequence, None)


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("anything", lambda v: v, "modality_unknown"),
        ("sub_lesion_msk", lambda v: v, "mask"),
        ("flair", lambda v: (v > 9000).astype(np.uint8), "mask"),
        ("flair", lambda v: v * 0, "constant_image"),
        ("dwi", lambda v: np.stack([v, v], axis=-1), "time_series"),
        ("flair", lambda v: v[:20], "too_small"),
        ("head_ct", lambda v: (v % 200).astype(np.uint8), "eight_bit"),
    ],
)
def test_what_must_not_be_classified_says_why(tmp_path, volume, name, change, code):
    series = only(opened(tmp_path, make_nifti(tmp_path / f"{name}.nii", change(volume), RAS)))
    assert series.refusal.code == code and series.viewable
    assert load(series).voxels.ndim == 3


def test_not_a_number_is_replaced_and_counted(tmp_path, volume):
    values = volume.astype(np.float32)
    values[3, 4, 5], values[0, 0, 0] = np.nan, np.inf
    scan = load(only(opened(tmp_path, make_nifti(tmp_path / "flair.nii", values, RAS))))
    flag = next(flag for flag in scan.flags if flag.code == "nan_values")
    assert flag.message.startswith("2 ") and np.isfinite(scan.voxels).all()


@pytest.mark.parametrize("spacing", [0.0, -1.0, np.nan])
def test_impossible_spacing_is_refused(tmp_path, volume, spacing):
    path = make_nifti(tmp_path / "x.nii", volume, RAS, header={"pixdim": [1, 1, spacing, 4, 1, 1, 1, 1]})
    assert problem(opened(tmp_path, path)) == "bad_geometry"


@pytest.mark.parametrize(("unit", "millimeters"), [(1, 1000.0), (2, 1.0), (3, 0.001), (0, 1.0)])
@pytest.mark.parametrize("forms", [(1, 1), (0, 1), (0, 0)])
def test_lengths_are_in_the_unit_that_the_header_states(tmp_path, volume, unit, millimeters, forms):
    # 1.5 x 2 x 4 mm whatever the unit; time is in seconds (8), which must not be taken for a length.
    affine = np.diag([1.5, 2.0, 4.0, 1.0]) / np.array([millimeters, millimeters, millimeters, 1.0])
    fields = {"xyzt_units": unit | 8, "sform_code": forms[0], "qform_code": forms[1]}
    scan = load(only(opened(tmp_path, make_nifti(tmp_path / "x_flair.nii", volume, affine, header=fields))))
    assert scan.spacing_mm == pytest.approx((4.0, 2.0, 1.5), rel=1e-5)
    assert volume_ml(np.ones(scan.voxels.shape), scan) == pytest.approx(volume.size * 12 / 1000, rel=1e-5)
    codes = {flag.code for flag in scan.flags}
    assert ("spatial_unit" in codes) == (millimeters != 1.0) and "orientations_disagree" not in codes


def test_forms_in_meters_are_compared_in_millimeters(tmp_path, volume):
    affine = np.diag([0.0015, 0.002, 0.004, 1.0])
    fields = {"xyzt_units": 1, "qform_code": 1, "sform_code": 1, "srow_x": [0.0025, 0, 0, 0]}
    series = only(opened(tmp_path, make_nifti(tmp_path / "x_flair.nii", volume, affine, header=fields)))
    assert "orientations_disagree" in {flag.code for flag in series.flags}


def test_flat_affine_and_unknown_or_contradicting_orientation(tmp_path, volume):
    flat = {"srow_x": [1, 0, 0, 0], "srow_y": [1, 0, 0, 0], "srow_z": [0, 0, 1, 0]}
    assert problem(opened(tmp_path, make_nifti(tmp_path / "a.nii", volume, RAS, header=flat))) == "bad_geometry"
    unknown = {"sform_code": 0, "qform_code": 0}
    series = only(opened(tmp_path, make_nifti(tmp_path / "b.nii", volume, RAS, header=unknown)))
    assert "unknown_orientation" in {flag.code for flag in series.flags}
    mirrored = {"sform_code": 1, "qform_code": 1, "quatern_b": 0, "quatern_c": 0, "quatern_d": 1}
    series = only(opened(tmp_path, make_nifti(tmp_path / "c.nii", volume, RAS, header=mirrored)))
    assert "orientations_disagree" in {flag.code for flag in series.flags}


def test_color_is_shown_in_gray_and_refused(tmp_path):
    rgb = np.zeros((40, 40, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["R"][10:] = 255
    series = only(opened(tmp_path, make_nifti(tmp_path / "map.nii", rgb, np.eye(4))))
    assert series.refusal.code == "color" and load(series).units is Units.GRAY


@pytest.mark.parametrize("keep", [100, 400, 5000])
def test_cut_off_files_are_told(tmp_path, volume, keep):
    whole = make_nifti(tmp_path / "x_t1.nii", volume, RAS).read_bytes()
    (tmp_path / "x_t1.nii").write_bytes(whole[:keep])
    assert problem(opened(tmp_path, tmp_path / "x_t1.nii")) in ("corrupt_file", "truncated")
    packed = gzip.compress(whole)
    (tmp_path / "x_t1.nii.gz").write_bytes(packed[: len(packed) // 2])
    assert problem(opened(tmp_path, tmp_path / "x_t1.nii.gz")) in ("corrupt_file", "truncated")


def test_declared_size_is_checked_before_decompressing(tmp_path, volume):
    path = make_nifti(tmp_path / "x.nii", volume, RAS, header={"dim": [3, 30000, 30000, 300, 1, 1, 1, 1]})
    assert problem(opened(tmp_path, path)) == "too_large"
    assert problem(opened(tmp_path, path, limits=Limits(file_bytes=1000))) == "too_large"
    far = make_nifti(tmp_path / "y.nii", volume, RAS, header={"vox_offset": 2e9})
    assert problem(opened(tmp_path, far)) == "corrupt_file"


def test_a_deflate_bomb_behind_a_small_image_is_never_unpacked(tmp_path, volume):
    whole = make_nifti(tmp_path / "x.nii", volume, RAS).read_bytes()
    bomb = tmp_path / "flair.nii.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(whole)
        for _ in range(64):
            file.write(bytes(2**20))
    assert load(only(opened(tmp_path, bomb))).voxels.shape == (9, 40, 60)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_slice_and_blocks_are_those_of_the_volume(tmp_path, volume, monkeypatch, axis):
    steps = [1.0, 1.0, 1.0, 1.0]
    steps[axis] = 4.0
    both = np.stack([volume, volume[::-1]], axis=-1)
    path = make_nifti(tmp_path / "x_flair.nii.gz", both, np.diag(steps))
    facts = read_facts(path, path.name, Limits())
    monkeypatch.setattr(nifti, "BLOCK_VOXELS", 2 * 60 * 40)  # two planes at once, the ninth alone
    assert facts.axes[0] == axis
    for number, whole in enumerate(volumes(facts, (0, 1))):
        np.testing.assert_array_equal(one_slice(facts, number, 5), whole[5])
    seen = [(number, block.shape[2], int(block.sum(dtype=np.int64))) for number, block in blocks(facts, (0, 1))]
    assert [(number, planes) for number, planes, _ in seen] == [(n, p) for n in (0, 1) for p in (2, 2, 2, 2, 1)]
    assert [sum(total for n, _, total in seen if n == number) for number in (0, 1)] == [volume.sum(dtype=np.int64)] * 2


def test_a_packed_volume_is_listed_and_drawn_without_being_in_memory(tmp_path):
    values = np.tile(np.arange(256, dtype=np.uint8), (512, 1, 512)).reshape(512, 256, 512)  # 64 MiB, packs to little
    path = make_nifti(tmp_path / "x_flair.nii.gz", values, RAS)
    del values
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    try:
        series = only(opened(tmp_path, path))
        assert thumbnail(series).shape == (96, 96)
        assert tracemalloc.get_traced_memory()[1] < 48 * 2**20
    finally:
        tracemalloc.stop()
    assert load(series).voxels.shape == (512, 256, 512)


def test_bytes_of_a_volume_are_bounded_whatever_the_type(tmp_path, volume):
    path = make_nifti(tmp_path / "flair.nii.gz", volume.astype(np.float64), RAS)
    assert not opened(tmp_path, path, limits=Limits(volume_bytes=8 * volume.size)).problems
    assert problem(opened(tmp_path, path, limits=Limits(volume_bytes=8 * volume.size - 1))) == "too_large"
    huge = {"dim": [3, 1024, 1024, 257, 1, 1, 1, 1], "datatype": 64, "bitpix": 64}  # 2.01 GiB of float64
    assert problem(opened(tmp_path, make_nifti(tmp_path / "x.nii", volume, RAS, header=huge))) == "too_large"
    many = {"dim": [7, 60, 40, 9, 32767, 32767, 32767, 32767]}
    assert problem(opened(tmp_path, make_nifti(tmp_path / "y.nii", volume, RAS, header=many))) == "too_large"
    wide = {"datatype": 1536, "bitpix": 128}
    assert problem(opened(tmp_path, make_nifti(tmp_path / "z.nii", volume, RAS, header=wide))) == "unsupported_file"


def test_pairs_and_complex_values_are_refused_in_words(tmp_path, volume):
    complex_file = make_nifti(tmp_path / "x.nii", volume.astype(np.complex64), RAS)
    assert problem(opened(tmp_path, complex_file)) == "unsupported_file"
    header = bytearray(348)
    header[:4], header[344:348] = struct.pack("<i", 348), b"ni1\0"
    (tmp_path / "x.hdr").write_bytes(header)
    assert problem(opened(tmp_path, tmp_path / "x.hdr")) == "unsupported_file"


def test_synthetic_is_told_by_name_or_header(tmp_path, volume):
    assert only(opened(tmp_path, make_nifti(tmp_path / "synthetic_flair.nii", volume, RAS))).synthetic
    path = make_nifti(tmp_path / "flair.nii", volume, RAS, header={"descrip": b"StrokeApp phantom 1"})
    assert only(opened(tmp_path, path)).synthetic
