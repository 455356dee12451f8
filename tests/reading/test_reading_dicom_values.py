"""What stored values measure is asked of every file of a series, and refused where the tags tell of something else."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from factories import make_ct_series, make_enhanced_mr, make_mr_series, noise, set_pixels, slice_geometry
from strokeapp.errors import UnsuitableSeriesError
from strokeapp.reading import load, open_inputs, preselect
from strokeapp.reading.dicom_quick import HeaderReader
from strokeapp.types import Sequence, Severity, Units


def opened(tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir(exist_ok=True)
    return open_inputs([tmp_path / "in"], workspace=workspace)


def only(tmp_path):
    (series,) = opened(tmp_path).series
    return series


def codes(series):
    return {flag.code for flag in series.flags}


def stored(dataset):
    kind = "i2" if dataset.PixelRepresentation else "u2"
    return np.frombuffer(dataset.PixelData, kind).reshape(dataset.Rows, dataset.Columns).copy()


@pytest.mark.parametrize("lacking", [{3}, {0, 2, 4, 6}, {7}])
@pytest.mark.parametrize("keywords", [("RescaleSlope", "RescaleIntercept"), ("RescaleIntercept",)])
def test_ct_slices_without_rescale_are_never_stacked_with_those_that_have_it(tmp_path, lacking, keywords):
    def edit(dataset, index):
        for keyword in keywords if index in lacking else ():
            del dataset[keyword]

    hu = noise(8, 64, 64)
    make_ct_series(tmp_path / "in", hu=hu, edit=edit)
    found = {series.refusal and series.refusal.code: series for series in opened(tmp_path).series}
    assert set(found) == {None, "missing_rescale"}
    assert all("mixed_rescale" in codes(series) for series in found.values())
    np.testing.assert_array_equal(load(found[None]).voxels, np.delete(hu, sorted(lacking), axis=0))
    assert load(found["missing_rescale"]).units is Units.ARBITRARY


def test_frames_of_an_enhanced_file_that_lack_their_rescale_are_apart_too(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 4000, (4, 48, 40), dtype=np.uint16)
    (tmp_path / "in").mkdir()
    path = make_enhanced_mr(tmp_path / "in" / "x.dcm", voxels, slice_geometry(4), slopes=[2.0] * 4)
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence[2].PixelValueTransformationSequence
    dataset.save_as(path)
    assert sorted((series.slices, "mixed_rescale" in codes(series)) for series in opened(tmp_path).series) == [
        (1, True), (3, True),
    ]  # fmt: skip


def test_mr_that_states_a_trivial_rescale_here_and_there_stays_one_series(tmp_path):
    def edit(dataset, index):
        if index % 2:
            dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0

    make_mr_series(tmp_path / "in", edit=edit)
    assert (only(tmp_path).slices, codes(only(tmp_path))) == (6, set())


@pytest.mark.parametrize("wide", [0, 3])
def test_no_file_of_an_mr_series_wraps_around(tmp_path, wide):
    """A 12-bit file first and an unsigned 16-bit one behind: 39,000 does not fit into 16 signed bits."""

    def edit(dataset, index):
        if index != wide:
            dataset.BitsStored, dataset.HighBit = 12, 11

    voxels = np.random.default_rng(0).integers(0, 4000, (5, 64, 64)).astype(np.uint16)
    voxels[wide, 20:40] = 39_000
    make_mr_series(tmp_path / "in", voxels=voxels, edit=edit)
    np.testing.assert_array_equal(load(only(tmp_path)).voxels, voxels)


@pytest.mark.parametrize("bits", [12, 16])
def test_big_endian_pixels_read_the_same_with_padding_and_unused_bits(tmp_path, bits):
    hu = noise(3, 64, 64)
    expected = hu.copy()
    expected[:, :2] = -1024

    def edit(dataset, _index):
        image = stored(dataset).astype(np.uint16)
        image[:2] = 3000
        if bits == 12:
            image[10:20] |= 0x8000  # an overlay in the bits that are not used
        dataset.PixelPaddingValue = 3000
        set_pixels(dataset, image)
        dataset.BitsStored, dataset.HighBit = bits, bits - 1

    for path in make_ct_series(tmp_path / "in", hu=hu, edit=edit):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = stored(dataset).astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    np.testing.assert_array_equal(load(only(tmp_path)).voxels, expected)


@pytest.mark.parametrize(
    "tags",
    [
        {"RescaleType": "MGML"}, {"RescaleType": "Z_EFF"}, {"RescaleType": "ED"}, {"RescaleType": "EDW"},
        {"RescaleType": "HU_MOD"}, {"RescaleType": "PCT"},
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MAT_SPECIFIC"]},
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM"]},
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "ELECTRON_DENSITY"]},
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 DUAL", "IODINE"]},
    ],
)  # fmt: skip
def test_ct_of_another_quantity_is_not_read_as_hounsfield_units(tmp_path, tags):
    """Defined terms of PS3.3 C.11.1.1.2 and C.8.2.1.1.1."""
    make_ct_series(tmp_path / "in", tags={"ImageType": ["DERIVED", "PRIMARY", "AXIAL"], **tags})
    series = only(tmp_path)
    assert series.refusal.code == "other_quantity" and preselect(opened(tmp_path)) is None
    scan = load(series)
    assert scan.units is Units.ARBITRARY and scan.sequence is not Sequence.NCCT


@pytest.mark.parametrize("rescale_type", [None, "", "HU", "hu ", "US", "UNSPECIFIED"])
def test_ct_in_hounsfield_units_is_read_whatever_way_it_says_so(tmp_path, rescale_type):
    hu = noise(4, 64, 64)

    def edit(dataset, index):
        if rescale_type is not None and index:  # the first file says nothing
            dataset.RescaleType = rescale_type

    make_ct_series(tmp_path / "in", hu=hu, edit=edit)
    series = only(tmp_path)
    assert series.refusal is None and load(series).units is Units.HU
    np.testing.assert_array_equal(load(series).voxels, hu)


@pytest.mark.parametrize("kind", ["VMI", "MAT_REMOVED", "VNC"])
def test_ct_computed_from_several_energies_is_told(tmp_path, kind):
    make_ct_series(tmp_path / "in", tags={"ImageType": ["DERIVED", "PRIMARY", "AXIAL", kind], "RescaleType": "HU"})
    series = only(tmp_path)
    assert series.refusal is None and "multi_energy" in codes(series)


def test_a_rescale_type_of_mr_refuses_nothing(tmp_path):
    make_mr_series(tmp_path / "in", tags={"RescaleType": "normalized", "RescaleSlope": 2, "RescaleIntercept": 0})
    assert only(tmp_path).refusal is None


def test_values_in_other_bits_are_refused(tmp_path):
    """12 bits left-aligned in 16, as ACR-NEMA allowed: 40 HU would be read as -80."""

    def edit(dataset, _index):
        set_pixels(dataset, stored(dataset).astype(np.uint16) << 4)
        dataset.BitsStored, dataset.HighBit = 12, 15

    make_ct_series(tmp_path / "in", edit=edit)
    series = only(tmp_path)
    assert series.refusal.code == "bit_layout" and not series.viewable
    with pytest.raises(UnsuitableSeriesError, match="bits"):
        load(series)


@pytest.mark.parametrize("where", [{0, 1, 2, 3, 4, 5, 6, 7}, {5}])
@pytest.mark.parametrize("make", [make_ct_series, make_mr_series])
def test_a_rescale_slope_of_zero_is_refused(tmp_path, where, make):
    def edit(dataset, index):
        dataset.RescaleSlope, dataset.RescaleIntercept = 0 if index in where else 1, 0

    make(tmp_path / "in", n=8, edit=edit)
    series = only(tmp_path)
    assert series.refusal.code == "bad_rescale" and not series.viewable


@pytest.mark.parametrize(
    ("padding", "intercept", "background"), [(-32768, 0, 0), (-32768, -4096, -4096), (32767, 0, 0), (0, 0, 0)]
)
def test_padding_of_mr_is_no_signal(tmp_path, padding, intercept, background):
    voxels = np.random.default_rng(0).integers(1, 4000, (4, 48, 40)).astype(np.int16)
    expected = voxels.astype(np.float64) + intercept
    voxels[:, 0, 0] = 0 if padding else 7
    expected[:, 0, 0] = voxels[0, 0, 0] + intercept
    voxels[:, 5:9] = padding
    expected[:, 5:9] = background
    tags = {"PixelPaddingValue": padding}
    if intercept:
        tags |= {"RescaleSlope": 1, "RescaleIntercept": intercept}
    make_mr_series(tmp_path / "in", voxels=voxels, tags=tags)
    np.testing.assert_array_equal(load(only(tmp_path)).voxels, expected)


def test_a_distance_of_slices_that_the_tags_contradict_is_told(tmp_path):
    files = make_mr_series(tmp_path / "in", n=12, tags={"SpacingBetweenSlices": 5.0, "SliceThickness": 5.0})
    assert "spacing_disagrees" not in codes(only(tmp_path))
    for path in files[1::2]:
        path.unlink()
    (flag,) = [flag for flag in only(tmp_path).flags if flag.code == "spacing_disagrees"]
    assert flag.severity is Severity.WARNING and "10.0 mm" in flag.message and "5.0 mm" in flag.message


def test_the_shared_distance_of_an_enhanced_file_is_read(tmp_path):
    (tmp_path / "in").mkdir()
    path = make_enhanced_mr(tmp_path / "in" / "x.dcm", noise(4, 40, 40), slice_geometry(4, spacing=(5.0, 1.0, 1.0)))
    dataset = pydicom.dcmread(path)
    measures: Dataset = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = 2.5
    dataset.save_as(path)
    assert HeaderReader().read(path, "").slice_distance == 2.5
    assert "spacing_disagrees" in codes(only(tmp_path))


def test_a_stated_gap_between_slices_is_no_contradiction(tmp_path):
    """Some scanners state the gap (1 mm behind 5 mm of thickness) where the distance of centers (6 mm) belongs."""
    tags = {"SpacingBetweenSlices": 1.0, "SliceThickness": 5.0}
    make_mr_series(tmp_path / "in", geometry=slice_geometry(6, spacing=(6.0, 1.0, 1.0)), tags=tags)
    assert "spacing_disagrees" not in codes(only(tmp_path))
