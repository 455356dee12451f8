"""The benchmark of explanations compares like with like, and its table says what was met."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from factories_models import card_values, head_hu, install_network

from strokeapp.benchmark import explanations
from strokeapp.benchmark.explanations import Pair, exact_difference, measure
from strokeapp.imaging.network_input import network_batch, slice_input
from strokeapp.types import Modality


@pytest.fixture(scope="module")
def batch() -> torch.Tensor:
    pictures = [np.clip(head_hu(seed=seed) / 80, 0, 1).astype(np.float32) for seed in range(3)]
    return torch.from_numpy(network_batch([slice_input(p, Modality.CT, size=64) for p in pictures], Modality.CT))


def test_maps_of_the_loops_are_those_of_the_program(batch, tmp_path) -> None:
    card = install_network(tmp_path, values=card_values())
    pairs = measure(card, batch, repeats=1)
    assert [pair.name.split(",")[0] for pair in pairs] == [
        "Grad-CAM", "Grad-CAM within the lesion map", "Integrated gradients"
    ]  # fmt: skip
    assert all(pair.difference <= explanations.TOLERANCE for pair in pairs[:2])
    assert exact_difference(card, batch[:1]) <= explanations.TOLERANCE
    assert all(min(pair.seconds, pair.loop_seconds, pair.cpu_seconds) > 0 for pair in pairs)


def test_the_table_tells_ratios_and_whether_the_goal_is_met() -> None:
    line = explanations._line(Pair("Grad-CAM", 1.5, 2.0, 6.0, 9.0, 3e-6))
    assert "goal 2 s met" in line and "| 4.0 | 4.5 | 3.0e-06 |" in line
    assert "missed" in explanations._line(Pair("Grad-CAM", 2.5, 2.0, 6.0, 9.0, 3e-6))
