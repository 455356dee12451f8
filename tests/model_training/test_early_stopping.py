"""Early stopping: the held-out fold never decides, the best network is kept, and a resumed run decides alike."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from factories_training import toy_recipe, toy_store, toy_table, write_toy_manifest

from model_training import cross_validation, loop
from model_training.dataset import BatchSource
from model_training.early_stopping import final_recipe, validation_fold, validation_loss

TABLE = toy_table(bleeds=12, infarcts=12)
LOSSES = [0.9, 0.5, 0.6, 0.7, 0.4, 0.3]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(loop, "best_device", lambda: torch.device("cpu"))


@pytest.fixture(scope="module")
def source():
    recipe = toy_recipe(epochs=6, images_per_epoch=4, patience=2, folds=3)
    return BatchSource(recipe, toy_store(TABLE), TABLE, np.arange(len(TABLE)))


class Judge:
    """Give losses from a list and keep what was judged."""

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.seen = iter(losses), []

    def __call__(self, network) -> float:
        self.seen.append({n: v.clone() for n, v in network.state_dict().items()})
        return next(self.losses)


def test_training_ends_when_patience_is_over_and_keeps_the_best(source, tmp_path):
    judge = Judge(LOSSES)
    state = loop.train(source.recipe, source, tmp_path, label="x", validate=judge)
    assert len(judge.seen) == 4 and state.best.epoch == 2 and state.step == 4
    assert all(torch.equal(v, judge.seen[1][n]) for n, v in state.average.state_dict().items())
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["average"]
    assert all(torch.equal(v, judge.seen[1][n]) for n, v in stored.items())
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["validation_loss"] for line in lines] == LOSSES[:4]
    again = loop.train(source.recipe, source, tmp_path, label="x", validate=Judge([]))
    assert again.step == 4 and torch.equal(again.average.classifier.weight, state.average.classifier.weight)


def test_without_patience_every_epoch_is_trained_and_the_best_kept(source, tmp_path):
    recipe = dataclasses.replace(source.recipe, patience=0)
    state = loop.train(recipe, source, tmp_path, label="x", validate=Judge(LOSSES))
    assert (state.step, state.best.epoch) == (6, 6)


def test_an_interrupted_training_stops_at_the_same_epoch(source, tmp_path):
    with pytest.raises(StopIteration):
        loop.train(source.recipe, source, tmp_path / "parts", label="x", validate=Judge(LOSSES[:3]))
    resumed = loop.train(source.recipe, source, tmp_path / "parts", label="x", validate=Judge(LOSSES[3:]))
    whole = loop.train(source.recipe, source, tmp_path / "whole", label="x", validate=Judge(LOSSES))
    assert resumed.best.epoch == whole.best.epoch == 2
    for part in ("network", "average"):
        mine, theirs = getattr(resumed, part).state_dict(), getattr(whole, part).state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_checkpoint_from_before_early_stopping_goes_on(source, tmp_path):
    state = loop.start(source.recipe, torch.device("cpu"))
    loop.save_checkpoint(state, tmp_path / "checkpoint.pt")
    parts = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    older = {name: value for name, value in parts.items() if name not in ("best", "cuda_random")}
    torch.save(older, tmp_path / "checkpoint.pt")
    loop.load_checkpoint(state, tmp_path / "checkpoint.pt")
    assert state.best == loop.Best()


def test_the_loss_of_labels_that_fit_is_lower(source):
    rows, network = np.arange(len(TABLE)), loop.build_network(source.recipe)
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.bias.fill_(-3.0)
    ill = rows[(TABLE["hemorrhagic"] == 1).to_numpy()]
    well = rows[(TABLE["hemorrhagic"] == 0).to_numpy() & (TABLE["ischemic"] == 0).to_numpy()]
    assert validation_loss(source, well)(network) < validation_loss(source, ill)(network)
    assert not network.training
    alone = np.mean([validation_loss(source, rows[[i]])(network) for i in range(4)])
    assert validation_loss(source, rows[:4], batch=1)(network) == pytest.approx(alone)


def test_the_fold_that_stops_is_never_the_one_tested():
    recipe = toy_recipe(folds=3, patience=1)
    assert [validation_fold(recipe, number) for number in range(3)] == [1, 2, 0]
    assert validation_fold(toy_recipe(), 0) is None


def test_the_final_network_gets_the_mean_of_the_folds_epochs():
    recipe = toy_recipe(folds=3, patience=1, epochs=9)
    assert final_recipe(recipe, [4, 6, 8]).epochs == 6 and final_recipe(recipe, [4]).patience == 0
    refined = toy_recipe(folds=3, patience=1, epochs=9, refinement={"epochs": 2})
    assert final_recipe(refined, [8, 8]).epochs == 6
    assert final_recipe(toy_recipe(), [1]) == toy_recipe()


def test_a_run_learns_neither_from_the_tested_nor_from_the_stopping_fold(tmp_path, monkeypatch):
    manifest = write_toy_manifest(tmp_path / "data", TABLE)
    recipe = toy_recipe(folds=3, patience=1, epochs=2, images_per_epoch=4)
    seen = []
    train = loop.train

    def watched(recipe, source, folder, **options):
        seen.append((folder.name, set(source.rows), recipe.epochs, options["validate"] is not None))
        return train(recipe, source, folder, **options)

    monkeypatch.setattr(cross_validation, "train", watched)
    cross_validation.run_recipe(recipe, manifest, tmp_path / "run", folds=[1])
    fold = cross_validation.recipe_rows(recipe, manifest)["fold"].to_numpy()
    assert seen == [("fold1", set(np.flatnonzero(fold == 0)), 2, True)]
    with np.load(tmp_path / "run" / "fold1" / "predictions.npz") as parts:
        assert set(parts["rows"]) == set(np.flatnonzero(fold == 1))
    assert json.loads((tmp_path / "run" / "fold1" / "facts.json").read_text())["epochs"] in (1, 2)
