"""Training resumes where it stopped, to the last bit; schedule and moving average have their closed forms."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
import torch
from factories_training import toy_recipe, toy_store, toy_table
from torch import nn

from model_training import loop
from model_training.dataset import BatchSource
from strokeapp.errors import RecipeError

TABLE = toy_table()


@pytest.fixture(scope="module")
def store():
    return toy_store(TABLE)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(loop, "best_device", lambda: torch.device("cpu"))


class Stopped(Exception):
    """Stand in for a machine that is switched off."""


def test_an_interrupted_training_ends_at_the_same_weights(store, tmp_path, monkeypatch):
    recipe = toy_recipe()
    source = BatchSource(recipe, store, TABLE, np.arange(len(TABLE)))
    whole = loop.train(recipe, source, tmp_path / "whole", label="whole")

    save = loop.save_checkpoint

    def save_and_stop(state, path):
        save(state, path)
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", save_and_stop)
        with pytest.raises(Stopped):
            loop.train(recipe, source, tmp_path / "parts", label="parts")
    torch.manual_seed(99)
    resumed = loop.train(recipe, source, tmp_path / "parts", label="parts")
    assert (resumed.epoch, resumed.step) == (whole.epoch, whole.step) == (2, 4)
    for part in ("network", "average"):
        mine, theirs = getattr(resumed, part).state_dict(), getattr(whole, part).state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs), part
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1] and all(np.isfinite(line["loss"]) for line in lines)
    assert not (tmp_path / "parts" / "checkpoint.part").exists()


def test_a_finished_training_is_not_trained_further(store, tmp_path):
    recipe = toy_recipe(epochs=1, images_per_epoch=4)
    source = BatchSource(recipe, store, TABLE, np.arange(len(TABLE)))
    first, again = (loop.train(recipe, source, tmp_path, label="x") for _ in range(2))
    assert again.step == first.step == 1
    assert all(torch.equal(a, b) for a, b in zip(first.network.parameters(), again.network.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in again.average.parameters())


@pytest.mark.parametrize("patience", [0, 2])
def test_the_first_weights_are_averaged_in_once(store, tmp_path, patience):
    rows = np.arange(len(TABLE))
    first = toy_recipe(epochs=1)
    begun = loop.train(first, BatchSource(first, store, TABLE, rows), tmp_path / "first" / "fold0", label="fold0")
    begun = {name: value.clone() for name, value in begun.average.state_dict().items()}
    init = f"pretrained:{tmp_path}/first/{{part}}/checkpoint.pt"
    plain, mixed = (toy_recipe(init=init, epochs=1, start_share=share) for share in (0.0, 0.25))

    def trained(recipe, name):
        source = BatchSource(recipe, store, TABLE, rows)
        validate = (lambda network: 1.0) if patience else None
        return loop.train(recipe, source, tmp_path / name, label="fold0", validate=validate).average.state_dict()

    alone, together = trained(plain, "plain"), trained(mixed, "mixed")
    again = trained(mixed, "mixed")
    assert any(not torch.equal(alone[name], begun[name]) for name in begun)
    for name, value in together.items():
        if value.dtype.is_floating_point:
            torch.testing.assert_close(value, 0.25 * begun[name] + 0.75 * alone[name], atol=1e-5, rtol=1e-4)
        assert torch.equal(value, again[name])


def test_the_rate_warms_up_and_falls_to_zero():
    recipe, steps = toy_recipe(warmup=0.1), 100
    rates = [loop.rate(step, steps, recipe) for step in range(steps + 1)]
    np.testing.assert_allclose(rates[:10], recipe.learning_rate * np.arange(1, 11) / 10)
    assert max(rates) == pytest.approx(recipe.learning_rate) and rates[55] == pytest.approx(recipe.learning_rate / 2)
    assert np.all(np.diff(rates[10:]) < 0) and rates[-1] == pytest.approx(0, abs=1e-12)


def module(value: float) -> nn.Module:
    one = nn.BatchNorm1d(2)
    nn.init.constant_(one.weight, value)
    one.running_mean.fill_(value)
    return one


@pytest.mark.parametrize(("step", "keep"), [(0, 0.1), (8, 0.5), (10_000, 0.9)])
def test_the_moving_average_is_its_closed_form(step, keep):
    slow, fast = module(1.0), module(3.0)
    fast.num_batches_tracked.fill_(7)
    loop.follow(slow, fast, decay=0.9, step=step)
    expected = keep * 1 + (1 - keep) * 3
    np.testing.assert_allclose(slow.weight.detach(), expected, rtol=1e-5)
    np.testing.assert_allclose(slow.running_mean, expected, rtol=1e-5)
    assert slow.num_batches_tracked == 7 and (fast.weight == 3).all()


def test_encoder_and_decoder_learn_at_their_own_rates():
    recipe = toy_recipe(encoder_rate=0.25)
    state = loop.start(recipe, torch.device("cpu"))
    encoder, rest = state.optimizer.param_groups
    assert (encoder["rate"], rest["rate"]) == (0.25, 1.0)
    assert len(encoder["params"]) + len(rest["params"]) == len(list(state.network.parameters()))


def test_the_same_seed_starts_at_the_same_weights():
    one, two = (loop.start(toy_recipe(), torch.device("cpu")).network for _ in range(2))
    other = loop.start(toy_recipe(seed=1), torch.device("cpu")).network
    assert torch.equal(one.classifier.weight, two.classifier.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)


def test_a_compiled_training_ends_at_the_same_weights(store, tmp_path, monkeypatch):
    """The graph is captured and run without a code generator, whose rounding would hide a difference."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    ends = []
    for compiled in (False, True):
        recipe = toy_recipe(compile=compiled, epochs=1)
        source = BatchSource(recipe, store, TABLE, np.arange(len(TABLE)))
        ends.append(loop.train(recipe, source, tmp_path / str(compiled), label="x").network.state_dict())
    assert list(ends[0]) == list(ends[1])
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, atol=1e-4, rtol=1e-4)


def test_compiling_without_a_compiler_is_refused(store, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.shutil, "which", lambda name: None)
    recipe = toy_recipe(compile=True)
    source = BatchSource(recipe, store, TABLE, np.arange(len(TABLE)))
    with pytest.raises(RecipeError, match="compiler"):
        loop.train(recipe, source, tmp_path, label="x")


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    loop.save_checkpoint(loop.start(toy_recipe(), torch.device("cpu")), tmp_path / "checkpoint.pt")
    other = loop.start(toy_recipe(layer_decay=0.5), torch.device("cpu"))
    with pytest.raises(RecipeError, match="another network"):
        loop.load_checkpoint(other, tmp_path / "checkpoint.pt")
