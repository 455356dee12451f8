"""Drawn clots and blood in fluid: where they lie, how bright they are, and when none is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from factories_training import CSF_GRAY, skull_disc

from model_training.csf_blood import fill_fluid
from model_training.drawn_clot import RADIUS, draw_clot
from strokeapp.imaging.normalize import BRAIN_GRAY

SIZE = 192


@pytest.mark.parametrize("seed", range(11))
def test_a_clot_is_one_bright_piece_inside_the_skull(seed: int) -> None:
    gray = skull_disc()
    drawn = draw_clot(gray, np.random.default_rng(seed))
    assert drawn is not None
    painted, clot = drawn
    row, column = np.indices(gray.shape) - SIZE / 2
    radius = np.hypot(row, column)
    assert radius[clot].max() < 73
    extent = max(np.ptp(np.argwhere(clot), axis=0))
    assert extent <= 2 * RADIUS[1] * 1.9
    assert painted[clot].mean() > BRAIN_GRAY + 0.05
    assert painted[(radius < 60) & ~clot].max() < painted[clot].max() + 0.05
    assert np.array_equal(painted[radius > 78], gray[radius > 78])


def test_clots_are_drawn_all_over_the_brain_and_in_all_sizes() -> None:
    drawn = [draw_clot(skull_disc(), np.random.default_rng(seed)) for seed in range(60)]
    masks = [result[1] for result in drawn if result is not None]
    assert len(masks) > 45
    centers = np.array([np.argwhere(mask).mean(0) - SIZE / 2 for mask in masks])
    assert (centers > 15).any(0).all() and (centers < -15).any(0).all()
    areas = [mask.sum() for mask in masks]
    assert min(areas) < 120 and max(areas) > 900


def test_some_clots_have_a_dark_rim() -> None:
    darkest = [
        drawn[0][skull_disc() == np.float32(BRAIN_GRAY)].min()
        for seed in range(40)
        if (drawn := draw_clot(skull_disc(), np.random.default_rng(seed))) is not None
    ]
    rims = sum(value < BRAIN_GRAY - 0.02 for value in darkest)
    assert 0.3 * len(darkest) < rims < 0.9 * len(darkest)


def test_blood_in_a_ventricle_settles_behind() -> None:
    levels = []
    for seed in range(40):
        drawn = fill_fluid(skull_disc(ventricle=True), np.random.default_rng(seed))
        if drawn is None:
            continue
        painted, blood = drawn
        rows = np.flatnonzero(blood.any(1)) - SIZE / 2
        assert np.abs(rows).max() <= 17
        assert painted[blood].mean() > BRAIN_GRAY - 0.1 > CSF_GRAY + 0.2
        if rows.max() >= 12:
            levels.append(rows.min())
    assert len(levels) > 10 and np.ptp(levels) > 8


def test_blood_fills_sulci_of_a_region_only() -> None:
    gray = skull_disc(sulci=True)
    for seed in range(20):
        drawn = fill_fluid(gray, np.random.default_rng(seed))
        if drawn is not None:
            _, blood = drawn
            assert not blood[SIZE // 2 - 40 : SIZE // 2 + 40, SIZE // 2 - 40 : SIZE // 2 + 40].any()
            assert np.ptp(np.argwhere(blood), axis=0).max() < 110


def test_nothing_is_drawn_without_a_skull_or_without_fluid() -> None:
    assert draw_clot(skull_disc(skull=False), np.random.default_rng(0)) is None
    assert fill_fluid(skull_disc(skull=False, ventricle=True), np.random.default_rng(0)) is None
    assert fill_fluid(skull_disc(), np.random.default_rng(0)) is None
