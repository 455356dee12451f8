"""The clot inside a drawn edema ring is found by its brightness."""

from __future__ import annotations

import numpy as np
import pytest
from factories_models import ellipse

from model_training.clot import clot_inside_ring
from strokeapp.imaging.normalize import BRAIN_GRAY

SHAPE = (192, 192)
CENTER = (100, 120)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def brain(*, clot: np.ndarray | None = None, noise: float = 0.03) -> np.ndarray:
    gray = np.where(ellipse(SHAPE, (96, 96), (80, 65)), BRAIN_GRAY, 0.0)
    gray += np.random.default_rng(0).normal(0, noise, SHAPE)
    if clot is not None:
        gray[clot] += 0.35
    gray[ellipse(SHAPE, (96, 96), (90, 75)) & ~ellipse(SHAPE, (96, 96), (80, 65))] = 1.0
    return gray.astype(np.float32)


@pytest.mark.parametrize("radius", [5, 12, 20])
def test_the_clot_in_a_ring_is_found(radius):
    clot = ellipse(SHAPE, CENTER, (radius, radius))
    ring = ellipse(SHAPE, CENTER, (radius + 4, radius + 4)) & ~clot
    found = clot_inside_ring(ring, brain(clot=clot))
    assert dice(found, clot) > 0.85
    assert not (found & ~ellipse(SHAPE, CENTER, (radius + 3, radius + 3))).any()


def test_half_a_ring_is_enough():
    clot = ellipse(SHAPE, CENTER, (12, 12))
    ring = ellipse(SHAPE, CENTER, (16, 16)) & ~clot
    ring[:100] = False
    assert dice(clot_inside_ring(ring, brain(clot=clot)), clot) > 0.85


def test_blood_far_away_is_not_this_rings_clot():
    clot, other = ellipse(SHAPE, CENTER, (10, 10)), ellipse(SHAPE, (90, 50), (8, 8))
    found = clot_inside_ring(ellipse(SHAPE, CENTER, (14, 14)) & ~clot, brain(clot=clot | other))
    assert not (found & other).any()


def test_a_ring_without_blood_gives_none():
    ring = ellipse(SHAPE, CENTER, (16, 16)) & ~ellipse(SHAPE, CENTER, (12, 12))
    assert clot_inside_ring(ring, brain(noise=0.0)) is None


@pytest.mark.parametrize("points", [0, 1, 2, 20])
def test_a_lone_line_or_point_in_plain_brain_gives_none(points):
    ring = np.zeros(SHAPE, bool)
    ring[100, 100 : 100 + points] = True
    assert clot_inside_ring(ring, brain(noise=0.0)) is None


def test_a_skull_of_ten_pixels_is_never_a_clot():
    ring = ellipse(SHAPE, (96, 158), (10, 6))
    found = clot_inside_ring(ring, brain(noise=0.0))
    assert found is None or brain(noise=0.0)[found].max() < 0.95
