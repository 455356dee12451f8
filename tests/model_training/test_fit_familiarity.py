"""Fitting familiarity: the known answer for Gaussian features, thresholds, coverage, the file beside the network."""

from __future__ import annotations

import json

import numpy as np
import pytest
from factories_models import random_network
from factories_training import toy_recipe, toy_store, toy_table

from model_training.familiarity import (
    COVERAGE,
    coverage_table,
    detection_auc,
    embed,
    fit_familiarity,
    fit_features,
    shrunk_variances,
    with_threshold,
    write_familiarity,
)
from strokeapp.errors import ModelError
from strokeapp.imaging.network_input import SliceInput
from strokeapp.inference.familiarity import FAMILIARITY, Measure, load_familiarity
from strokeapp.inference.slices import run_slices
from strokeapp.types import Modality

SPREAD = np.array([6.0, 3.0, 2.0, 1.0, 0.5, 0.5])


def features(count: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    """Return Gaussian features of known spread about 10."""
    return (10 + shift + SPREAD * np.random.default_rng(seed).normal(size=(count, 6))).astype(np.float32)


def test_distances_are_those_of_the_true_covariance():
    fitted = fit_features(features(20000, seed=0), features(500, seed=1), kept=6, measure=Measure.MAHALANOBIS)
    points = features(50, seed=2)
    exact = np.linalg.norm((points - 10) / SPREAD, axis=1)
    np.testing.assert_allclose(fitted.unfamiliarity(points), exact, rtol=0.06)


@pytest.mark.parametrize("measure", list(Measure))
def test_the_threshold_is_the_quantile_of_held_out_slices(measure):
    held = features(1000, seed=1)
    fitted = fit_features(features(500, seed=0), held, kept=4, measure=measure)
    assert fitted.unlike(held).mean() == pytest.approx(0.01, abs=0.002)


@pytest.mark.parametrize("measure", list(Measure))
def test_what_lies_apart_is_detected_and_what_does_not_is_not(measure):
    fitted = fit_features(features(500, seed=0), features(200, seed=1), kept=6, measure=measure)
    other = np.random.default_rng(0).permuted(features(100, seed=3, shift=60.0), axis=1)
    found = detection_auc(fitted, features(200, seed=2), {"apart": other, "alike": features(200, seed=4)})
    assert found["apart"]["auc"] > 0.95 and 0.4 < found["alike"]["auc"] < 0.6
    assert found["apart"]["images"] == 100 and found["alike"]["beyond"] < 0.06


def test_variances_shrink_more_the_fewer_slices_there_are():
    rng = np.random.default_rng(0)
    shares = []
    for count in (12, 4000):
        coordinates = rng.normal(size=(count, 4)) * [4, 2, 1, 0.5]
        coordinates -= coordinates.mean(axis=0)
        variance = (coordinates**2).mean(axis=0)
        shrunk = shrunk_variances(coordinates, variance)
        assert shrunk.sum() == pytest.approx(variance.sum()) and (shrunk > 0).all()
        shares.append(1 - np.ptp(shrunk) / np.ptp(variance))
    assert shares[0] > 5 * shares[1] and shares[1] < 0.01


def test_too_few_slices_are_refused():
    with pytest.raises(ModelError, match="more than 6"):
        fit_features(features(6, seed=0), features(3, seed=1), kept=6)
    with pytest.raises(ModelError, match="held out"):
        fit_features(features(60, seed=0), features(0, seed=1), kept=4)


def test_coverage_counts_errors_among_the_most_familiar():
    """Images 0-7 familiar and right, 8 and 9 unfamiliar and wrong; one label is not known."""
    distance = np.append(np.arange(10.0), 0.5)
    labels = np.append(np.array([1, 0] * 5, float), np.nan)
    probabilities = np.append(np.where(np.arange(10) < 8, labels[:10], 1 - labels[:10]), 1.0)
    table = coverage_table(distance, probabilities, labels, 0.5, shares=(1.0, 0.8, 0.1)).set_index("coverage")
    assert table["error"].to_dict() == pytest.approx({1.0: 0.2, 0.8: 0.0, 0.1: 0.0})
    assert table.loc[1.0, ["images", "recall", "specificity"]].tolist() == pytest.approx([10, 0.8, 0.8])
    assert table.loc[0.8, "unfamiliarity"] == 7 and np.isnan(table.loc[0.1, "specificity"])


@pytest.fixture(scope="module")
def trained():
    table = toy_table(bleeds=40, infarcts=40)
    return random_network(), toy_store(table), toy_recipe()


def test_training_and_reading_give_one_embedding(trained):
    network, store, recipe = trained
    rows = np.array([3, 50, 7])
    box = None
    inputs = [SliceInput(store.gray[r] / np.float32(255), box, store.level[r]) for r in rows]
    read = run_slices(network, inputs, Modality.CT).embedding
    np.testing.assert_allclose(embed(network, store, rows, recipe, batch=2), read, atol=1e-3)


@pytest.mark.parametrize("measure", list(Measure))
def test_a_small_file_ships_with_the_network(trained, tmp_path, measure):
    network, store, recipe = trained
    rows = np.arange(80)
    fitted = fit_familiarity(network, store, rows[:60], recipe, held=rows[60:], measure=measure)
    held = embed(network, store, rows[60:], recipe)
    coverage = coverage_table(fitted.unfamiliarity(held), np.full(20, 0.9), np.ones(20), 0.5)
    path = write_familiarity(fitted, tmp_path, coverage={"ischemic": coverage})
    assert path.name == FAMILIARITY and path.stat().st_size < 200_000
    loaded = load_familiarity(tmp_path)
    np.testing.assert_allclose(loaded.unfamiliarity(held), fitted.unfamiliarity(held), rtol=1e-5)
    content = json.loads((tmp_path / COVERAGE).read_text())
    assert content["measure"] == measure.value and content["coverage"]["ischemic"][0]["error"] == 0
    assert content["coverage"]["ischemic"][0]["specificity"] is None


def test_a_final_network_takes_the_threshold_of_the_folds():
    parts = [fit_features(features(300, seed=s), features(200, seed=9 + s), kept=4) for s in range(3)]
    final = with_threshold(parts[0], parts[1:])
    assert final.threshold == pytest.approx((parts[1].threshold + parts[2].threshold) / 2)
    with pytest.raises(ModelError):
        with_threshold(parts[0], [])
    other = fit_features(features(300, seed=0), features(200, seed=1), kept=4, measure=Measure.MAHALANOBIS)
    with pytest.raises(ModelError):
        with_threshold(parts[0], [other])
