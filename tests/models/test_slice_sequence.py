"""The sequence network starts as the shipped rule, sees neighbors only where it should, and takes any length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from strokeapp.inference.pooling import study_logit
from strokeapp.models.slice_sequence import SequenceKind, SliceSequence

KINDS = list(SequenceKind)


def network(kind: SequenceKind, *, trained: bool = False, inputs: int = 4) -> SliceSequence:
    torch.manual_seed(3)
    made = SliceSequence(kind, inputs=inputs, hidden=8).eval().requires_grad_(False)
    if trained:
        torch.nn.init.normal_(made.slice_head.weight)
        torch.nn.init.normal_(made.study_head.weight)
    return made


def volume(slices: int = 9, inputs: int = 4) -> torch.Tensor:
    return torch.randn(1, slices, inputs, generator=torch.Generator().manual_seed(slices))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slices", [1, 2, 9])
def test_untrained_it_is_the_shipped_rule(kind, slices):
    made, x = network(kind), volume(slices)
    made.standardize(volume(50)[0] * 3 + 1)
    output = made(x)
    torch.testing.assert_close(output.slices, x[..., 0])
    assert float(output.studies) == pytest.approx(study_logit(x[0, :, 0].numpy()), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_only_recurrent_networks_see_neighbors(kind):
    made, x = network(kind, trained=True), volume()
    changed = x.clone()
    changed[0, 4, 1:] += 2.0
    moved = (made(changed).slices - made(x).slices)[0].abs() > 1e-6
    assert moved[4]
    assert moved.sum() == (1 if kind is SequenceKind.ATTENTION else 9)


@pytest.mark.parametrize("kind", KINDS)
def test_volumes_of_a_batch_do_not_touch_each_other(kind):
    made, first, second = network(kind, trained=True), volume(9), volume(9) + 1
    together = made(torch.cat([first, second]))
    torch.testing.assert_close(together.slices[:1], made(first).slices)
    torch.testing.assert_close(together.studies[1:], made(second).studies)


def test_attention_alone_does_not_know_the_order():
    made, x = network(SequenceKind.ATTENTION, trained=True), volume()
    torch.testing.assert_close(made(x).studies, made(x.flip(1)).studies)


@pytest.mark.parametrize("kind", KINDS)
def test_standardizing_takes_out_scale_and_offset(kind):
    plain, scaled, x = network(kind, trained=True), network(kind, trained=True), volume(20)
    scale, offset = torch.tensor([1.0, 100.0, 0.01, 5.0]), torch.tensor([0.0, -7.0, 3.0, 1.0])
    plain.standardize(x[0])
    scaled.standardize(x[0] * scale + offset)
    torch.testing.assert_close(plain(x).slices, scaled(x * scale + offset).slices, rtol=1e-3, atol=1e-3)


def test_a_constant_input_does_not_explode():
    made, x = network(SequenceKind.GRU, trained=True), volume()
    x[..., 2] = 5.0
    made.standardize(x[0])
    assert torch.isfinite(made(x).slices).all()


def test_noise_is_added_only_when_asked_for():
    made, x = network(SequenceKind.LSTM, trained=True), volume()
    assert torch.equal(made(x).slices, made(x).slices)
    assert not np.allclose(made(x, noise=0.5).slices, made(x).slices)
