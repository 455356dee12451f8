"""Familiarity: distances of known form, what a study is abstained for, and damaged files."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from strokeapp.errors import ModelError
from strokeapp.inference.familiarity import FAMILIARITY, Familiarity, judge, load_familiarity, save_values

MEAN, SCALE = np.array([1.0, -1.0, 7.0, 0.0], np.float32), np.array([2.0, 1.0, 1.0, 0.5], np.float32)


def familiarity(threshold: float = 3.0) -> Familiarity:
    """Return one principal direction of spread 2 in four features, the others of spread 0.5 once standardized."""
    directions = np.array([[1.0], [0], [0], [0]], np.float32)
    return Familiarity(MEAN, SCALE, directions, np.array([2.0], np.float32), 0.5, threshold)


def test_distances_count_in_standard_deviations_along_and_beside_the_directions():
    features = np.array([[1, -1, 7, 0], [9, -1, 7, 0], [1, 0, 7, 0], [9, 0, 7, 0.25]], np.float32)
    # Standardized (8 / 2) / 2 = 2 along; 1 / 0.5 = 2 and 0.5 / 0.5 = 1 beside; over the root of four features.
    expected = np.sqrt(np.array([0, 4, 4, 4 + 4 + 1]) / 4)
    np.testing.assert_allclose(familiarity().unfamiliarity(features), expected, atol=1e-6)
    assert familiarity(1.2).unlike(features).tolist() == [False, False, False, True]


@pytest.mark.parametrize(("unlike", "slices", "abstains"), [(0, 4, 0), (1, 30, 0), (2, 4, 0), (3, 4, 1), (1, 1, 1)])
def test_a_study_is_abstained_from_when_more_than_half_is_unlike(unlike, slices, abstains):
    features = np.tile(MEAN, (slices, 1))
    features[:unlike, 0] += 100
    found = judge(familiarity(), features)
    assert (found is not None) == abstains
    if found is not None:
        assert found.code == "unlike_training" and f"{unlike} of {slices}" in found.message


def test_a_network_without_a_file_abstains_from_nothing(tmp_path):
    assert load_familiarity(tmp_path) is None
    assert judge(None, np.zeros((2, 3), np.float32)) is None


def test_a_file_gives_back_what_was_written(tmp_path):
    save_file(save_values(familiarity()), tmp_path / FAMILIARITY)
    found = load_familiarity(tmp_path)
    features = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    np.testing.assert_allclose(found.unfamiliarity(features), familiarity().unfamiliarity(features), rtol=1e-6)
    assert (found.rest, found.threshold) == (0.5, 3.0)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros(5, np.float32)},
        {"scale": np.zeros(4, np.float32)},
        {"spreads": np.ones(2, np.float32)},
        {"numbers": np.array([0.5, np.nan])},
        {"numbers": np.array([0.5, np.inf])},
        {"numbers": np.array([0.5])},
    ],
    ids=["shape", "scale", "directions", "threshold", "endless", "numbers"],
)
def test_a_damaged_file_is_refused(tmp_path, change):
    save_file(save_values(familiarity()) | change, tmp_path / FAMILIARITY)
    with pytest.raises(ModelError, match="damaged"):
        load_familiarity(tmp_path)


def test_bytes_that_are_no_file_and_a_missing_tensor_are_refused(tmp_path):
    (tmp_path / FAMILIARITY).write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="damaged"):
        load_familiarity(tmp_path)
    values = save_values(familiarity())
    (tmp_path / "b").mkdir()
    save_file({name: value for name, value in values.items() if name != "mean"}, tmp_path / "b" / FAMILIARITY)
    with pytest.raises(ModelError, match="damaged"):
        load_familiarity(tmp_path / "b")


@pytest.mark.parametrize("features", [np.zeros((2, 5)), np.zeros(4), np.full((1, 4), np.nan)])
def test_features_of_another_network_are_refused(features):
    with pytest.raises(ModelError, match="does not belong"):
        familiarity().unfamiliarity(features)


def test_what_moves_along_a_wide_direction_is_nearer_than_what_moves_beside_it():
    step = np.zeros((2, 4), np.float32)
    step[0, 0], step[1, 1] = SCALE[0], SCALE[1]
    along, beside = familiarity().unfamiliarity(MEAN + step)
    assert beside == pytest.approx(4 * along)
