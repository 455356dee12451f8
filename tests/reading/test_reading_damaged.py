"""A slice that cannot be decoded costs itself, not its series; the gap is told."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import RLELossless

from factories import make_ct_series, make_enhanced_mr, make_mr_series, noise, slice_geometry, stacked_geometry
from strokeapp.errors import CorruptFileError, UnsuitableSeriesError
from strokeapp.inference.suitability import check
from strokeapp.reading import damaged, load, open_inputs, thumbnail
from strokeapp.types import Modality, Severity, Units


def packed(files, broken=()):
    """Compress files with RLE, and make the frames of some of them nonsense."""
    for number, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        if number in broken:
            (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
            dataset.PixelData = encapsulate([b"\xff" * len(frame)])
        dataset.save_as(path)
    return files


def opened(tmp_path, files):
    (series,) = open_inputs(files, workspace=tmp_path).series
    return series


def codes(flags):
    return {flag.code for flag in flags}


@pytest.mark.parametrize("count", [6, 40])  # 40 are read by two helpers at once
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("place", ["inside", "middle"])
def test_a_damaged_slice_leaves_a_gap_that_is_told(tmp_path, count, reverse, place):
    middle = count - 1 - count // 2 if reverse else count // 2  # of the stored order
    lost = middle if place == "middle" else 1
    hu = noise(count, 64, 64)
    geometry = stacked_geometry(5.0 * np.arange(count), flip_columns=reverse, side=64)
    names = [f"IM{number}.dcm" for number in range(count)]
    files = make_ct_series(tmp_path / "in", hu=hu, geometry=geometry, names=names)
    whole = load(opened(tmp_path, files))
    series = opened(tmp_path, packed(files, [lost]))
    assert series.viewable and series.refusal is None and series.modality is Modality.CT
    assert thumbnail(series).any()
    scan = load(series)
    rest = [number for number in range(count) if number != lost]
    np.testing.assert_array_equal(scan.voxels, whole.voxels[rest])
    np.testing.assert_array_equal(scan.geometry.slice_origins, whole.geometry.slice_origins[rest])
    np.testing.assert_allclose(scan.geometry.positions_mm, 5.0 * np.array(rest) * (scan.geometry.normal[2]), atol=1e-6)
    assert scan.units is Units.HU and not scan.voxels.flags.writeable
    assert codes(scan.flags) == {"missing_slices", "undecodable_slices"}
    (flag,) = (flag for flag in scan.flags if flag.code == "undecodable_slices")
    assert f"1 of {count} slices" in flag.message and f"IM{lost}.dcm" in flag.message
    assert flag.severity is Severity.WARNING
    assert ("undecodable_slices" in codes(series.flags)) == (place == "middle")  # known before it is loaded


@pytest.mark.parametrize("lost", [0, 5])
def test_a_damaged_slice_at_an_end_leaves_no_gap_but_is_told(tmp_path, lost):
    scan = load(opened(tmp_path, packed(make_mr_series(tmp_path / "in", n=6), [lost])))
    assert len(scan.voxels) == len(scan.geometry.slice_origins) == 5
    assert "undecodable_slices" in codes(scan.flags) and "missing_slices" not in codes(scan.flags)


def test_a_series_that_loses_more_than_a_fifth_is_refused(tmp_path):
    series = opened(tmp_path, packed(make_mr_series(tmp_path / "one", n=5), [0]))
    assert len(load(series).voxels) == 4
    series = opened(tmp_path, packed(make_mr_series(tmp_path / "two", n=6), [0, 5]))
    with pytest.raises(CorruptFileError, match="cannot be decoded"):
        load(series)
    for broken in ([3, 1], range(6)):
        series = opened(tmp_path, packed(make_mr_series(tmp_path / f"m{len(broken)}", n=6), broken))
        if len(broken) == 6:
            assert series.refusal.code == "undecodable" and not series.viewable
            with pytest.raises(UnsuitableSeriesError):
                load(series)
    series = opened(tmp_path, packed(make_mr_series(tmp_path / "four", n=4), [2]))
    assert series.refusal.code == "undecodable"


def test_decoders_that_hang_at_several_slices_end_the_series(monkeypatch):
    clock = iter([0.0, 61.0, 61.0, 122.0])
    monkeypatch.setattr(damaged.time, "monotonic", lambda: next(clock))
    lost = damaged.Lost(100)
    with lost.costing(3):
        raise CorruptFileError("three")
    with pytest.raises(CorruptFileError, match="three"), lost.costing(7):
        raise CorruptFileError("seven")


def test_a_damaged_frame_of_one_file_costs_that_frame(tmp_path):
    voxels = noise(10, 40, 48)
    path = make_enhanced_mr(tmp_path / "in.dcm", voxels, slice_geometry(10))
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=10))
    for number in (4, 5):  # the middle one among them
        frames[number] = b"\xff" * len(frames[number])
    dataset.PixelData = encapsulate(frames)
    dataset.save_as(path)
    scan = load(opened(tmp_path, [path]))
    np.testing.assert_array_equal(scan.voxels, np.delete(voxels, [4, 5], axis=0))
    assert {"missing_slices", "undecodable_slices"} <= codes(scan.flags)


def test_what_is_lost_does_not_pass_the_check_unseen(tmp_path):
    """A quarter missing is severe and leads to abstention, whoever lost it."""
    geometry = slice_geometry(16, z_positions=[5.0 * z for z in range(20) if z not in (3, 9, 10, 15)])
    series = opened(tmp_path, packed(make_ct_series(tmp_path / "in", geometry=geometry), [5, 10]))
    assert all(flag.severity is not Severity.SEVERE for flag in series.flags)
    scan = load(series)
    assert [flag.severity for flag in scan.flags if flag.code == "missing_slices"] == [Severity.SEVERE]
    assert check(scan) is not None
