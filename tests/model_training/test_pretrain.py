"""Pretraining: squares are hidden and filled in, no label is read, and a training goes on from the weights."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from factories_training import gray_head, toy_recipe, toy_table, write_toy_manifest
from safetensors.torch import load_file

from model_training import loop, pretrain
from model_training.__main__ import RECIPES
from model_training.pretrain_recipe import pretrain_recipe_from, read_pretrain_recipe
from strokeapp.errors import ManifestError, RecipeError
from strokeapp.imaging.normalize import standardize


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    for module in (loop, pretrain):
        monkeypatch.setattr(module, "best_device", lambda: torch.device("cpu"))


def recipe(**changes):
    settings = {"name": "toy", "modalities": ["CT"], "init": "scratch", "size": 64, "patch": 8, "batch": 4}
    return pretrain_recipe_from(settings | {"epochs": 1, "images_per_epoch": 8} | changes)


def slices(count: int = 8) -> np.ndarray:
    return np.stack([gray_head(seed)[::2, ::2] for seed in range(count)]).astype(np.float16)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def test_the_stated_share_of_squares_is_hidden_and_nothing_else():
    settings = recipe(hidden=0.25, noise=0.0)
    gray = torch.from_numpy(slices().astype(np.float32))[:, None]
    batch = pretrain.hide(gray, settings, generator())
    hidden = torch.nn.functional.interpolate(batch.hidden, scale_factor=2, mode="nearest") == 1
    assert torch.all(hidden.float().mean((1, 2, 3)) == 0.25)
    assert torch.all(batch.pictures[hidden] == 0)
    assert torch.equal(batch.pictures[~hidden], standardize(gray)[~hidden])
    squares = hidden.view(8, 8, 8, 8, 8).float().mean((2, 4))
    assert set(squares.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(hidden[0], hidden[1])


def test_only_hidden_pixels_count():
    batch = pretrain.hide(torch.from_numpy(slices().astype(np.float32))[:, None], recipe(), generator())
    assert pretrain.filling_loss(batch.wanted + 5 * (1 - batch.hidden), batch) == 0
    assert pretrain.filling_loss(batch.wanted + 2 * batch.hidden, batch).item() == pytest.approx(2, rel=1e-5)


def test_an_epoch_is_the_same_each_time_and_another_is_not():
    one, two, other = (list(pretrain.batches(slices(), recipe(), number)) for number in (3, 3, 4))
    assert len(one) == 2
    assert all(torch.equal(a.pictures, b.pictures) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0].pictures, other[0].pictures)


def test_the_loss_falls(tmp_path):
    settings = recipe(epochs=4, images_per_epoch=48, learning_rate=3e-3)
    pretrain.pretrain(settings, slices(), tmp_path / "log.jsonl")
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 4 and losses[-1] < 0.6 * losses[0]


def test_no_label_mask_or_patient_is_read(tmp_path, monkeypatch):
    table = toy_table()
    manifest = write_toy_manifest(tmp_path, table)
    opened = []
    real = pretrain.open_picture
    monkeypatch.setattr(pretrain, "open_picture", lambda path: opened.append(path.name) or real(path))
    rows = pretrain.unlabelled_rows(recipe(), manifest)
    assert list(rows) == ["path", "dataset", "modality"]
    decoded = pretrain.decode_slices(rows, tmp_path, recipe())
    assert decoded.shape == (16, 64, 64) and sorted(opened) == sorted(table["path"])
    plain = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    plain[["ischemic", "hemorrhagic", "mask"]] = ""
    plain.to_csv(manifest, index=False)
    without = pretrain.decode_slices(pretrain.unlabelled_rows(recipe(), manifest), tmp_path, recipe())
    np.testing.assert_array_equal(decoded, without)


def test_external_and_other_slices_are_left_out(tmp_path):
    manifest = write_toy_manifest(tmp_path, toy_table())
    assert set(pretrain.unlabelled_rows(recipe(external=["bleeds"]), manifest)["dataset"]) == {"infarcts"}
    assert set(pretrain.unlabelled_rows(recipe(datasets=["bleeds"]), manifest)["dataset"]) == {"bleeds"}
    with pytest.raises(ManifestError, match="No slice"):
        pretrain.unlabelled_rows(recipe(modalities=["MR"]), manifest)


def test_a_training_starts_from_the_weights(tmp_path):
    manifest = write_toy_manifest(tmp_path / "data", toy_table())
    path = pretrain.run_pretraining(recipe(), manifest, tmp_path / "out" / "weights")
    assert path == tmp_path / "out" / "weights.safetensors"
    settings = toy_recipe(init=f"pretrained:{path}")
    network = loop.start(settings, torch.device("cpu")).network
    fresh = loop.start(toy_recipe(), torch.device("cpu")).network
    tensors = load_file(path)
    assert {name.split(".")[0] for name in tensors} == {"encoder", "decoder"}
    assert all(torch.equal(network.state_dict()[name], value) for name, value in tensors.items())
    assert not torch.equal(network.encoder.stem[0].weight, fresh.encoder.stem[0].weight)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"findings": ["ischemic"]}, "unknown settings findings"),
        ({"modalities": []}, "modalities"),
        ({"modalities": ["PET"]}, "modalities"),
        ({"size": 100}, "multiple of 32"),
        ({"patch": 24}, "divide size"),
        ({"patch": 0}, "positive"),
        ({"hidden": 1.0}, "hidden"),
        ({"init": "hub"}, "init"),
        ({"ema": 1.0}, "ema"),
        ({"batch": "many"}, "recipe"),
    ],
)
def test_wrong_settings_are_named(changes, words):
    with pytest.raises(RecipeError, match=words):
        recipe(**changes)


def test_the_shipped_recipe_reads(tmp_path):
    assert read_pretrain_recipe(RECIPES / "pretrain.toml").name == "pretrain"
    (tmp_path / "bad.toml").write_text("name = ")
    for name, words in (("bad.toml", "not valid TOML"), ("nowhere.toml", "no recipe")):
        with pytest.raises(RecipeError, match=words):
            read_pretrain_recipe(tmp_path / name)
