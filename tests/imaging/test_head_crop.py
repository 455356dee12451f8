"""The head box is square in millimeters and finds the head; what is cut out goes back where it was."""

from __future__ import annotations

import numpy as np
import pytest
from factories_models import ellipse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from strokeapp.imaging.head_crop import Box, crop, head_box, head_mask, place_back, reduced


def disc(shape=(200, 160), center=(90, 70), radii=(40, 40)) -> np.ndarray:
    return ellipse(shape, center, radii).astype(np.float32) * 0.5


def sides(box: Box) -> tuple[float, float]:
    return box.bottom - box.top, box.right - box.left


@settings(max_examples=25, deadline=None)
@given(
    row=st.integers(60, 140),
    column=st.integers(50, 110),
    radius=st.integers(20, 40),
    aspect=st.sampled_from([0.5, 1.0, 1.7]),
)
def test_box_is_square_in_mm_and_centered_on_the_head(row, column, radius, aspect):
    box = head_box(disc(center=(row, column), radii=(radius, radius)), aspect=aspect)
    height, width = sides(box)
    assert height * aspect == pytest.approx(width)
    assert (box.top + box.bottom) / 2 == pytest.approx(row + 0.5, abs=2)
    assert (box.left + box.right) / 2 == pytest.approx(column + 0.5, abs=2)
    longer = (2 * radius + 1) * max(1.0, aspect)
    assert width == pytest.approx(longer * 1.08, abs=4 * max(1.0, aspect))


def test_margin_widens_the_box_by_its_share():
    bare, wide = (sides(head_box(disc(), margin=margin))[0] for margin in (0.0, 0.25))
    assert wide == pytest.approx(1.5 * bare)


def test_a_thin_table_arc_is_left_out():
    picture = disc()
    row, column = np.ogrid[:200, :160]
    arc = np.abs(np.hypot(row - 60, column - 70) - 100) < 0.8
    with_table = np.where(arc, np.float32(0.6), picture)
    assert head_box(with_table) == head_box(picture)


def test_holes_belong_to_the_head():
    picture = disc()
    picture[ellipse(picture.shape, (90, 70), (15, 15))] = 0
    np.testing.assert_array_equal(head_mask(picture), head_mask(disc()))


@pytest.mark.parametrize("shape", [(64, 64), (300, 200)])
def test_an_empty_picture_gives_the_whole_frame(shape):
    box = head_box(np.zeros(shape, np.float32))
    assert sides(box) == (max(shape), max(shape))
    assert (box.top + box.bottom) / 2 == shape[0] / 2 and (box.left + box.right) / 2 == shape[1] / 2


def test_outside_the_picture_is_black():
    cut = crop(np.ones((10, 10), np.float32), Box(-10, -10, 10, 10), 20)
    np.testing.assert_allclose(cut[12:, 12:], 1)
    np.testing.assert_array_equal(cut[:8], 0)


@pytest.mark.parametrize("box", [Box(20.0, 30.5, 84.0, 94.5), Box(-5.0, 10.0, 91.0, 106.0)])
def test_a_ramp_cut_and_placed_back_is_the_ramp(box):
    shape = (100, 120)
    ramp = np.add.outer(np.arange(100.0) * 0.01, np.arange(120.0) * 0.02).astype(np.float32)
    again = place_back(crop(ramp, box, 64), box, shape)
    step = (box.bottom - box.top) / 64
    inside = slice(int(max(box.top, 0) + 3 * step), int(min(box.bottom, 100) - 3 * step))
    columns = slice(int(box.left + 3 * step), int(box.right - 3 * step))
    np.testing.assert_allclose(again[inside, columns], ramp[inside, columns], atol=2e-3)


@pytest.mark.parametrize("out", [None, (50, 60), (200, 240)])
def test_one_hot_lands_where_it_was_cut(out):
    shape, box = (100, 120), Box(10, 20, 74, 84)
    values = np.zeros((32, 32), np.float32)
    values[20, 5] = 1
    placed = place_back(values, box, shape, out=out)
    scale = placed.shape[0] / shape[0]
    row, column = np.meshgrid(*(np.arange(n) + 0.5 for n in placed.shape), indexing="ij")
    center = (row * placed).sum() / placed.sum() / scale, (column * placed).sum() / placed.sum() / scale
    assert center == pytest.approx((10 + 20.5 * 2, 20 + 5.5 * 2), abs=0.05)


def test_nothing_is_placed_outside_the_box():
    placed = place_back(np.ones((16, 16), np.float32), Box(30, 30, 62, 62), (100, 100))
    assert placed[32:60, 32:60].min() == 1
    placed[30:62, 30:62] = 0
    assert not placed.any()


def rough(seed: int) -> np.ndarray:
    """Draw blobs and specks of any shape, some over the border."""
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(1, 200, 2))
    smooth = ndimage.gaussian_filter(generator.normal(0.15, 1, shape), generator.uniform(0, 4))
    return np.clip(smooth * generator.uniform(0.5, 4), 0, 1).astype(np.float32)


@pytest.mark.parametrize("seed", range(40))
def test_mask_and_box_are_those_of_scipys_morphology(seed):
    gray = rough(seed)
    mask = ndimage.binary_opening(reduced(gray) > 0.15, np.ones((3, 3)))
    labels, count = ndimage.label(mask)
    if count:
        mask = ndimage.binary_fill_holes(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]))
    np.testing.assert_array_equal(head_mask(gray), mask)
    if count:
        box, scale = head_box(gray, margin=0.0), gray.shape[0] / mask.shape[0]
        rows = np.flatnonzero(mask.any(1))
        assert (box.top + box.bottom) / 2 == pytest.approx((rows[0] + rows[-1] + 1) * scale / 2)


@pytest.mark.parametrize("seed", range(40))
def test_placing_back_is_scipys_bilinear_interpolation(seed):
    generator = np.random.default_rng(seed)
    values = generator.random((2, *generator.integers(1, 60, 2))).astype(np.float32)
    shape, out = generator.integers(20, 90, 2), generator.integers(3, 90, 2)
    top, left = generator.uniform(-20, 40, 2)
    box = Box(top, left, top + generator.uniform(5, 90), left + generator.uniform(5, 90))
    scale = out / shape
    step = np.array([box.bottom - box.top, box.right - box.left]) / values.shape[1:] * scale
    grid = [(np.arange(n) + 0.5 - e * k) / s - 0.5 for n, e, k, s in zip(out, (top, left), scale, step, strict=True)]
    places = np.meshgrid(*grid, indexing="ij")
    placed = place_back(values, box, tuple(shape), out=tuple(out))
    for one, found in zip(values, placed, strict=True):
        expected = ndimage.map_coordinates(one, places, order=1, mode="constant", output=np.float32)
        np.testing.assert_allclose(found, expected, atol=1e-5)
