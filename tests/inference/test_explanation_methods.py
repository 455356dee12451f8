"""Every explanation method: closed forms, completeness, batches, hooks, and the shared network left alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam
from factories_models import head_hu, random_network
from scipy import ndimage
from torch import Tensor

from strokeapp.errors import ModelError, StrokeAppError
from strokeapp.imaging.network_input import network_batch, slice_input
from strokeapp.inference.explanation import (
    deep_lift,
    grad_cam,
    head_parts,
    integrated_gradients,
    lesion_map,
    map_grad_cam,
)
from strokeapp.inference.explanation.baselines import heads, smoothed
from strokeapp.inference.explanation.randomize import STAGES, shuffled
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, Part, method_of
from strokeapp.inference.explanation.seeding import seeded
from strokeapp.inference.explanation.shown import shown, strength
from strokeapp.inference.explanation.target import (
    FindingLogits,
    OneRectifier,
    TwoRectifiers,
    channel,
    fast_view,
    private_view,
)
from strokeapp.types import Finding, Modality

ALL = (*METHODS, LESION_MAP.name)


@pytest.fixture(scope="module")
def network():
    return random_network()


def head_batch(count: int, side: int) -> Tensor:
    pictures = [np.clip(head_hu(seed=seed) / 80, 0, 1).astype(np.float32) for seed in range(count)]
    return torch.from_numpy(network_batch([slice_input(p, Modality.CT, size=side) for p in pictures], Modality.CT))


@pytest.fixture(scope="module")
def batch() -> Tensor:
    return head_batch(3, 64)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("finding", list(Finding))
def test_a_batch_is_explained_as_its_pictures_one_by_one(network, batch, name, finding):
    attribute = method_of(name).attribute
    together = attribute(network, batch, finding)
    assert together.shape == (3, 64, 64) and not together.requires_grad and together.isfinite().all()
    alone = torch.cat([attribute(network, batch[i : i + 1], finding) for i in range(3)])
    scale = together.abs().max()
    assert scale > 0
    torch.testing.assert_close(alone / scale, together / scale, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_no_hook_stays_and_the_shared_network_is_untouched(network, batch, name):
    before = {key: value.clone() for key, value in network.state_dict().items()}
    drawn = torch.random.get_rng_state()
    method_of(name).attribute(network, batch[:1], Finding.HEMORRHAGIC)
    for module in network.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks and not module._backward_hooks
        assert not module.training
    assert any(isinstance(module, torch.nn.ReLU6) for module in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_hooks_hang_on_a_view_over_the_same_weights(network):
    view = private_view(network, rectifier=TwoRectifiers)
    mine, theirs = list(view.parameters()), list(network.parameters())
    assert all(a is b for a, b in zip(mine, theirs, strict=True))
    assert not {id(m) for m in view.modules()} & {id(m) for m in network.modules()}
    assert not any(isinstance(module, torch.nn.ReLU6) for module in view.modules())


@pytest.mark.parametrize("rectifier", [OneRectifier, TwoRectifiers])
def test_stand_ins_compute_what_the_rectifier_does(network, batch, rectifier):
    x = torch.linspace(-3, 9, 25)
    torch.testing.assert_close(rectifier()(x), torch.nn.functional.relu6(x))
    view = private_view(network, rectifier=rectifier)
    torch.testing.assert_close(view(batch).findings, network(batch).findings, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("finding", list(Finding))
def test_deep_lift_adds_up_to_the_difference_of_the_logit_at_the_picked_places(network, batch, finding):
    model = deep_lift.PickedPlaces(network)
    places = model.pick(batch)
    with torch.no_grad():
        here, there = model(batch, *places), model(smoothed(batch), *places)
    torch.testing.assert_close(here, network(batch).findings, atol=1e-4, rtol=1e-4)
    change = (here - there)[:, channel(finding)]
    added = deep_lift.attribute(network, batch, finding).sum((1, 2))
    torch.testing.assert_close(added, change, atol=2e-3, rtol=2e-3)


def test_a_network_without_a_rule_is_refused(network, batch):
    class Other(torch.nn.Module):
        encoder = torch.nn.Identity()

    for name in ("DeepLift", "GuidedGradCam"):
        with pytest.raises(ModelError, match="no rule"):
            METHODS[name].attribute(Other(), batch, Finding.ISCHEMIC)


@dataclass
class Output:
    """Stand in for the slice network's output."""

    findings: Tensor


