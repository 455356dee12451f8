"""Drawn extra-axial blood: where it lies, how bright it is, and when none is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from factories_training import skull_disc

from model_training.blood_paint import BRIGHTER, inside_skull
from model_training.extra_axial import draw_blood
from model_training.loop import phases
from model_training.recipe import Recipe, Refinement, Stratum
from strokeapp.imaging.normalize import BRAIN_GRAY
from strokeapp.types import Modality


@pytest.mark.parametrize("seed", range(8))
def test_blood_lies_along_the_skull_and_is_brighter_than_brain(seed: int) -> None:
    gray = skull_disc()
    result = draw_blood(gray, np.random.default_rng(seed))
    if result is None:
        pytest.skip("this draw was too small to count")
    painted, mask = result
    row, column = np.indices(gray.shape) - gray.shape[0] / 2
    radius = np.hypot(row, column)
    assert radius[mask].max() < 74
    assert radius[mask].max() > 68
    assert radius[mask].min() > 72 - 17
    low, high = BRIGHTER
    assert BRAIN_GRAY + low - 0.12 < painted[mask].mean() < BRAIN_GRAY + high + 0.12
    assert np.array_equal(painted[radius < 36], gray[radius < 36])
    assert np.array_equal(painted[radius > 78], gray[radius > 78])


def test_most_draws_succeed_on_a_closed_skull() -> None:
    drawn = [draw_blood(skull_disc(), np.random.default_rng(seed)) is not None for seed in range(20)]
    assert sum(drawn) >= 15


def test_nothing_is_drawn_without_a_skull() -> None:
    assert inside_skull(skull_disc(skull=False)) is None
    assert draw_blood(skull_disc(skull=False), np.random.default_rng(0)) is None


def recipe(**changes) -> Recipe:
    return Recipe(
        name="toy", version="0", title="Toy", modality=Modality.CT, sequences=("NCCT",), datasets=("a",),
        findings=("ischemic",), strata=(Stratum("a", 1.0),), epochs=3, **changes,
    )  # fmt: skip


def test_refinement_adds_a_cycle_with_its_own_augmentation() -> None:
    more = Refinement(epochs=2, rate=0.5, augmentation={"extra_axial": 0.3})
    first, second = phases(recipe(refinement=more))
    assert (first.first, first.last, first.rate, first.augmentation.extra_axial) == (0, 3, 1.0, 0.0)
    assert (second.first, second.last, second.rate, second.augmentation.extra_axial) == (3, 5, 0.5, 0.3)
    assert second.augmentation.rotation_degrees == first.augmentation.rotation_degrees
    assert len(phases(recipe())) == 1
