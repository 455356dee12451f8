"""Infidelity and sensitivity: closed forms on a network that is a weighted sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from strokeapp.inference.explanation import fidelity
from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.types import Finding

SIDE = 24


@dataclass
class Output:
    """Stand in for the slice network's output."""

    findings: Tensor


class Weighted(torch.nn.Module):
    """Score a weighted sum of the picture, and its negative."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(1))

    def forward(self, x: Tensor) -> Output:
        score = (self.weight * x[:, 0]).sum((1, 2))
        return Output(torch.stack([score, -score], 1))


@dataclass
class Fixed:
    """Attribute by a function of the pictures."""

    of: object

    def attribute(self, _network, batch, _finding):
        return self.of(batch)


@pytest.fixture
def batch() -> Tensor:
    return torch.randn(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("finding", "sign"), [(Finding.HEMORRHAGIC, 1), (Finding.ISCHEMIC, -1)])
def test_the_slopes_and_the_shares_of_a_weighted_sum_are_faithful(batch, finding, sign):
    network = Weighted()
    slopes = sign * network.weight.expand(3, -1, -1)
    shares = slopes * (batch - smoothed(batch))[:, 0]
    faithful = fidelity.infidelities(network, batch, slopes, finding, slope=True)
    np.testing.assert_allclose(faithful, 0, atol=1e-4)
    np.testing.assert_allclose(fidelity.infidelities(network, batch, shares, finding), 0, atol=1e-4)
    # Any scale will do, but not the other kind, nor shares that belong elsewhere.
    np.testing.assert_allclose(fidelity.infidelities(network, batch, 7 * shares, finding), 0, atol=1e-4)
    assert fidelity.infidelities(network, batch, slopes, finding).min() > 0.1
    assert fidelity.infidelities(network, batch, shares.flip(-1), finding).min() > 0.1


def test_the_infidelity_of_no_attribution_is_the_mean_square_of_the_falls(batch):
    network, nothing = Weighted(), torch.zeros(3, SIDE, SIDE)
    found = fidelity.infidelities(network, batch, nothing, Finding.HEMORRHAGIC, squares=400)
    width, shares = round(SIDE / 6), network.weight * (batch - smoothed(batch))[:, 0]
    falls = torch.nn.functional.avg_pool2d(shares[:, None], width, 1) * width**2
    np.testing.assert_allclose(found, (falls**2).mean((1, 2, 3)), rtol=0.35)


def test_sensitivity_is_the_relative_change_of_the_attribution(batch):
    def twice(pictures: Tensor) -> Tensor:
        return 2 * pictures[:, 0]

    moved = fidelity.sensitivities(Weighted(), batch, Fixed(twice), Finding.ISCHEMIC, radius=0.1)
    still = fidelity.sensitivities(Weighted(), batch, Fixed(lambda p: torch.ones_like(p[:, 0])), Finding.ISCHEMIC)
    np.testing.assert_allclose(still, 0, atol=1e-7)
    # Uniform noise of half-width 0.1 against values of spread 1.
    np.testing.assert_allclose(moved, 0.1 / 3**0.5, rtol=0.15)
    again = fidelity.sensitivities(Weighted(), batch, Fixed(twice), Finding.ISCHEMIC, radius=0.1)
    np.testing.assert_array_equal(moved, again)
