"""Canonical orientation: whatever the flips, every voxel keeps its place."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import slice_geometry, voxel_positions
from strokeapp.reading.geometry import canonical, quality_flags
from strokeapp.types import Geometry, Plane, Severity


def codes(geometry):
    return [flag.code for flag in quality_flags(geometry)]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    slices=st.integers(1, 4),
    backward=st.booleans(),
)
def test_turning_moves_voxels_and_places_together(seed, rows, columns, slices, backward):
    generator = np.random.default_rng(seed)
    axes = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    origins = generator.normal(size=3) + np.outer(np.arange(slices), axes[2] * (-2.0 if backward else 2.0))
    native = Geometry(origins, axes[0] * 0.7, axes[1] * 1.3)
    voxels = generator.permutation(slices * rows * columns).reshape(slices, rows, columns)
    turn, turned, _ = canonical(native, rows, columns)
    shown = turn.volume(voxels)
    before = voxel_positions(native, rows, columns).reshape(-1, 3)[np.argsort(voxels, axis=None)]
    after = voxel_positions(turned, *shown.shape[1:]).reshape(-1, 3)[np.argsort(shown, axis=None)]
    np.testing.assert_allclose(after, before, atol=1e-9)
    again, _, _ = canonical(turned, *shown.shape[1:])
    assert (again.transpose, again.flip_rows, again.flip_columns, again.reverse) == (False, False, False, False)
    np.testing.assert_array_equal(turn.slice(voxels[0]), shown[-1 if turn.reverse else 0])


def test_planes_and_obliques():
    half = np.sqrt(0.5)
    assert canonical(slice_geometry(3, tilt=30.0), 4, 4)[2] is Plane.AXIAL
    oblique = slice_geometry(3, orientation=(1.0, 0.0, 0.0, 0.0, half, half))
    assert canonical(oblique, 4, 4)[2] is Plane.OBLIQUE


def test_flags_of_regular_missing_uneven_and_shifted_slices():
    assert codes(slice_geometry(10)) == []
    assert codes(slice_geometry(1)) == ["single_slice"]
    assert codes(slice_geometry(0, z_positions=[0, 5, 10, 20, 25, 30])) == ["missing_slices"]
    assert codes(slice_geometry(0, z_positions=[*range(0, 40, 4), *range(40, 120, 8)])) == ["variable_spacing"]
    assert codes(slice_geometry(0, z_positions=[0, 5, 10, 13, 18, 23])) == ["variable_spacing"]
    assert codes(slice_geometry(0, z_positions=[0, 9.07, 18.0, 27.07, 36.0])) == []
    swaying = slice_geometry(10)
    swaying.slice_origins[:, 1] += np.array([0, 0, 0, 0, 2, 0, 0, 0, 0, 1.5])
    assert codes(swaying) == ["shifted_slices"]
    shifted = slice_geometry(6)
    shifted.slice_origins[3, 0] += 8.0
    assert "shifted_slices" in codes(shifted)


def test_a_quarter_of_the_slices_missing_is_severe():
    few = quality_flags(slice_geometry(0, z_positions=[0, 5, 10, 20, 25, 30]))
    many = quality_flags(slice_geometry(0, z_positions=[0, 5, 10, 15, 20, 25, 50, 55, 60, 65]))
    assert [flag.severity for flag in (*few, *many)] == [Severity.WARNING, Severity.SEVERE]
