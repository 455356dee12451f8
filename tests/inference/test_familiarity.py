"""Familiarity: distances of known form, the threshold, what a study is abstained for, and damaged files."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import save_file

from strokeapp.errors import ModelError
from strokeapp.inference.familiarity import FAMILIARITY, Familiarity, Measure, judge, load_familiarity, save_values


def mahalanobis(threshold: float = 3.0) -> Familiarity:
    """Return two directions of standard deviations 2 and 0.5 in three features."""
    directions = np.array([[1 / 2, 0], [0, 1 / 0.5], [0, 0]], np.float32)
    mean = np.array([1.0, -1.0, 7.0], np.float32)
    return Familiarity(Measure.MAHALANOBIS, mean, directions, np.zeros((0, 2), np.float32), 1, threshold)


def neighbors() -> Familiarity:
    prototypes = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    return Familiarity(Measure.NEIGHBORS, np.zeros(2, np.float32), np.eye(2, dtype=np.float32), prototypes, 1, 0.5)


def test_mahalanobis_counts_in_standard_deviations():
    features = np.array([[1, -1, 7], [5, -1, 7], [1, -2, 7], [5, -2, 0]], np.float32)
    np.testing.assert_allclose(mahalanobis().unfamiliarity(features), [0, 2, 2, np.sqrt(8)], atol=1e-6)
    assert not mahalanobis().unlike(features).any() and mahalanobis(2.5).unlike(features).tolist() == [False] * 3 + [
        True
    ]


def test_neighbors_measure_the_angle_to_the_nearest_prototype():
    found = neighbors().unfamiliarity(np.array([[3, 0], [0.1, 0.1], [0, -5]], np.float32))
    np.testing.assert_allclose(found, [0, np.sqrt(2 - np.sqrt(2)), np.sqrt(2)], atol=1e-6)
    second = dataclasses.replace(neighbors(), neighbors=2).unfamiliarity(np.array([[3.0, 0]], np.float32))
    np.testing.assert_allclose(second, [np.sqrt(2)], atol=1e-6)


@pytest.mark.parametrize(("unlike", "abstains"), [(0, False), (2, False), (3, True), (4, True)])
def test_a_study_is_abstained_from_when_more_than_half_is_unlike(unlike, abstains):
    features = np.tile(np.array([1, -1, 7], np.float32), (4, 1))
    features[:unlike, 0] += 100
    found = judge(mahalanobis(), features)
    assert (found is not None) is abstains
    if found is not None:
        assert found.code == "unlike_training" and f"{unlike} of 4" in found.message


def test_a_network_without_a_file_abstains_from_nothing(tmp_path):
    assert load_familiarity(tmp_path) is None
    assert judge(None, np.zeros((2, 3), np.float32)) is None


@pytest.mark.parametrize("make", [mahalanobis, neighbors])
def test_a_file_gives_back_what_was_written(tmp_path, make):
    save_file(save_values(make()), tmp_path / FAMILIARITY)
    found = load_familiarity(tmp_path)
    features = np.random.default_rng(0).normal(size=(9, len(make().mean))).astype(np.float32)
    np.testing.assert_allclose(found.unfamiliarity(features), make().unfamiliarity(features), rtol=1e-6)
    assert (found.measure, found.neighbors, found.threshold) == (make().measure, 1, make().threshold)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros(5, np.float32)},
        {"numbers": np.array([7.0, 1.0, 1.0])},
        {"numbers": np.array([0.0, 1.0, np.nan])},
        {"numbers": np.array([0.0])},
        {"numbers": np.array([1.0, 1.0, 1.0]), "prototypes": np.zeros((4, 9), np.float16)},
    ],
    ids=["shape", "measure", "threshold", "numbers", "prototypes"],
)
def test_a_damaged_file_is_refused(tmp_path, change):
    save_file(save_values(mahalanobis()) | change, tmp_path / FAMILIARITY)
    with pytest.raises(ModelError, match="damaged"):
        load_familiarity(tmp_path)


def test_bytes_that_are_no_file_and_a_missing_tensor_are_refused(tmp_path):
    (tmp_path / FAMILIARITY).write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="damaged"):
        load_familiarity(tmp_path)
    values = save_values(mahalanobis())
    (tmp_path / "b").mkdir()
    save_file({name: value for name, value in values.items() if name != "mean"}, tmp_path / "b" / FAMILIARITY)
    with pytest.raises(ModelError, match="damaged"):
        load_familiarity(tmp_path / "b")


@pytest.mark.parametrize("features", [np.zeros((2, 4)), np.zeros(3), np.full((1, 3), np.nan)])
def test_features_of_another_network_are_refused(features):
    with pytest.raises(ModelError, match="does not belong"):
        mahalanobis().unfamiliarity(features)
