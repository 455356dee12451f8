"""First weights: from ImageNet, from a file by name, and a reason where they cannot be had."""

from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from model_training import init
from strokeapp.errors import RecipeError
from strokeapp.models.backbones import torchvision_model
from strokeapp.models.slice_network import SliceNetwork

NAME = "resnet18"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Give an empty PyTorch cache and no network."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: (_ for _ in ()).throw(OSError("no route")))
    return tmp_path / "checkpoints"


def put_weights(folder, monkeypatch, tensors) -> None:
    """Write tensors as the cached file that torchvision names, under a name that fits their hash."""
    folder.mkdir(parents=True)
    torch.save(tensors, folder / "part")
    path = folder / f"weights-{hashlib.sha256((folder / 'part').read_bytes()).hexdigest()[:8]}.pth"
    (folder / "part").rename(path)
    weights = init.import_torchvision().models.get_model_weights(NAME).DEFAULT
    monkeypatch.setattr(type(weights), "url", f"https://example.org/{path.name}", raising=False)


def test_cached_imagenet_weights_fill_a_backbone(hub, monkeypatch):
    tensors = torchvision_model(NAME).state_dict()
    put_weights(hub, monkeypatch, tensors)
    network = SliceNetwork(backbone=NAME)
    init.initialize(network, "imagenet")
    assert torch.equal(network.encoder.stages[0][0].weight, tensors["conv1.weight"])
    assert torch.equal(network.encoder.stages[4][0][1].bn2.bias, tensors["layer4.1.bn2.bias"])


def test_a_machine_without_the_weights_is_told_where_to_put_them(hub):
    with pytest.raises(RecipeError, match="Fetch https://") as caught:
        init.initialize(SliceNetwork(backbone=NAME), "imagenet")
    assert str(hub) in caught.value.user_message and "scratch" in caught.value.user_message


def test_a_damaged_file_in_the_cache_is_never_loaded(hub, monkeypatch):
    put_weights(hub, monkeypatch, torchvision_model(NAME).state_dict())
    path = next(hub.iterdir())
    path.write_bytes(path.read_bytes()[:-1000])
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("loaded"))
    with pytest.raises(RecipeError, match="whole"):
        init.initialize(SliceNetwork(backbone=NAME), "imagenet")


@pytest.mark.parametrize("kept", [("encoder.",), ("encoder.", "decoder."), ("",)])
def test_weights_of_a_file_are_taken_by_name(tmp_path, kept):
    source, network = SliceNetwork(), SliceNetwork()
    tensors = {n: v.contiguous() for n, v in source.state_dict().items() if n.startswith(kept)}
    before = network.classifier.weight.clone()
    save_file(tensors, tmp_path / "fold1.safetensors")
    init.initialize(network, f"pretrained:{tmp_path}/{{part}}.safetensors", part="fold1")
    state = network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in tensors.items())
    assert torch.equal(network.classifier.weight, before) == (kept != ("",))


def test_the_averaged_network_of_a_checkpoint_is_taken(tmp_path):
    average, learning = SliceNetwork(), SliceNetwork()
    torch.save({"average": average.state_dict(), "network": learning.state_dict()}, tmp_path / "checkpoint.pt")
    network = SliceNetwork()
    init.initialize(network, f"pretrained:{tmp_path}/checkpoint.pt")
    assert torch.equal(network.lesion_head.weight, average.lesion_head.weight)


def test_files_that_do_not_fit_are_refused(tmp_path):
    save_file({"encoder.stem.0.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "part.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    for name, words in (("part", "do not fit"), ("broken", "do not fit"), ("absent", "not there")):
        with pytest.raises(RecipeError, match=words):
            init.initialize(SliceNetwork(), f"pretrained:{tmp_path}/{name}.safetensors")
    with pytest.raises(RecipeError, match="init must be"):
        init.initialize(SliceNetwork(), "hub")
