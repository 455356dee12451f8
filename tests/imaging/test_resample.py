"""Regular volumes: whatever the slices' places, what lies in them keeps its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import slice_geometry, stacked_geometry, voxel_positions
from strokeapp.errors import GeometryError, LimitError
from strokeapp.imaging.resample import is_regular, regular_volume
from strokeapp.types import Geometry, Modality, Plane, Scan, Sequence, Units

NEAREST_EDGE = 2


def scan_of(voxels, geometry, units=Units.HU):
    return Scan(voxels, geometry, Modality.CT, Sequence.NCCT, units, Plane.AXIAL)


def ramp(geometry, rows, columns, slope=(2.0, -1.0, 3.0)):
    """Return a field that is linear in LPS: linear interpolation must give it back exactly."""
    return (voxel_positions(geometry, rows, columns) @ np.array(slope) + 500.0).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(
    tilt=st.floats(-30, 30),
    seed=st.integers(0, 1000),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    uneven=st.booleans(),
)
def test_a_linear_field_is_reproduced_wherever_slices_surround_it(tilt, seed, flips, uneven):
    generator = np.random.default_rng(seed)
    z = np.cumsum(generator.uniform(2.0, 6.0, 9)) if uneven else np.arange(9) * 4.0
    jitter = generator.uniform(-2, 2, (9, 3)) * (1.0, 1.0, 0.2)
    geometry = stacked_geometry(
        z[::-1] if flips[2] else z, tilt=tilt, flip_rows=flips[0], flip_columns=flips[1], side=24, jitter=jitter
    )
    volume = regular_volume(scan_of(ramp(geometry, 24, 24), geometry), fill=np.nan)
    found, truth = volume.voxels, ramp(volume.geometry, *volume.voxels.shape[1:])
    known = np.isfinite(found)
    known &= ~_near_unknown(known)  # the outer half voxel repeats its neighbor
    known[[0, -1]] = False
    assert known.mean() > 0.2
    np.testing.assert_allclose(found[known], truth[known], atol=0.35)
    assert is_regular(volume.geometry)
    steps = [volume.geometry.row_step, volume.geometry.column_step, np.diff(volume.geometry.slice_origins, axis=0)[0]]
    units = np.array([step / np.linalg.norm(step) for step in steps])
    np.testing.assert_allclose(units @ units.T, np.eye(3), atol=1e-9)


def _near_unknown(known):
    near = np.zeros_like(known)
    for axis in (1, 2):
        for shift in range(-NEAREST_EDGE, NEAREST_EDGE + 1):
            near |= ~np.roll(known, shift, axis)
    near[:, :NEAREST_EDGE], near[:, -NEAREST_EDGE:] = True, True
    near[:, :, :NEAREST_EDGE], near[:, :, -NEAREST_EDGE:] = True, True
    return near


def test_a_regular_scan_comes_back_as_it_is_and_without_geometry_nothing_does():
    geometry = slice_geometry(5)
    scan = scan_of(np.zeros((5, 8, 8), np.int16), geometry)
    assert regular_volume(scan) is scan
    assert regular_volume(replace(scan, geometry=None)) is None


def test_a_skewed_affine_is_straightened():
    plain = slice_geometry(4, spacing=(3.0, 1.0, 1.0))
    skewed = Geometry(plain.slice_origins, plain.row_step + 0.3 * plain.column_step, plain.column_step)
    assert not is_regular(skewed)
    volume = regular_volume(scan_of(ramp(skewed, 20, 20), skewed), fill=np.nan)
    truth = ramp(volume.geometry, *volume.voxels.shape[1:])
    known = np.isfinite(volume.voxels)
    assert known.mean() > 0.6 and abs(volume.geometry.row_step @ volume.geometry.column_step) < 1e-9
    np.testing.assert_allclose(volume.voxels[known], truth[known], atol=0.05)


def test_a_missing_slice_is_interpolated_and_counted():
    geometry = slice_geometry(0, z_positions=[0, 5, 10, 20, 25])
    values = np.array([0, 10, 20, 40, 50], np.int16)[:, None, None] * np.ones((1, 8, 8), np.int16)
    volume = regular_volume(scan_of(values, geometry))
    assert volume.voxels[:, 4, 4].tolist() == [0, 10, 20, 30, 40, 50]
    assert volume.voxels.dtype == np.int16 and not volume.voxels.flags.writeable
    assert volume.flags[-1].code == "resampled" and "1 of 6 planes" in volume.flags[-1].message


def test_masks_stay_masks_and_holes_in_values_do_not_spread():
    geometry = slice_geometry(6, tilt=15.0)
    mask = np.zeros((6, 30, 30), bool)
    mask[2:4, 10:20, 10:20] = True
    result = regular_volume(scan_of(mask, geometry), order=0, fill=0).voxels
    assert result.dtype == bool and result.sum() == mask.sum()
    values = np.full((6, 30, 30), 7.0, np.float32)
    values[3, 5, 5] = np.nan
    volume = regular_volume(scan_of(values, geometry, Units.ARBITRARY))
    assert np.isfinite(volume.voxels).all() and volume.voxels.min() == volume.voxels.max() == 7.0


def test_outside_of_the_slices_is_air():
    geometry = slice_geometry(6, tilt=20.0)
    volume = regular_volume(scan_of(np.full((6, 30, 30), 40, np.int16), geometry))
    assert volume.voxels.shape[1] > 30 and set(np.unique(volume.voxels)) == {-1024, 40}


def test_the_spacing_asked_for_is_given():
    geometry = slice_geometry(6, spacing=(4.0, 1.0, 0.5), tilt=10.0)
    volume = regular_volume(scan_of(ramp(geometry, 20, 40), geometry), spacing_mm=(1.0, 1.0, 1.0))
    assert volume.spacing_mm == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize("spacing", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, float("nan"), 1.0), (1.0, 1.0)])
def test_impossible_spacing_is_refused(spacing):
    with pytest.raises(GeometryError, match="spacing"):
        regular_volume(scan_of(np.zeros((3, 8, 8), np.int16), slice_geometry(3)), spacing_mm=spacing)


def test_slices_at_one_place_and_far_apart_are_refused():
    voxels = np.zeros((3, 8, 8), np.int16)
    with pytest.raises(GeometryError, match="one position"):
        regular_volume(scan_of(voxels, slice_geometry(0, z_positions=[0, 5, 5])))
    with pytest.raises(LimitError):
        regular_volume(scan_of(voxels, slice_geometry(0, z_positions=[0, 1, 1e7])))
    with pytest.raises(GeometryError, match="order"):
        regular_volume(scan_of(voxels, slice_geometry(3)), order=3)
