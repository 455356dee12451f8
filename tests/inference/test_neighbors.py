from __future__ import annotations

import numpy as np

from strokeapp.inference.neighbors import spread, with_neighbors


def test_a_half_weight_is_binomial_smoothing_inside_a_volume():
    values = np.array([4.0, 0.0, 8.0, -4.0])
    inside = np.convolve(values, [0.25, 0.5, 0.25], mode="valid")
    smoothed = with_neighbors(values, np.arange(4), weight=0.5)
    np.testing.assert_allclose(smoothed[1:3], inside)
    np.testing.assert_allclose(smoothed[[0, 3]], [(2 * 4 + 0) / 3, (2 * -4 + 8) / 3])


def test_order_of_rows_does_not_matter_and_gaps_and_volumes_part():
    rng = np.random.default_rng(0)
    positions = np.array([0, 1, 2, 5, 6, 0, 1])
    volumes = np.array(["a"] * 5 + ["b"] * 2)
    values = rng.normal(size=7)
    expected = np.concatenate(
        [with_neighbors(values[s], positions[s], weight=0.5) for s in (slice(0, 3), slice(3, 5), slice(5, 7))]
    )
    shuffled = rng.permutation(7)
    found = with_neighbors(values[shuffled], positions[shuffled], weight=0.5, volumes=volumes[shuffled])
    np.testing.assert_allclose(found, expected[shuffled])


def test_single_slices_and_slices_without_a_place_keep_their_logit():
    assert with_neighbors([3.0], [7], weight=0.5) == 3.0
    np.testing.assert_array_equal(with_neighbors([1.0, 2.0, 5.0], [np.nan, np.nan, 1], weight=0.5), [1.0, 2.0, 5.0])
    np.testing.assert_array_equal(with_neighbors([1.0, 2.0], [0, 1], weight=0.0), [1.0, 2.0])


def test_slices_that_share_a_place_stand_alone():
    values = [1.0, 2.0, 6.0, 9.0, 3.0]
    smoothed = with_neighbors(values, [3, 3, 4, 5, 3], weight=0.5, volumes=[0, 0, 0, 0, 1])
    np.testing.assert_allclose(smoothed, [1.0, 2.0, (2 * 6 + 9) / 3, (2 * 9 + 6) / 3, 3.0])


def test_slices_too_far_apart_are_no_neighbors():
    values, positions = np.array([4.0, -4.0, 0.0, 8.0]), np.arange(4)
    places = spread(positions, [0.0, 2.01, 4.0, 9.0], reach_mm=2.0)
    found = with_neighbors(values, places, weight=0.5)
    alone = with_neighbors(values[:3], positions[:3], weight=0.5)
    np.testing.assert_allclose(found, [*alone, 8.0])
    descending = spread(positions, [9.0, 4.0, 2.0, 0.0], reach_mm=2.0)
    np.testing.assert_array_equal(np.diff(descending) == 1, [False, True, True])
    np.testing.assert_array_equal(spread(positions, [0, 5, 10, 15], reach_mm=7.0), positions)
