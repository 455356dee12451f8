"""What runs a network while reading gives the network's own numbers, and exists once for all sessions."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from factories_models import head_scan, install_network, random_network
from torch import nn

from strokeapp.imaging.scan_input import scan_input
from strokeapp.inference import engine, folding
from strokeapp.inference.engine import OnnxNetwork, prepare, reading_network
from strokeapp.inference.folding import FoldedUp, folded
from strokeapp.inference.slices import run_slices
from strokeapp.models.registry import load_network
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Modality

TOLERANCE = {"findings": 2e-4, "map_findings": 2e-4, "subtypes": 5e-4, "maps": 5e-4, "embedding": 2e-3}
"""Of random weights, whose last features are much larger than a trained network's."""


def pictures(batch: int = 3, rows: int = 64, columns: int = 96) -> torch.Tensor:
    return torch.randn(batch, 1, rows, columns, generator=torch.Generator().manual_seed(1))


def resnet() -> SliceNetwork:
    torch.manual_seed(2)
    network = SliceNetwork(backbone="resnet18")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.2)
    return network.eval().requires_grad_(False)


def assert_same(found, expected):
    for name, tolerance in TOLERANCE.items():
        one, other = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("make", [random_network, resnet], ids=["lite0", "resnet18"])
def test_folding_changes_no_output(make):
    network, x = make(), pictures()
    assert_same(folded(network)(x), network(x))


def test_folding_leaves_the_network_alone_and_normalizes_nothing_any_more():
    network, x = random_network(), pictures()
    state, before = {k: v.clone() for k, v in network.state_dict().items()}, network(x)
    copy = folded(network)
    copy(x)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in copy.modules())
    assert all(isinstance(stage, FoldedUp) for stage in copy.decoder)
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert torch.equal(network(x).maps, before.maps)
    assert not any(getattr(module, "inplace", False) for module in network.modules())


def test_a_network_in_training_is_not_folded():
    with pytest.raises(ValueError, match="evaluation"):
        folded(random_network().train())


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_runtime_gives_the_networks_numbers(batch):
    pytest.importorskip("onnxruntime")
    network = random_network()
    x = pictures(batch).to(memory_format=torch.channels_last)
    assert_same(OnnxNetwork(network)(x), network(x))


def test_a_backbone_that_the_graph_does_not_know_runs_in_pytorch():
    pytest.importorskip("onnx")
    from strokeapp.inference.onnx_graph import onnx_bytes

    network, x = resnet(), pictures()
    prepared = prepare(network, onnx=True)
    assert isinstance(prepared, SliceNetwork)
    assert_same(prepared(x), network(x))
    with pytest.raises(TypeError, match="TorchvisionEncoder"):
        onnx_bytes(folded(network))


def test_reading_goes_on_without_onnx_runtime(monkeypatch):
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
    assert not engine.onnx_installed()
    assert isinstance(prepare(random_network()), SliceNetwork)


def test_a_whole_scan_reads_alike_on_every_engine():
    inputs = scan_input(head_scan(slices=3), Modality.CT, size=64, margin=0.04).inputs
    network = random_network()
    expected = run_slices(network, inputs, Modality.CT, batch=1)
    for prepared in (prepare(network, onnx=False), prepare(network)):
        found = run_slices(prepared, inputs, Modality.CT)
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
        np.testing.assert_allclose(found.maps, expected.maps, atol=1e-3)
        np.testing.assert_allclose(found.embedding, expected.embedding, atol=1e-3)


def test_sessions_that_come_at_once_share_one_network(tmp_path, monkeypatch):
    card = install_network(tmp_path)
    made, sessions = [], 6
    gate = threading.Barrier(sessions)

    def counted(network):
        made.append(network)
        return folding.folded(network)

    def session(_number):
        gate.wait(timeout=60)
        return reading_network(card)

    monkeypatch.setattr(engine, "prepare", counted)
    with ThreadPoolExecutor(sessions) as pool:
        networks = list(pool.map(session, range(sessions)))
    assert len(made) == 1 and made[0] is load_network(card)
    assert all(network is networks[0] for network in networks)
    assert reading_network(card) is networks[0]


def test_other_weights_are_another_network(tmp_path):
    one, two = (install_network(tmp_path / name, seed=seed) for seed, name in enumerate(("a", "b")))
    x = pictures(1)
    assert not torch.allclose(reading_network(one)(x).findings, reading_network(two)(x).findings)
    assert_same(reading_network(two)(x), load_network(two)(x))


def test_several_sessions_may_run_the_shared_network_at_once(tmp_path):
    network = reading_network(install_network(tmp_path))
    batches = [pictures(2) * scale for scale in (0.5, 1.0, 1.5, 2.0)]
    alone = [network(batch).findings for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: network(batch).findings, batches))
    for found, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
