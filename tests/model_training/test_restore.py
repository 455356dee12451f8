"""A shipped network laid out as its run again: same folds, same logits but for half precision; refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from factories_models import random_network
from factories_training import toy_recipe, toy_table, write_toy_manifest

from model_training import loop
from model_training.cross_validation import held_out, load_store, run_recipe, save_predictions
from model_training.package import collect, settle_all, write_network
from model_training.restore import restore
from model_training.runs import read_rows, trained_network
from strokeapp.errors import RecipeError, WeightsMissingError
from strokeapp.models.registry import read_card


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Ship a run of two folds and a final network, whose weights are random and tell pictures and parts apart."""
    folder = tmp_path_factory.mktemp("trained")
    table = toy_table(bleeds=12, infarcts=12).assign(
        patient=lambda t: t["dataset"] + "-" + (t.index // 3).astype(str), group=lambda t: t["patient"]
    )
    table.loc[table.index[-3:], "dataset"] = "outside"
    manifest = write_toy_manifest(folder / "data", table)
    recipe = toy_recipe(datasets=["bleeds", "infarcts", "outside"], external=["outside"], epochs=1, images_per_epoch=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "best_device", lambda: torch.device("cpu"))
        run_recipe(recipe, manifest, folder / "run")
    run, rows = folder / "run", read_rows(folder / "run")
    store = load_store(recipe, rows, manifest.parent, run)
    for seed, part in enumerate(("fold0", "fold1", "final")):
        network = random_network(seed=seed)
        torch.save({"average": network.state_dict()}, run / part / "checkpoint.pt")
        save_predictions(run / part, network, store, held_out(rows["fold"].to_numpy(), part), recipe)
    return recipe, manifest, folder / "run", read_card(write_network(folder / "run", folder / "models" / "weights"))


def test_a_restored_run_says_what_the_run_said(trained, tmp_path):
    recipe, manifest, run, card = trained
    again = restore(card, recipe, manifest, tmp_path / "again")
    before, after = collect(run), collect(again)
    pd.testing.assert_frame_equal(read_rows(again)[["path", "fold"]], read_rows(run)[["path", "fold"]])
    assert np.isfinite(after.logits).all() and before.logits.std(axis=0).min() > 0.4
    np.testing.assert_allclose(after.logits, before.logits, atol=0.1)
    np.testing.assert_allclose(after.dice, before.dice, atol=0.02)
    assert after.seconds == before.seconds
    for finding, values in settle_all(after).items():
        assert values.threshold == pytest.approx(card.findings[finding].threshold, abs=0.02)
    for part in ("fold1", "final"):
        one, other = (trained_network(folder, part, recipe).state_dict() for folder in (run, again))
        wide = [name for name, value in one.items() if value.dim() < 2 and "num_batches" not in name]
        assert len(wide) > 20 and all(torch.equal(one[name], other[name]) for name in wide)
        assert not all(torch.equal(one[name], other[name]) for name in one)


def test_an_interrupted_restoration_goes_on(trained, tmp_path, monkeypatch):
    recipe, manifest, _, card = trained
    restore(card, recipe, manifest, tmp_path / "again")
    (tmp_path / "again" / "fold1" / "predictions.npz").unlink()
    read = []
    real = __import__("model_training.restore", fromlist=["save_predictions"]).save_predictions
    monkeypatch.setattr(
        "model_training.restore.save_predictions", lambda folder, *rest: (read.append(folder.name), real(folder, *rest))
    )
    restore(card, recipe, manifest, tmp_path / "again")
    assert read == ["fold1"]
    assert np.isfinite(collect(tmp_path / "again").logits).all()


def test_what_is_not_the_networks_own_is_refused(trained, tmp_path):
    recipe, manifest, run, card = trained
    with pytest.raises(RecipeError, match="Give its own with --recipe"):
        restore(card, dataclasses.replace(recipe, version="9"), manifest, tmp_path / "a")
    fewer = dataclasses.replace(recipe, datasets=("bleeds", "infarcts"), external=())
    with pytest.raises(RecipeError, match=r"but 21 of them and 0 others"):
        restore(card, fewer, manifest, tmp_path / "b")
    before = sorted(path.name for path in run.iterdir())
    with pytest.raises(RecipeError, match="is not empty and holds no restored"):
        restore(card, recipe, manifest, run)
    assert sorted(path.name for path in run.iterdir()) == before
    alone = read_card(write_network(run, tmp_path / "weights", folds=False))
    with pytest.raises(WeightsMissingError, match="were not kept"):
        restore(alone, recipe, manifest, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_held_out_rows_of_a_part():
    fold = np.array([0, 1, -1, 0, 2])
    assert held_out(fold, "fold0").tolist() == [0, 2, 3]
    assert held_out(fold, "final").tolist() == [2]
