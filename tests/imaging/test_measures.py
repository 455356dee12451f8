"""Volumes and diameters against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from factories import slice_geometry, sphere, stacked_geometry
from strokeapp.errors import GeometryError
from strokeapp.imaging.measures import largest_diameter_mm, slice_thickness_mm, volume_ml
from strokeapp.types import Modality, Plane, Scan, Sequence, Units


def scan_of(voxels, geometry):
    return Scan(voxels, geometry, Modality.CT, Sequence.NCCT, Units.HU, Plane.AXIAL)


def test_a_box_has_the_volume_of_its_edges_and_tilt_shears_its_cells():
    mask = np.zeros((6, 20, 20), bool)
    mask[1:4, 5:10, 5:15] = True
    for tilt in (0.0, 25.0, -25.0):
        scan = scan_of(mask, slice_geometry(6, spacing=(4.0, 0.5, 0.8), tilt=tilt))
        truth = 3 * 5 * 10 * 4.0 * np.cos(np.radians(tilt)) * 0.5 * 0.8 / 1000
        assert volume_ml(mask, scan) == pytest.approx(truth, rel=1e-9)


def test_thickness_is_what_lies_nearest_in_any_order():
    thickness = slice_thickness_mm(slice_geometry(0, z_positions=[10, 0, 5, 20]))
    np.testing.assert_allclose(thickness, [7.5, 5.0, 5.0, 10.0])
    assert slice_thickness_mm(slice_geometry(1)) is None


def test_a_coarser_map_over_the_same_field_measures_the_same():
    geometry = stacked_geometry(np.arange(0, 121, 5.0))
    mask = sphere(geometry, 128, 128, center=(3.0, -4.0, 60.0), radius=40) > 0
    scan = scan_of(mask, geometry)
    coarse = mask.reshape(25, 64, 2, 64, 2).mean(axis=(2, 4)) > 0.5
    assert volume_ml(coarse, scan) == pytest.approx(volume_ml(mask, scan), rel=0.02)
    assert largest_diameter_mm(coarse, scan) == pytest.approx(largest_diameter_mm(mask, scan), abs=2.0)


@pytest.mark.parametrize("tilt", [0.0, 20.0, -20.0])
def test_the_diameter_of_a_sphere_is_found_however_the_slices_lie(tilt):
    geometry = stacked_geometry(np.arange(0, 121, 2.5), tilt=tilt)
    mask = sphere(geometry, 128, 128, center=(0.0, 0.0, 60.0), radius=40) > 0
    assert largest_diameter_mm(mask, scan_of(mask, geometry)) == pytest.approx(80.0, abs=1.0)


def test_the_diameter_of_simple_shapes():
    scan = scan_of(np.zeros((4, 12, 12)), slice_geometry(4, spacing=(6.0, 2.0, 1.0)))
    line, point, stack = (np.zeros((4, 12, 12), bool) for _ in range(3))
    line[1, 3:9, 5] = True
    point[2, 4, 4] = True
    stack[:, 6, 6] = True
    assert largest_diameter_mm(line, scan) == pytest.approx(12.0)
    assert largest_diameter_mm(point, scan) == pytest.approx(2.0)
    assert largest_diameter_mm(stack, scan) == pytest.approx(np.hypot(18.0, 2.0))
    assert largest_diameter_mm(np.zeros((4, 12, 12)), scan) == 0.0
    assert volume_ml(np.zeros((4, 12, 12)), scan) == 0.0


def test_where_geometry_is_not_known_nothing_is_measured():
    mask = np.ones((1, 4, 4), bool)
    assert volume_ml(mask, scan_of(mask, None)) is None and largest_diameter_mm(mask, scan_of(mask, None)) is None
    assert volume_ml(mask, scan_of(mask, slice_geometry(1))) is None


@pytest.mark.parametrize("shape", [(3, 8, 8), (5, 8), (5, 0, 8)])
def test_a_region_of_another_scan_is_refused(shape):
    scan = scan_of(np.zeros((5, 8, 8)), slice_geometry(5))
    for measure in (volume_ml, largest_diameter_mm):
        with pytest.raises(GeometryError):
            measure(np.ones(shape), scan)
