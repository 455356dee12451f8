"""Measures of attributions: closed forms on pictures small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from strokeapp.errors import PerformanceError
from strokeapp.performance.saliency import (
    curve_area,
    energy_inside,
    hits,
    overlap_at_best_cut,
    rank_correlation,
    removal_curves,
    removal_shares,
    structural_similarity,
)


def point(row: int, column: int, *, side: int = 12, value: float = 1.0) -> np.ndarray:
    picture = np.zeros((side, side))
    picture[row, column] = value
    return picture


def square(top: int, left: int, *, size: int = 3, side: int = 12) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_pointing_counts_the_distance_from_the_mask_up_to_the_tolerance():
    masks = np.stack([square(2, 2)] * 4)
    values = np.stack([point(3, 3), point(4, 7), point(4, 8), point(7, 7)])
    assert hits(values, masks, tolerance=0).tolist() == [True, False, False, False]
    # (4, 7) lies 3 pixels from the mask's last column, (7, 7) 3 down and 3 beside: the root of 18.
    assert hits(values, masks, tolerance=3).tolist() == [True, True, False, False]
    assert hits(values, masks, tolerance=18**0.5).tolist() == [True, True, True, True]


def test_an_attribution_that_is_the_same_everywhere_points_nowhere():
    masks = np.stack([np.ones((6, 6), bool), np.zeros((6, 6), bool)])
    assert hits(np.full((2, 6, 6), 0.5), masks).tolist() == [False, False]
    assert hits(np.stack([point(1, 1, side=6)] * 2), masks).tolist() == [True, False]


def test_one_threshold_serves_the_whole_set():
    masks = np.stack([square(0, 0), square(0, 0)])
    first = np.where(masks[0], 0.6, 0.2)
    second = np.where(masks[1], 0.4, 0.3)
    cut, overlap = overlap_at_best_cut(np.stack([first, second]), masks, cuts=(0.1, 0.25, 0.35, 0.5))
    assert cut == 0.35 and overlap.tolist() == [1.0, 1.0]
    cut, overlap = overlap_at_best_cut(np.stack([first, second]), masks, cuts=(0.1, 0.25))
    assert cut == 0.25
    np.testing.assert_allclose(overlap, [1.0, 9 / 144])


def test_energy_inside_is_a_share_and_undefined_without_any():
    values = np.stack([point(3, 3, value=3) + point(9, 9, value=1), np.zeros((12, 12))])
    inside = energy_inside(values, np.stack([square(2, 2)] * 2))
    assert inside[0] == pytest.approx(0.75) and np.isnan(inside[1])


def test_rank_correlation_is_spearmans_over_the_head_alone():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 1, 12, 12))
    inside = square(1, 1, size=9)[None]
    expected = spearmanr(first[inside], second[inside]).statistic
    assert rank_correlation(first, second, inside)[0] == pytest.approx(expected)
    outside = np.where(inside, second, first)
    assert rank_correlation(first, outside, inside)[0] == pytest.approx(expected)
    assert rank_correlation(first, first**3, inside)[0] == pytest.approx(1)
    assert rank_correlation(first, np.zeros_like(first), inside)[0] == 0


def test_structural_similarity_of_even_pictures_is_its_light_term():
    a, b = np.full((1, 16, 16), 0.2), np.full((1, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert structural_similarity(a, b)[0] == pytest.approx(expected)
    noise = np.random.default_rng(1).random((1, 16, 16))
    assert structural_similarity(noise, noise)[0] == pytest.approx(1)
    assert structural_similarity(noise, 1 - noise)[0] < 0


def test_removal_of_a_linear_score_has_a_closed_form():
    weights = np.zeros((4, 4))
    weights[0] = 1.0

    def score(pictures: np.ndarray) -> np.ndarray:
        return (pictures * weights).sum((1, 2)) / 4

    pictures, references = np.ones((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32)
    right, wrong = weights[None], 1 - weights[None]
    # Two steps replace 1/4 and all of the pixels: the quarter that matters goes first, or last.
    assert removal_shares(2).tolist() == [0, 0.25, 1]
    np.testing.assert_allclose(removal_curves(score, pictures, references, right, steps=2), [[1, 0, 0]])
    np.testing.assert_allclose(removal_curves(score, pictures, references, wrong, steps=2), [[1, 1, 0]])
    inserted = removal_curves(score, pictures, references, right, steps=2, insertion=True)
    np.testing.assert_allclose(inserted, [[0, 1, 1]])
    np.testing.assert_allclose(curve_area(inserted), [0.5 * 0.25 + 0.75])


def test_removal_ends_at_the_other_picture_and_leaves_its_input_alone():
    rng = np.random.default_rng(2)
    pictures, references = rng.random((2, 3, 5, 5)).astype(np.float32)
    kept = pictures.copy(), references.copy()
    seen = []
    removal_curves(lambda p: seen.append(p.copy()) or p.sum((1, 2)), pictures, references, rng.random((3, 5, 5)))
    np.testing.assert_array_equal(seen[0], kept[0])
    np.testing.assert_array_equal(seen[-1], kept[1])
    np.testing.assert_array_equal(pictures, kept[0])
    np.testing.assert_array_equal(references, kept[1])


@pytest.mark.parametrize(
    "values", [np.zeros((2, 4, 4)), np.zeros((4, 4)), np.full((1, 4, 4), -1.0), np.full((1, 4, 4), np.nan)]
)
def test_what_cannot_be_judged_is_refused(values):
    masks = np.zeros((1, 4, 4), bool)
    for measure in (hits, overlap_at_best_cut, energy_inside):
        with pytest.raises(PerformanceError):
            measure(values, masks)
