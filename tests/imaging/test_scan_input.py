"""Slabs cover every slice once; thin slices are averaged; anisotropic pixels are squared."""

from __future__ import annotations

import numpy as np
import pytest
from factories_models import head_scan
from hypothesis import given
from hypothesis import strategies as st

from factories import slice_geometry
from strokeapp.imaging.scan_input import Slab, gray_window, plan_slabs, scan_input, slab_gray
from strokeapp.types import Modality, Units


@given(slices=st.integers(1, 400), spacing=st.one_of(st.none(), st.just(float("nan")), st.floats(0.1, 20)))
def test_every_slice_is_in_exactly_one_slab(slices, spacing):
    slabs = plan_slabs(slices, spacing)
    assert [i for slab in slabs for i in range(slab.first, slab.last + 1)] == list(range(slices))


@pytest.mark.parametrize(
    ("spacing", "size"),
    [(5.0, 1), (3.0, 1), (2.5, 2), (1.25, 4), (1.0, 5), (0.625, 8), (None, 1), (float("nan"), 1), (0.0, 1)],
)
def test_slabs_are_about_five_millimeters(spacing, size):
    assert plan_slabs(40, spacing)[0] == Slab(0, size - 1)


def test_a_slab_shows_the_mean_of_its_slices():
    scan = head_scan(slices=4, spacing=(1.0, 1.0, 1.0))
    expected = np.clip(scan.voxels[1:4].astype(float).mean(0) / 80, 0, 1)
    np.testing.assert_allclose(slab_gray(scan, Slab(1, 3), gray_window(scan)), expected, atol=1e-5)


def test_windows_follow_units():
    assert (gray_window(head_scan(slices=1)).low, gray_window(head_scan(slices=1)).high) == (0, 80)
    picture = gray_window(head_scan(slices=1, units=Units.GRAY))
    assert (picture.low, picture.high) == (0, 255)


def test_scan_input_has_one_input_per_slab_and_reports_to_the_end():
    told = []
    prepared = scan_input(
        head_scan(slices=12, spacing=(1, 1, 1)), Modality.CT, size=32, margin=0.04, progress=told.append
    )
    assert len(prepared.slabs) == len(prepared.inputs) == 3
    assert told == sorted(told) and told[-1] == 1.0


def test_pixels_that_are_not_square_are_cut_square_in_mm():
    scan = head_scan(slices=1, geometry=slice_geometry(1, spacing=(5.0, 2.0, 1.0)))
    box = scan_input(scan, Modality.CT, size=32, margin=0.04).inputs[0].box
    assert (box.bottom - box.top) * 2.0 == pytest.approx(box.right - box.left)
