"""Siemens mosaics: tiles become slices in their places, or the file is refused with the reason."""

from __future__ import annotations

import gzip
import io
import warnings
from importlib import resources

import numpy as np
import pydicom
import pytest

from factories import csa_header, make_mosaic, slice_geometry
from strokeapp.reading import load, open_inputs, thumbnail
from strokeapp.reading.siemens import csa_values, mosaic_of, parse_csa
from strokeapp.types import Sequence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # nibabel calls its DICOM readers experimental; here they are the second opinion
    from nibabel.nicom import csareader
    from nibabel.nicom.dicomwrappers import wrapper_from_data

VOXELS = np.random.default_rng(0).integers(1, 4000, (7, 40, 40), dtype=np.uint16)
OBLIQUE = (0.98, 0.0, -np.sqrt(1 - 0.98**2), 0.0, 1.0, 0.0)


def opened(tmp_path, *paths):
    return open_inputs(paths, workspace=tmp_path).series


def nibabel_file(name):
    packed = resources.files("nibabel.nicom.tests").joinpath("data", name).read_bytes()
    return gzip.decompress(packed)


@pytest.mark.parametrize("orientation", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), OBLIQUE])
@pytest.mark.parametrize("downward", [False, True])
def test_tiles_become_slices_in_their_places(tmp_path, orientation, downward):
    geometry = slice_geometry(7, spacing=(-4.0 if downward else 4.0, 2.0, 2.0), orientation=orientation)
    path = make_mosaic(tmp_path / "mosaic.dcm", VOXELS, geometry)
    (series,) = opened(tmp_path, path)
    scan = load(series)
    assert (series.slices, series.rows, series.columns, series.refusal) == (7, 40, 40, None)
    step = -1 if downward else 1
    np.testing.assert_array_equal(scan.voxels, VOXELS[::step])
    np.testing.assert_allclose(scan.geometry.slice_origins, geometry.slice_origins[::step], atol=1e-4)
    assert scan.spacing_mm == pytest.approx((4.0, 2.0, 2.0), abs=1e-4)
    assert thumbnail(series, size=32).std() > 0


def test_mosaics_of_one_series_are_time_points(tmp_path):
    geometry = slice_geometry(7, spacing=(4.0, 2.0, 2.0))
    for number in range(3):

        def edit(dataset, _, number=number):
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceNumber = "1.2.3", "1.2.4", number

        make_mosaic(tmp_path / f"{number}.dcm", VOXELS + number, geometry, edit=edit)
    (series,) = opened(tmp_path, *sorted(tmp_path.glob("*.dcm")))
    assert (series.slices, series.frames, series.refusal.code) == (7, 3, "time_series")
    np.testing.assert_array_equal(load(series).voxels, VOXELS)


def test_the_number_of_slices_may_stand_in_the_csa_header_alone(tmp_path):
    csa = {"SliceNormalVector": ["0", "0", "1"], "NumberOfImagesInMosaic": ["7"]}
    path = make_mosaic(tmp_path / "x.dcm", VOXELS, slice_geometry(7), count_tag=False, csa=csa)
    assert opened(tmp_path, path)[0].slices == 7


@pytest.mark.parametrize(
    "options",
    [
        {"count_tag": False},
        {"csa": {"B_value": ["0"]}},
        {"csa": {"SliceNormalVector": ["0", "0", "0"]}},
        {"csa": {"SliceNormalVector": ["0", "0", "nan"]}},
        {"edit": lambda ds, _: ds.__delattr__("SpacingBetweenSlices")},
        {"edit": lambda ds, _: ds[0x0029, 0x1010].__setattr__("value", b"SV10damaged")},
    ],
)
def test_a_mosaic_whose_make_up_is_not_told_is_refused(tmp_path, options):
    (series,) = opened(tmp_path, make_mosaic(tmp_path / "x.dcm", VOXELS, slice_geometry(7), **options))
    assert series.refusal.code == "mosaic" and not series.viewable
    assert "number, direction or distance" in series.refusal.message


@pytest.mark.parametrize(("name", "sequence"), [("0", Sequence.B0), ("1000", Sequence.DWI)])
def test_a_scanners_mosaic_lies_where_nibabel_puts_it(tmp_path, name, sequence):
    raw = nibabel_file(f"siemens_dwi_{name}.dcm.gz")
    (tmp_path / "x.dcm").write_bytes(raw)
    (series,) = opened(tmp_path, tmp_path / "x.dcm")
    affine = wrapper_from_data(pydicom.dcmread(io.BytesIO(raw))).affine  # to LPS, as DICOM itself
    geometry = load(series).geometry
    assert (series.sequence, series.b_value, series.slices) == (sequence, float(name), 48)
    np.testing.assert_allclose(geometry.row_step, affine[:3, 0], atol=1e-5)
    np.testing.assert_allclose(geometry.column_step, affine[:3, 1], atol=1e-5)
    np.testing.assert_allclose(
        geometry.slice_origins, affine[:3, 3] + np.arange(48)[:, None] * affine[:3, 2], atol=1e-3
    )


@pytest.mark.parametrize("name", ["csa2_b0.bin", "csa2_b1000.bin", "csa_str_valid.bin"])
def test_csa_headers_are_parsed_as_nibabel_does(name):
    raw = resources.files("nibabel.nicom.tests").joinpath("data", name).read_bytes()
    theirs, ours = csareader.read(raw)["tags"], parse_csa(raw)
    assert set(theirs) == set(ours)
    for tag in ("NumberOfImagesInMosaic", "SliceNormalVector", "B_value"):
        if tag in theirs:
            values = [value for value in theirs[tag]["items"] if value not in ("", None)]
            assert [float(value) for value in ours[tag] if value] == pytest.approx([float(value) for value in values])


def test_damaged_csa_headers_raise_one_kind_of_error():
    whole = csa_header({"SliceNormalVector": ["0", "0", "1"], "B_value": ["1000"]})
    generator = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole[: generator.integers(4, len(whole) + 1)])
        for place in generator.integers(0, len(damaged), 3):
            damaged[place] = generator.integers(0, 256)
        try:
            parse_csa(bytes(damaged))
        except ValueError:
            continue
    with pytest.raises(ValueError, match="early"):
        parse_csa(whole[:100])


def test_files_of_other_makers_have_no_csa_header():
    dataset = pydicom.Dataset()
    assert csa_values(dataset) == {} and mosaic_of(dataset) is None
