"""Backbones: five levels at strides 2 to 32, the classifier's own features, a network that a card can name."""

from __future__ import annotations

import json

import pytest
import torch
from factories_models import card_values
from safetensors.torch import save_file

from model_training.init import initialize
from strokeapp.errors import ModelError
from strokeapp.models.backbones import LITE0, STRIDES, TorchvisionEncoder, build_encoder, encoder_layers
from strokeapp.models.backbones import torchvision_model as classifier
from strokeapp.models.lite0 import PYRAMID_CHANNELS, EfficientNetLite0
from strokeapp.models.registry import CARD, WEIGHTS, load_network, read_card, sha256
from strokeapp.models.slice_network import SliceNetwork

SMALL = ("mobilenet_v3_large", "efficientnet_b0", "resnet18", "regnet_y_400mf")


@torch.no_grad()
@pytest.mark.parametrize("name", [LITE0, *SMALL, "convnext_tiny"])
def test_every_backbone_gives_five_levels(name):
    encoder, channels = build_encoder(name)
    features = encoder.eval()(torch.randn(2, 3, 64, 96))
    shapes = [(2, c, 64 // stride, 96 // stride) for c, stride in zip(channels, STRIDES, strict=True)]
    assert [tuple(f.shape) for f in features] == shapes
    inside = [p for layer in encoder_layers(encoder) for p in layer.parameters()]
    assert {id(p) for p in inside} == {id(p) for p in encoder.parameters()} and len(inside) == len(set(inside))


@torch.no_grad()
def test_the_deepest_level_is_the_classifiers_own():
    torch.manual_seed(4)
    model, picture = classifier("resnet18").eval(), torch.randn(1, 3, 64, 64)
    encoder = TorchvisionEncoder("resnet18").eval()
    encoder.load_classifier(model.state_dict())
    pooled = encoder(picture)[-1].mean((2, 3))
    torch.testing.assert_close(model.fc(pooled), model(picture))
    assert not torch.equal(TorchvisionEncoder("resnet18").eval()(picture)[-1].mean((2, 3)), pooled)


@torch.no_grad()
def test_a_level_is_made_where_the_backbone_has_none():
    model, picture = classifier("convnext_tiny").eval(), torch.randn(1, 3, 64, 64)
    encoder = TorchvisionEncoder("convnext_tiny").eval()
    encoder.load_classifier(model.state_dict())
    torch.testing.assert_close(encoder(picture)[-1], model.features(picture))
    before = encoder(picture)
    encoder.stem[0].weight.mul_(2)
    changed = [not torch.equal(a, b) for a, b in zip(before, encoder(picture), strict=True)]
    assert changed == [True, False, False, False, False]


def test_features_are_not_overwritten_by_what_follows():
    encoder = TorchvisionEncoder("mobilenet_v3_large")
    assert not any(getattr(module, "inplace", False) for module in encoder.modules())


@pytest.mark.parametrize(("name", "words"), [("resnet19", "no backbone"), ("vit_b_16", "row of"), ("vgg11", "strides")])
def test_what_cannot_be_a_backbone_is_named(name, words):
    with pytest.raises(ModelError, match=words):
        SliceNetwork(backbone=name)


def test_weights_of_another_classifier_are_refused():
    with pytest.raises(ModelError, match="not the weights of resnet18"):
        TorchvisionEncoder("resnet18").load_classifier({"fc.bias": torch.zeros(1000)})


def test_the_default_network_keeps_its_names_and_first_weights():
    torch.manual_seed(8)
    default = SliceNetwork()
    torch.manual_seed(8)
    encoder = EfficientNetLite0()
    for name, value in encoder.state_dict().items():
        assert torch.equal(default.state_dict()[f"encoder.{name}"], value), name
    assert default.classifier.in_features == 2 * PYRAMID_CHANNELS[-1]


@torch.no_grad()
def test_a_card_names_its_backbone(tmp_path):
    network, picture = SliceNetwork(backbone="resnet18").eval(), torch.randn(1, 1, 64, 64)
    settings = {"pooled": ["hemorrhagic"], "top_share": 0.0045, "backbone": "resnet18"}
    tensors = {n: v.contiguous() for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    save_file(tensors, tmp_path / WEIGHTS)
    values = card_values(network=settings, weights={"file": WEIGHTS, "sha256": sha256(tmp_path / WEIGHTS)})
    (tmp_path / CARD).write_text(json.dumps(values))
    assert torch.equal(load_network(read_card(tmp_path))(picture).maps, network(picture).maps)


def test_a_backbone_learns_from_scratch_without_any_file():
    network = SliceNetwork(backbone="resnet18")
    before = network.encoder.state_dict()["stages.0.0.weight"].clone()
    initialize(network, "scratch")
    assert torch.equal(network.encoder.state_dict()["stages.0.0.weight"], before)
