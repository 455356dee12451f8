"""Learning rates of the encoder's layers, and how many batches an epoch has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from factories_training import toy_recipe, toy_store, toy_table

from model_training import loop
from model_training.dataset import BatchSource, apportion
from model_training.schedule import parameter_groups, phases, steps_per_epoch
from strokeapp.models.backbones import encoder_layers
from strokeapp.models.slice_network import SliceNetwork


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "resnet18"])
def test_rates_fall_from_the_last_layer_to_the_stem(backbone):
    network = SliceNetwork(backbone=backbone)
    *layers, rest = parameter_groups(network, encoder_rate=0.5, layer_decay=0.8)
    expected = 0.5 * 0.8 ** np.arange(len(encoder_layers(network.encoder)))[::-1]
    np.testing.assert_allclose([group["rate"] for group in layers], expected)
    assert rest["rate"] == 1.0 and layers[-1]["rate"] == 0.5
    listed = [id(p) for group in (*layers, rest) for p in group["params"]]
    assert len(listed) == len(set(listed)) and set(listed) == {id(p) for p in network.parameters()}


def test_without_decay_the_encoder_is_one_group_as_in_older_checkpoints():
    network = SliceNetwork()
    encoder, rest = parameter_groups(network, encoder_rate=0.25)
    assert [id(p) for p in encoder["params"]] == [id(p) for p in network.encoder.parameters()]
    assert (encoder["rate"], rest["rate"]) == (0.25, 1.0)


def test_layers_move_as_their_rates_say():
    """AdamW's first step moves every weight by its rate, whatever the gradient's size."""
    recipe = toy_recipe(layer_decay=0.5, encoder_rate=1.0, weight_decay=0.0, warmup=0.0)
    state = loop.start(recipe, torch.device("cpu"))
    stem, last = (layer.state_dict() for layer in (state.network.encoder.stem, state.network.encoder.stages[-1]))
    stem, last = stem["0.weight"].clone(), last["0.layers.0.weight"].clone()
    for group in state.optimizer.param_groups:
        group["lr"] = 1e-3 * group["rate"]
    for parameter in state.network.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimizer.step()
    layers = len(state.network.encoder.stages)
    moved = (state.network.encoder.stem[0].weight - stem).abs().mean().item()
    np.testing.assert_allclose(moved, 1e-3 * 0.5**layers, rtol=1e-2)
    moved = (state.network.encoder.stages[-1][0].layers[0].weight - last).abs().mean().item()
    np.testing.assert_allclose(moved, 1e-3, rtol=1e-2)


@pytest.mark.parametrize(
    ("shares", "total", "counts"),
    [
        ([1 / 3] * 3, 10, [4, 3, 3]),
        ([0.22, 0.24, 0.1, 0.14, 0.06, 0.24], 100, [22, 24, 10, 14, 6, 24]),
        ([1.0], 7, [7]),
    ],
)
def test_shares_are_rounded_to_the_total(shares, total, counts):
    assert list(apportion(np.array(shares), total)) == counts


@pytest.mark.parametrize("parts", [3, 7])
def test_rounding_of_shares_drops_no_batch(parts):
    table = toy_table()
    strata = [{"dataset": ("bleeds", "infarcts")[i % 2], "share": 1 + 0.1 * i} for i in range(parts)]
    recipe = toy_recipe(strata=strata, batch=4, images_per_epoch=16)
    source = BatchSource(recipe, toy_store(table), table, np.arange(len(table)))
    assert len(list(source.epoch(0))) == steps_per_epoch(recipe) == 4


def test_a_first_size_holds_for_the_main_cycle_alone():
    recipe = toy_recipe(size=96, first_size=64, epochs=2, refinement={"epochs": 1})
    assert [(phase.first, phase.last, phase.size) for phase in phases(recipe)] == [(0, 2, 64), (2, 3, 96)]
    assert [phase.size for phase in phases(toy_recipe(size=96))] == [96]
