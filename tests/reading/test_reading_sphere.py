"""A sphere of 268 ml, written as DICOM in every unkind way and read back: volume, center, flags, documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from factories_spheres import CENTER, RADIUS, SPHERES, TRUTH_ML, write_sphere
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import make_ct_series, sphere, stacked_geometry, voxel_positions
from strokeapp.imaging.measures import largest_diameter_mm, slice_thickness_mm, volume_ml
from strokeapp.imaging.resample import is_regular, regular_volume
from strokeapp.reading import load, open_inputs


def write(folder, case):
    """Write the series and read it back."""
    series = write_sphere(folder / "in", case)
    workspace = folder / "workspace"
    workspace.mkdir()
    inventory = open_inputs([series], workspace=workspace)
    assert len(inventory.series) == 1 and not inventory.problems
    return load(inventory.series[0])


def center_of(inside, scan):
    """Return the centroid (LPS mm) of a region or of parts of voxels, weighted by the thickness of slices."""
    weights = inside * slice_thickness_mm(scan.geometry)[:, None, None]
    return np.tensordot(weights, voxel_positions(scan.geometry, *inside.shape[1:]), 3) / weights.sum()


def off_center(inside, scan):
    return float(np.linalg.norm(center_of(inside, scan) - CENTER))


@dataclass(frozen=True)
class Measured:
    """Hold the figures of the documentation's table."""

    native_ml: float
    native_off: float
    volume_ml: float
    volume_off: float
    flags: frozenset

    @property
    def row(self):
        flags = ", ".join(f"`{flag}`" for flag in sorted(self.flags)) or "none"
        native, regular = f"{self.native_ml:.1f} ml, {self.native_off:.2f} mm", f"{self.volume_ml:.1f} ml"
        return f"{native} | {regular}, {self.volume_off:.2f} mm | {flags}"


def measure(folder, case):
    scan = write(folder, case)
    volume = regular_volume(scan)
    assert is_regular(volume.geometry)
    # Where planes are interpolated the edge is gray: its share of the way from air to the sphere is what is inside.
    share = np.clip((volume.voxels + 1000.0) / 1060.0, 0.0, 1.0)
    ml = float(share.sum() * np.prod(volume.spacing_mm) / 1000)
    inside = scan.voxels > 0
    assert largest_diameter_mm(inside, scan) == pytest.approx(2 * RADIUS, abs=1.5)
    flags = frozenset(flag.code for flag in scan.flags)
    return Measured(volume_ml(inside, scan), off_center(inside, scan), ml, off_center(share, volume), flags)


@pytest.mark.parametrize("name", SPHERES)
def test_volume_and_center_are_right_flagged_and_documented(tmp_path, name):
    found = measure(tmp_path, SPHERES[name])
    print(f"\n| {name} | {found.row} |")
    assert found.native_ml == pytest.approx(TRUTH_ML, rel=0.02)
    assert found.volume_ml == pytest.approx(TRUTH_ML, rel=0.02)
    assert found.native_off < 1.0 and found.volume_off < 1.0
    assert found.flags == SPHERES[name].flags
    text = (REPOSITORY / "docs" / "geometry.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE)
    assert found.row in [row for case, row in rows if case == name], "docs/geometry.md tells other figures"


@settings(max_examples=6, deadline=None)
@given(
    tilt=st.sampled_from([0.0, 7.0, -13.0, 27.0]),
    spacing=st.floats(1.5, 4.0),
    flips=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 1000),
)
def test_neither_order_of_files_nor_flips_nor_tilt_nor_spacing_moves_a_sphere(
    tmp_path_factory, tilt, spacing, flips, seed
):
    folder = Path(tmp_path_factory.mktemp("series"))
    z = np.random.default_rng(seed).permutation(np.arange(20, 100, spacing))
    geometry = stacked_geometry(z, tilt=tilt, flip_rows=flips[0], flip_columns=flips[1], side=72)
    hu = sphere(geometry, 72, 72, center=(2.0, -3.0, 60.0), radius=20.0)
    make_ct_series(folder / "in", geometry=geometry, hu=hu)
    (folder / "workspace").mkdir()
    (series,) = open_inputs([folder / "in"], workspace=folder / "workspace").series
    scan = load(series)
    inside = scan.voxels > 0
    assert volume_ml(inside, scan) == pytest.approx(4 / 3 * np.pi * 8.0, rel=0.02)
    assert np.abs(center_of(inside, scan) - (2.0, -3.0, 60.0)).max() < 0.5
    volume = regular_volume(scan)
    share = np.clip((volume.voxels + 1000.0) / 1060.0, 0.0, 1.0)
    assert np.abs(center_of(share, volume) - (2.0, -3.0, 60.0)).max() < 0.5
    assert scan.geometry.column_step[0] > 0 and scan.geometry.row_step[1] > 0
    assert np.all(np.diff(scan.geometry.slice_origins[:, 2]) > 0)
