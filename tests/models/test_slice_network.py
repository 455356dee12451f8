"""The slice network: shapes, multiple-instance pooling, and where the pooled classifier counts."""

from __future__ import annotations

import pytest
import torch
from factories_models import random_network

from strokeapp.models.slice_network import FINDINGS, SliceNetwork
from strokeapp.types import Finding


@pytest.fixture(scope="module")
def network() -> SliceNetwork:
    return random_network()


@torch.no_grad()
def test_outputs_have_the_documented_shapes(network):
    output = network(torch.randn(2, 1, 64, 96))
    assert output.findings.shape == output.map_findings.shape == (2, 2)
    assert output.subtypes.shape == (2, 5)
    assert output.maps.shape == (2, 2, 32, 48)
    assert output.embedding.shape == (2, 152)


def test_top_mean_is_the_mean_of_the_highest_share():
    network = SliceNetwork(top_share=0.03)
    maps = torch.arange(100.0)[torch.randperm(100)].view(1, 1, 10, 10)
    assert network._top_mean(maps).item() == pytest.approx((99 + 98 + 97) / 3)


@torch.no_grad()
def test_only_pooled_findings_hear_the_classifier(network):
    network = random_network()
    picture = torch.randn(1, 1, 64, 64)
    before = network(picture)
    network.classifier.bias += 4.0
    change = network(picture).findings - before.findings
    assert change[0, FINDINGS.index(Finding.HEMORRHAGIC)].item() == pytest.approx(2.0, abs=1e-4)
    assert change[0, FINDINGS.index(Finding.ISCHEMIC)].item() == 0
    ischemic = FINDINGS.index(Finding.ISCHEMIC)
    assert before.findings[0, ischemic] == before.map_findings[0, ischemic]


@torch.no_grad()
def test_every_picture_is_judged_alone(network):
    pictures = torch.randn(3, 1, 64, 64)
    alone = torch.cat([network(p[None]).findings for p in pictures])
    torch.testing.assert_close(network(pictures).findings, alone, atol=1e-4, rtol=1e-4)
