"""Sequence networks learn on toy volumes, repeat themselves, and know nothing of the patients they are judged on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from factories_training import study_recipe, study_volumes

from model_training.study_level import compare
from model_training.study_level.compare import pooled_by_rule, rule_scores, sequence_scores, volumes_of
from model_training.study_level.features import FoldFeatures
from model_training.study_level.figures import difference_interval, figures, table
from model_training.study_level.rules import REFERENCE, RULES
from model_training.study_level.training import fit, known_loss, read_volume
from strokeapp.errors import RecipeError
from strokeapp.performance.curves import auc

RECIPE = study_recipe(steps=400, learning_rate=1e-2, dropout=0.0, input_dropout=0.0, noise=0.0)


def slice_auc(logits, volumes) -> float:
    labels, values = np.concatenate([v.labels for v in volumes]), np.concatenate(logits)
    return auc(labels[~np.isnan(labels)], values[~np.isnan(labels)])


def test_a_recurrent_network_reads_noisy_slices_better_with_their_neighbors():
    """Three neighbors bleed together, so the neighbors tell what one noisy slice does not."""
    learn, judge = (
        [dataclasses.replace(v, features=v.features[:, :1]) for v in study_volumes(patients=60, noise=2.0, seed=seed)]
        for seed in (1, 2)
    )
    network = fit(learn, RECIPE, seed=0)
    read = [read_volume([network], v.features)[0] for v in judge]
    assert slice_auc(read, judge) > slice_auc([v.features[:, 0] for v in judge], judge) + 0.03


def test_the_same_seed_gives_the_same_network_and_leaves_the_random_state():
    volumes, recipe = study_volumes(), study_recipe(steps=5)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, again, other = (fit(volumes, recipe, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))
    assert not torch.equal(first.slice_head.weight, other.slice_head.weight)


def test_a_volume_reads_the_same_from_either_end():
    network, volume = fit(study_volumes(), study_recipe(steps=20), seed=0), study_volumes()[3]
    slices, study = read_volume([network], volume.features)
    turned, same = read_volume([network], volume.features[::-1].copy())
    np.testing.assert_allclose(turned[::-1], slices, atol=1e-5)
    assert same == pytest.approx(study, abs=1e-5)


def test_seeds_are_averaged():
    networks = [fit(study_volumes(), study_recipe(steps=10), seed=seed) for seed in (0, 1)]
    features = study_volumes()[1].features
    singly = [read_volume([network], features) for network in networks]
    slices, study = read_volume(networks, features)
    np.testing.assert_allclose(slices, (singly[0][0] + singly[1][0]) / 2, atol=1e-5)
    assert study == pytest.approx((singly[0][1] + singly[1][1]) / 2, abs=1e-5)


def test_unknown_labels_have_no_loss():
    logits = torch.tensor([0.0, 50.0, -50.0])
    assert float(known_loss(logits, torch.tensor([1.0, float("nan"), float("nan")]))) == pytest.approx(np.log(2))
    assert float(known_loss(logits, torch.full((3,), float("nan")))) == 0


def test_labels_of_one_class_are_refused():
    flat = [dataclasses.replace(v, labels=np.zeros_like(v.labels)) for v in study_volumes()]
    for volumes in (flat, []):
        with pytest.raises(RecipeError, match="with and without"):
            fit(volumes, study_recipe(), seed=0)


@pytest.fixture
def run():
    """Give a run's table, rows and features: each fold's network adds its number to what it says."""
    volumes = study_volumes()
    frame = pd.concat(
        pd.DataFrame({"dataset": v.dataset, "group": v.group, "fold": v.fold, "hemorrhagic": v.labels}, index=v.rows)
        for v in volumes
    )
    wide = np.concatenate([v.features for v in volumes])

    def features(number: int, part: str) -> FoldFeatures:
        rows = np.flatnonzero((frame["fold"] == number).to_numpy() == (part == "held"))
        pooled = np.full((len(rows), 2), number, np.float16)
        return FoldFeatures(rows, wide[rows], pooled)

    return volumes, frame, [v.rows for v in volumes], features


@pytest.mark.parametrize("design", ["outputs", "features"])
def test_no_fit_knows_the_patients_it_is_judged_on(run, design, monkeypatch):
    volumes, frame, rows, features = run
    seen = []
    monkeypatch.setattr(compare, "fit_seeds", lambda _recipe, learnt: seen.append(learnt) or learnt)
    monkeypatch.setattr(compare, "read_volume", lambda learnt, x: (x[:, 0], float(x[:, -1].max())))
    scores = sequence_scores(study_recipe(design=design), frame, rows, features, range(4))
    for number, learnt in enumerate(seen):
        assert {v.fold for v in learnt} == set(range(4)) - {number}
        assert sorted(v.group for v in learnt) == sorted(v.group for v in volumes if v.fold != number)
        if design == "features":
            assert all((v.features[:, -1] == number).all() and v.features.shape[1] == 5 for v in learnt)
    for own, volume in zip(scores.slices, volumes, strict=True):
        np.testing.assert_array_equal(own, volume.features[:, 0])


def test_features_and_labels_stand_by_their_slices(run):
    volumes, frame, rows, features = run
    made = volumes_of(frame, rows, [features(fold, "held") for fold in range(4)], encoder=False)
    for ours, volume in zip(made, volumes, strict=True):
        np.testing.assert_array_equal(ours.features, volume.features)
        np.testing.assert_array_equal(ours.labels, volume.labels)
        assert (ours.dataset, ours.group, ours.fold) == (volume.dataset, volume.group, volume.fold)


def test_figures_are_of_the_judged_set_and_set_against_the_shipped_rule():
    volumes = study_volumes(patients=40)
    scores = rule_scores(volumes)
    records = {record["method"]: record for record in figures(volumes, scores, judged="mixed")}
    assert set(records) == set(RULES)
    reference = records[REFERENCE]
    known = [
        v for v in volumes if v.dataset == "mixed" and not (np.isnan(v.labels).any() and not (v.labels == 1).any())
    ]
    assert reference["studies"] == len(known) and reference["study_difference"] == 0 and reference["study_p"] == 1
    labels = [float((v.labels == 1).any()) for v in known]
    top = [np.sort(v.features[:, 0])[-2:].mean() for v in known]
    assert reference["study_auc"] == pytest.approx(auc(labels, top))
    assert reference["study_low"] <= reference["study_auc"] <= reference["study_high"]
    smooth = records["neighbors 1:2:1, top-2 mean"]
    assert smooth["slice_auc"] == pytest.approx(reference["slice_auc"] + smooth["slice_difference"])
    assert smooth["slice_difference_low"] <= smooth["slice_difference"] <= smooth["slice_difference_high"]
    assert table(list(records.values())).count("\n") == len(records) + 1


def test_the_shipped_rule_may_pool_a_networks_slices():
    scores = rule_scores(study_volumes())[0]
    pooled = pooled_by_rule(scores)
    np.testing.assert_allclose(pooled.studies, [np.sort(z)[-2:].mean() for z in scores.slices], rtol=1e-6)


def test_a_difference_is_drawn_on_the_same_patients():
    rng = np.random.default_rng(0)
    labels, groups = np.tile([0, 1], 100), np.repeat(np.arange(50), 4)
    good, bad = labels + rng.normal(0, 0.7, 200), rng.normal(0, 1, 200)
    ends, turned = difference_interval(labels, good, bad, groups), difference_interval(labels, bad, good, groups)
    assert 0 < ends.low < auc(labels, good) - auc(labels, bad) < ends.high
    assert (-turned.high, -turned.low) == pytest.approx(ends)
    assert not difference_interval(labels, good, 2 * good, groups).defined
