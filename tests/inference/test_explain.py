"""Explanations: closed forms, completeness, place, and hooks that do not stay behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from factories_models import card_values, head_scan, install_network
from torch import Tensor, nn

from strokeapp.errors import StrokeAppError
from strokeapp.imaging.normalize import standardize
from strokeapp.inference.explain import METHODS, FindingLogits, explain, grad_cam, integrated_gradients
from strokeapp.models.registry import load_network
from strokeapp.types import Finding

AIR = float(standardize(np.float32(0)))


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return install_network(folder, values=card_values())


@dataclass
class Output:
    """Stand in for the slice network's output."""

    findings: Tensor


class Encoder(nn.Module):
    """Hold one stage where the slice network has its fifth."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Identity() for _ in range(4)] + [nn.Conv2d(1, 2, 1, bias=False)])


class Toy(nn.Module):
    """Score weighted sums of two feature maps, whose explanation can be written down.

    Logit 0 is the sum over pixels of 2 * (3 x) - 1 * (-1 x), logit 1 its negative.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.encoder.stages[4].weight.data = torch.tensor([3.0, -1.0]).view(2, 1, 1, 1)

    def forward(self, x: Tensor) -> Output:
        features = self.encoder.stages[4](x)
        score = (2 * features[:, 0] - features[:, 1]).sum((1, 2))
        return Output(torch.stack([score, -score], 1))


def picture() -> Tensor:
    return torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(3)).requires_grad_()


def test_grad_cam_of_a_linear_toy_is_its_weighted_sum_of_feature_maps():
    x = picture()
    weighted = 2 * (3 * x) - (-1 * x)
    for target, sign in ((0, 1), (1, -1)):
        values = grad_cam(Toy(), x, target, lambda _share: None)
        torch.testing.assert_close(values, (sign * weighted).clamp(min=0).detach(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("target", [0, 1])
def test_integrated_gradients_of_a_linear_toy_is_weight_times_distance_from_air(target):
    x = picture()
    values = integrated_gradients(Toy(), x, target, lambda _share: None)
    torch.testing.assert_close(values, (7 * (x - AIR)).abs().detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("target", [0, 1])
def test_integrated_gradients_of_a_smooth_toy_sum_to_the_change_of_its_logit(target):
    class Smooth(Toy):
        def forward(self, x: Tensor) -> Output:
            score = torch.sigmoid(super().forward(x).findings / 50)
            return Output(score)

    x = picture()
    model, air = FindingLogits(Smooth()), torch.full((1, 1, 8, 8), AIR)
    change = (model(x) - model(air))[0, target].item()
    values = integrated_gradients(Smooth(), x, target, lambda _share: None)
    signed = values * torch.sign(x.detach() - AIR) * (1 if target == 0 else -1)
    assert signed.sum().item() == pytest.approx(change, rel=0.02)


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("finding", list(Finding))
def test_an_explanation_lies_over_the_slice(card, method, finding):
    told = []
    scan = head_scan(slices=2, shape=(320, 256), spacing=(5.0, 0.6, 0.6))
    result = explain(scan, card, method=method, finding=finding, slice_index=1, progress=told.append)
    assert (result.method, result.finding, result.slice_index) == (method, finding, 1)
    assert result.values.shape == (256, 205) and result.values.dtype == np.float32
    assert result.values.min() >= 0 and result.values.max() <= 1
    assert told == sorted(told) and all(0 <= share <= 1 for share in told)
    again = explain(scan, card, method=method, finding=finding, slice_index=1)
    np.testing.assert_allclose(again.values, result.values, atol=1e-5)


@pytest.mark.parametrize("method", list(METHODS))
def test_no_hook_stays_behind_and_the_network_is_unchanged(card, method):
    network = load_network(card)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    explain(head_scan(slices=1), card, method=method, finding=Finding.ISCHEMIC, slice_index=0)
    for module in network.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks and not module._backward_hooks
        assert not module.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())


def test_thin_slices_are_explained_by_the_slab_they_were_read_in(card):
    scan = head_scan(slices=10, spacing=(1.0, 1.5, 1.5))
    first, last, other = (
        explain(scan, card, method="LayerGradCam", finding=Finding.HEMORRHAGIC, slice_index=i).values for i in (0, 4, 5)
    )
    np.testing.assert_allclose(first, last, atol=1e-6)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "Guess"}, "LayerGradCam"),
        ({"slice_index": 2}, "the scan has 2"),
        ({"slice_index": -1}, "no slice 0"),
    ],
)
def test_unknown_method_or_slice_is_refused(card, changes, words):
    asked = {"method": "LayerGradCam", "finding": Finding.ISCHEMIC, "slice_index": 0} | changes
    with pytest.raises(StrokeAppError, match=words):
        explain(head_scan(slices=2), card, **asked)


def test_a_finding_the_network_does_not_read_is_refused(tmp_path):
    values = card_values()
    one = install_network(tmp_path, values=values | {"findings": {"ischemic": values["findings"]["ischemic"]}})
    with pytest.raises(StrokeAppError, match="hemorrhagic"):
        explain(head_scan(slices=1), one, method="LayerGradCam", finding=Finding.HEMORRHAGIC, slice_index=0)


def test_hooks_never_hang_on_the_network_that_other_sessions_read_with(card, monkeypatch):
    shared = load_network(card)
    seen = {}

    def spy(network, x, target, progress):
        seen["network"] = network
        handle = network.encoder.stages[4].register_forward_hook(lambda *_: None)
        seen["hooks"] = sum(len(module._forward_hooks) for module in shared.modules())
        handle.remove()
        return grad_cam(network, x, target, progress)

    monkeypatch.setitem(METHODS, "LayerGradCam", spy)
    explain(head_scan(), card, method="LayerGradCam", finding=Finding.HEMORRHAGIC, slice_index=0)
    assert seen["network"] is not shared
    assert seen["hooks"] == 0
    pairs = zip(seen["network"].parameters(), shared.parameters(), strict=True)
    assert all(mine is theirs for mine, theirs in pairs)
