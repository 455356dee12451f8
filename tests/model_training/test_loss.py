"""Losses: what is not known gives no gradient; what is known gives PyTorch's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from model_training.loss import PIXEL_WEIGHT, Targets, known_cross_entropy, lesion_loss, total_loss
from strokeapp.models.slice_network import SliceOutput

NAN = float("nan")


def test_known_labels_alone_count_and_unknown_give_no_gradient():
    logits = torch.tensor([[0.3, -2.0], [1.5, 0.7]], requires_grad=True)
    labels = torch.tensor([[1.0, NAN], [NAN, 0.0]])
    loss = known_cross_entropy(logits, labels)
    expected = (math.log1p(math.exp(-0.3)) + math.log1p(math.exp(0.7))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert logits.grad[0, 1] == logits.grad[1, 0] == 0 and (logits.grad.diag() != 0).all()


def test_all_known_is_binary_cross_entropy():
    logits, labels = torch.randn(5, 2), torch.randint(0, 2, (5, 2)).float()
    expected = functional.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(known_cross_entropy(logits, labels), expected)


def test_nothing_known_is_zero_with_a_zero_gradient():
    logits = torch.randn(3, 2, requires_grad=True)
    loss = known_cross_entropy(logits, torch.full((3, 2), NAN))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def masks() -> torch.Tensor:
    drawn = torch.zeros(2, 2, 32, 32)
    drawn[0, 1, 8:20, 10:24] = 1
    return drawn


def test_a_perfect_map_costs_almost_nothing_and_its_opposite_much():
    target = functional.adaptive_avg_pool2d(masks(), 16)
    known = torch.ones(2, 2, dtype=torch.bool)
    perfect = lesion_loss(60 * (target - 0.5), masks(), known)
    assert 0 <= perfect.item() < 0.01
    wrong = lesion_loss(-60 * (target - 0.5), masks(), known)
    assert wrong.item() > PIXEL_WEIGHT


def test_dice_term_is_its_closed_form():
    target = functional.adaptive_avg_pool2d(masks(), 16)[0:1, 1:2]
    maps = torch.zeros(1, 1, 16, 16)
    area = target.sum().item()
    expected = math.log(2) * PIXEL_WEIGHT + 1 - (area + 1) / (0.25 * 256 + area + 1)
    assert lesion_loss(maps, masks()[0:1, 1:2], torch.ones(1, 1, dtype=torch.bool)).item() == pytest.approx(expected)


def test_unknown_masks_give_no_gradient():
    maps = torch.randn(2, 2, 16, 16, requires_grad=True)
    known = torch.tensor([[True, False], [False, True]])
    lesion_loss(maps, masks(), known).backward()
    assert not maps.grad[~known].any() and maps.grad[known].abs().sum() > 0
    maps.grad = None
    lesion_loss(maps, masks(), torch.zeros(2, 2, dtype=torch.bool)).backward()
    assert not maps.grad.any()


def test_total_loss_weighs_its_parts():
    shapes = ((2, 2), (2, 2), (2, 5), (2, 2, 16, 16), (2, 320))
    output = SliceOutput(*(torch.randn(shape) for shape in shapes))
    known = torch.ones(2, 2, dtype=torch.bool)
    targets = Targets(torch.tensor([[1.0, 0], [0, 1]]), torch.full((2, 5), 1.0), masks(), known)
    both = known_cross_entropy(output.findings, targets.findings)
    both = both + 0.5 * known_cross_entropy(output.map_findings, targets.findings)
    torch.testing.assert_close(total_loss(output, targets, dense_weight=0, subtype_weight=0), both)
    expected = (
        both + 2 * lesion_loss(output.maps, masks(), known) + 3 * known_cross_entropy(output.subtypes, targets.subtypes)
    )
    torch.testing.assert_close(total_loss(output, targets, dense_weight=2, subtype_weight=3), expected)