class Smooth(torch.nn.Module):
    """Score the mean gray through a sigmoid: one logit, and its negative."""

    def forward(self, x: Tensor) -> Output:
        score = torch.sigmoid(4 * x.mean((1, 2, 3)))
        return Output(torch.stack([score, -score], 1))


@pytest.mark.parametrize("finding", list(Finding))
def test_integrated_gradients_of_a_smooth_toy_add_up_to_the_change_of_its_logit(finding):
    x = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)).cumsum(-1) / 4
    x[1] += 0.3
    model = FindingLogits(Smooth())
    # Smoothing keeps the mean nearly, so a reference that differs is what tells the sign here.
    change = (model(x) - model(smoothed(x)))[:, channel(finding)]
    added = integrated_gradients.attribute(Smooth(), x, finding).sum((1, 2))
    torch.testing.assert_close(added, change, atol=1e-5, rtol=1e-4)
    assert change.abs().min() > 1e-5


@pytest.mark.parametrize(("side", "steps"), [(64, 8), (256, integrated_gradients.STEPS)])
def test_integrated_gradients_are_those_of_a_plain_loop_over_the_steps(side, steps):
    # In double precision, for in single a rectifier or a picked place that hangs in the balance may tip either way.
    network, finding, x = random_network().double(), Finding.HEMORRHAGIC, head_batch(1, side).double()
    there, total = smoothed(x), torch.zeros_like(x)
    for node, weight in zip(*np.polynomial.legendre.leggauss(steps), strict=True):
        point = (there + float(node + 1) / 2 * (x - there)).requires_grad_()
        (gradient,) = torch.autograd.grad(network(point).findings[0, channel(finding)], point)
        total += float(weight) / 2 * gradient
    plain = ((x - there) * total)[:, 0]
    batched = integrated_gradients.attribute(network, x, finding, steps=steps)
    assert plain.abs().max() > 0
    torch.testing.assert_close(batched / plain.abs().max(), plain / plain.abs().max(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("layer", "side"), [(grad_cam.LAYER, 256), *((layer, 64) for layer in grad_cam.LAYERS)])
@pytest.mark.parametrize("finding", list(Finding))
def test_grad_cam_is_captum_s_on_the_network_as_it_was_trained(layer, side, finding):
    network, x = random_network().double(), head_batch(2, side).double()
    view = private_view(network)
    method = LayerGradCam(FindingLogits(view), view.get_submodule(layer))
    coarse = method.attribute(x, target=channel(finding), relu_attributions=True)
    plain = LayerAttribution.interpolate(coarse, (side, side), "bilinear")[:, 0].detach()
    values, top = grad_cam.attribute(network, x, finding, layer=layer), plain.max().clamp(min=1e-9)
    assert layer != grad_cam.LAYER or plain.max() > 0
    torch.testing.assert_close(values / top, plain / top, atol=1e-4, rtol=0)


def test_grad_cam_runs_the_encoder_once_and_without_gradients(network, batch, monkeypatch):
    seen = []

    def watched(model):
        view = fast_view(model)
        view.encoder.register_forward_hook(lambda _m, _i, out: seen.append(any(f.requires_grad for f in out)))
        return view

    monkeypatch.setattr(grad_cam, "fast_view", watched)
    map_grad_cam.attribute(network, batch, Finding.HEMORRHAGIC)
    assert seen == [False]


def test_grad_cam_at_the_last_layer_is_the_lesion_map_without_its_bias(network, batch):
    x = batch.detach()
    features = []
    handle = network.decoder[3].register_forward_hook(lambda _m, _i, out: features.append(out))
    network(x)
    handle.remove()
    head = network.lesion_head.weight[channel(Finding.ISCHEMIC)]
    map_ = (features[0] * head).sum(1).clamp(min=0)
    cam = grad_cam.attribute(network, batch, Finding.ISCHEMIC, layer="decoder.3")
    coarse = torch.nn.functional.interpolate(map_[:, None], size=(64, 64), mode="bilinear")[:, 0]
    ratio = cam / cam.amax((1, 2), keepdim=True).clamp(min=1e-12)
    wanted = coarse / coarse.amax((1, 2), keepdim=True).clamp(min=1e-12)
    torch.testing.assert_close(ratio, wanted.detach(), atol=1e-4, rtol=1e-3)


def oval(turned: float, *, side: int = 192) -> np.ndarray:
    """Return a head of 180 × 140 pixels, turned clockwise by some degrees."""
    row, column = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.deg2rad(turned)
    front, right = -row * np.cos(angle) + column * np.sin(angle), row * np.sin(angle) + column * np.cos(angle)
    return (front / 90) ** 2 + (right / 70) ** 2 < 1


def test_parts_cover_the_head_and_only_the_head(batch):
    head = heads(batch)[0].numpy()
    numbers = head_parts.part_numbers(head)
    assert (numbers[~head] == 0).all() and (numbers[head] > 0).all()
    assert not head_parts.part_numbers(np.zeros((8, 8), bool)).any()
    sizes = np.bincount(head_parts.part_numbers(oval(0)).ravel())[1:]
    assert len(sizes) == 64 and sizes.min() > 12**2 and sizes.max() < 22**2


def test_every_part_has_its_mirror_image_and_lies_on_one_side():
    numbers = head_parts.part_numbers(oval(0))
    mirrored = numbers[:, ::-1]
    partner = np.where(mirrored > 0, mirrored + np.where(mirrored % 2 == 1, 1, -1), 0)
    np.testing.assert_array_equal(partner, numbers)
    assert (numbers[96, 30:90] % 2 == 1).all() and (numbers[96, 100:150] % 2 == 0).all()


@pytest.mark.parametrize("degrees", [-30, 20, 40])
def test_parts_turn_with_the_head(degrees):
    straight, turned = head_parts.part_numbers(oval(0)), head_parts.part_numbers(oval(degrees))
    back = ndimage.rotate(turned, degrees, reshape=False, order=0)
    inside = (straight > 0) & (back > 0)
    assert (back[inside] == straight[inside]).mean() > 0.9
    assert (turned[inside] == straight[inside]).mean() < 0.6


def test_a_round_head_and_one_on_its_side_are_taken_for_upright():
    row, column = np.mgrid[:192, :192] - 95.5
    for head in (row**2 + column**2 < 80**2, (row / 70) ** 2 + (column / 90) ** 2 < 1):
        assert (head_parts.part_numbers(head)[:, 97:][head[:, 97:]] % 2 == 0).all()


def test_ablated_parts_tell_the_fall_of_the_logit(network, batch):
    values = head_parts.attribute(network, batch[:1], Finding.ISCHEMIC)[0]
    numbers = torch.from_numpy(head_parts.part_numbers(heads(batch[:1])[0].numpy()))
    tile = numbers == numbers[30, 30]
    changed = torch.where(tile, smoothed(batch[:1]), batch[:1])
    with torch.no_grad():
        fall = (network(batch[:1]).findings - network(changed).findings)[0, channel(Finding.ISCHEMIC)]
    torch.testing.assert_close(values[tile], fall.expand(int(tile.sum())), atol=1e-4, rtol=1e-4)


def test_smoothing_keeps_even_pictures_and_shape(batch):
    even = torch.full((2, 1, 32, 32), 0.7)
    torch.testing.assert_close(smoothed(even), even)
    assert smoothed(batch).shape == batch.shape and smoothed(batch).std() < batch.std()


def test_shuffling_goes_from_the_outputs_down_and_spares_the_original(network, batch):
    before = {key: value.clone() for key, value in network.state_dict().items()}
    changed = []
    for stage in STAGES:
        other = dict(shuffled(network, stage, batch).named_parameters())
        changed.append({name for name, value in network.named_parameters() if not torch.equal(value, other[name])})
        for name, value in network.named_parameters():
            torch.testing.assert_close(other[name].flatten().sort().values, value.flatten().sort().values)
    assert all(first < second for first, second in zip(changed, changed[1:], strict=False))
    assert not any(name.startswith(("encoder", "decoder")) for name in changed[0])
    assert any(name.startswith("encoder.stem") for name in changed[-1])
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_shuffled_network_is_alive(network, batch):
    logits = shuffled(network, "all", batch)(batch).findings
    assert logits.isfinite().all() and (logits[0] - logits[1]).abs().max() > 1e-4


def test_shown_values_keep_places_and_lose_scale():
    values = np.zeros((2, 64, 64), np.float32)
    values[0, 20:30, 40:50], values[1, 5, 5] = -4.0, 1e-9
    seen = shown(values, Part.MAGNITUDE)
    assert seen.min() >= 0 and seen.max() <= 1
    assert seen[0, 25, 45] == pytest.approx(1) and seen[0, 5, 5] == 0
    assert seen[1, 5, 5] == pytest.approx(1) and seen[1, 25, 45] == 0
    assert shown(values, Part.POSITIVE)[0].max() == 0
    np.testing.assert_array_equal(shown(values, Part.PROBABILITY), values)


def test_strength_has_its_highest_value_where_the_attribution_has():
    values = np.zeros((1, 64, 64), np.float32)
    values[0, 30:34, 20:24], values[0, 5, 5] = 1.0, 3.0
    strong = strength(values, Part.POSITIVE)
    assert np.unravel_index(strong[0].argmax(), (64, 64)) == (5, 5)
    assert (strong[0] == strong[0].max()).sum() == 1


def test_seeding_leaves_other_random_numbers_alone():
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    with seeded(1):
        inner = torch.rand(3), np.random.rand(3)
    assert torch.rand(1) == first
    with seeded(1):
        again = torch.rand(3), np.random.rand(3)
    assert torch.equal(inner[0], again[0]) and np.array_equal(inner[1], again[1])


def test_an_unknown_method_is_refused_with_the_names_there_are():
    with pytest.raises(StrokeAppError, match="LayerGradCam"):
        method_of("Guess")


def test_a_fast_view_gives_the_logits_and_gradients_of_the_network(batch):
    # In double precision, for in single a rectifier that hangs in the balance may tip either way.
    network, asked = random_network().double(), []
    view = fast_view(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in view.modules())
    for model in (network, view):
        x = batch[:1].detach().double().requires_grad_()
        logit = model(x).findings[0, 1]
        asked.append((logit.detach(), torch.autograd.grad(logit, x)[0]))
    (logit, slope), (other_logit, other_slope) = asked
    torch.testing.assert_close(logit, other_logit)
    torch.testing.assert_close(slope / slope.abs().max(), other_slope / slope.abs().max(), atol=1e-6, rtol=0)
    assert isinstance(fast_view(Smooth()), Smooth)


def test_grad_cam_within_the_lesion_map_keeps_to_what_both_mark(network, batch):
    cam = grad_cam.attribute(network, batch, Finding.ISCHEMIC)
    lesion = lesion_map.attribute(network, batch, Finding.ISCHEMIC)
    sharp = map_grad_cam.attribute(network, batch, Finding.ISCHEMIC, share=0)
    torch.testing.assert_close(sharp, cam * lesion)
    smooth = map_grad_cam.attribute(network, batch, Finding.ISCHEMIC)
    torch.testing.assert_close(smooth.sum((1, 2)), sharp.sum((1, 2)), rtol=0.05, atol=1e-6)
    assert (smooth.amax((1, 2)) <= sharp.amax((1, 2))).all() and smooth.min() >= 0
