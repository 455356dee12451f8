"""Second opinions: highdicom, dcm2niix and nibabel place slices where this program does, where they are right."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from factories_spheres import CENTER, HALF_CONTRAST, SPHERES, TRUTH_ML, write_sphere

from factories import make_ct_series, noise, slice_geometry
from strokeapp.benchmark.grids import (
    LPS_FROM_RAS,
    Grid,
    dcm2niix_grids,
    highdicom_grids,
    sheared_grid,
    sheared_grids,
    stacked_grids,
)
from strokeapp.imaging.measures import volume_ml
from strokeapp.reading import load, open_inputs

OTHERS = {"highdicom": highdicom_grids, "dcm2niix": dcm2niix_grids}
OBLIQUE = (0.96, 0.28, 0.0, -0.224, 0.768, 0.6)
"""Directions of rows and columns at right angles, along no axis of the patient."""


def read(folder, workspace):
    """Read with this program."""
    workspace.mkdir()
    return load(open_inputs([folder], workspace=workspace).series[0])


def grid_of(scan):
    """Return a scan whose slices are equally far apart as a grid."""
    geometry, affine = scan.geometry, np.eye(4)
    steps = np.diff(geometry.slice_origins, axis=0)
    assert np.allclose(steps, steps[0], atol=1e-3)
    affine[:3] = np.stack([steps[0], geometry.row_step, geometry.column_step, geometry.slice_origins[0]], axis=1)
    return Grid(scan.voxels, affine)


def canonical(grid):
    """Return values and affine with axes in the order and direction nearest to right, front, top."""
    image = nibabel.Nifti1Image(grid.voxels.astype(np.float64), LPS_FROM_RAS @ grid.affine)
    image = nibabel.as_closest_canonical(image)
    return np.asarray(image.dataobj), image.affine


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), (0, 1, 0, 0, 0, -1), OBLIQUE])
def test_voxels_affine_and_spacing_of_a_regular_series_are_those_of_another_reader(tmp_path, orientation, other):
    geometry = slice_geometry(7, spacing=(4.0, 0.9, 0.7), origin=(-31.0, -17.0, 12.0), orientation=orientation)
    make_ct_series(tmp_path / "in", geometry=geometry, hu=noise(7, 40, 52), tags={"FrameOfReferenceUID": "2.25.7"})
    ours = grid_of(read(tmp_path / "in", tmp_path / "workspace"))
    (theirs,) = OTHERS[other](tmp_path / "in")
    (values, affine), (their_values, their_affine) = canonical(ours), canonical(theirs)
    np.testing.assert_array_equal(values, their_values)
    np.testing.assert_allclose(affine, their_affine, atol=1e-4)
    spacing = np.linalg.norm(ours.affine[:3, :3], axis=0)
    np.testing.assert_allclose(spacing, (4.0, 0.9, 0.7), atol=1e-6)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("case", ["regular", "reversed", "shuffled file names"])
def test_a_sphere_is_as_large_and_lies_where_another_reader_finds_it(tmp_path, case, other):
    folder = write_sphere(tmp_path / "in", SPHERES[case])
    scan = read(folder, tmp_path / "workspace")
    (theirs,) = OTHERS[other](folder)
    assert volume_ml(scan.voxels > HALF_CONTRAST, scan) == pytest.approx(theirs.volume_ml(HALF_CONTRAST), rel=0.02)
    assert theirs.volume_ml(HALF_CONTRAST) == pytest.approx(TRUTH_ML, rel=0.02)
    np.testing.assert_allclose(grid_of(scan).center(HALF_CONTRAST), theirs.center(HALF_CONTRAST), atol=1e-3)


@pytest.mark.parametrize("case", ["tilt +20°", "tilt -20°"])
def test_a_tilted_series_lies_on_a_sheared_affine_which_nibabel_resamples_to_the_same_sphere(tmp_path, case):
    folder = write_sphere(tmp_path / "in", SPHERES[case])
    scan = read(folder, tmp_path / "workspace")
    np.testing.assert_allclose(canonical(grid_of(scan))[1], canonical(sheared_grid(folder))[1], atol=1e-6)
    (resampled,) = sheared_grids(folder)
    steps = resampled.affine[:3, :3]
    np.testing.assert_allclose(steps.T @ steps, np.diag(np.diag(steps.T @ steps)), atol=1e-9)
    assert volume_ml(scan.voxels > HALF_CONTRAST, scan) == pytest.approx(resampled.volume_ml(HALF_CONTRAST), rel=0.02)
    np.testing.assert_allclose(resampled.center(HALF_CONTRAST), CENTER, atol=0.5)


def test_highdicom_refuses_what_this_program_flags(tmp_path):
    for number, case in enumerate(SPHERES.values()):
        folder = write_sphere(tmp_path / str(number), case)
        if case.flags:
            with pytest.raises(ValueError, match="regularly"):
                highdicom_grids(folder)
        else:
            assert len(highdicom_grids(folder)) == 1


def test_stacking_takes_the_first_step_for_every_step(tmp_path):
    (grid,) = stacked_grids(write_sphere(tmp_path / "in", SPHERES["two slice spacings"]))
    np.testing.assert_allclose(np.diag(grid.affine), (1.0, 1.0, 2.5, 1.0))
    assert grid.volume_ml(HALF_CONTRAST) < 0.8 * TRUTH_ML
