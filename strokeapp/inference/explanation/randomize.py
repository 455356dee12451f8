"""Shuffle a network's weights from the outputs down, to see whether an explanation notices.

Source: Adebayo et al., Sanity checks for saliency maps (NeurIPS 2018), cascading randomization. Weights are shuffled
within each tensor, which keeps their spread; the statistics of the normalizations are measured again on pictures,
since with the old ones signals die out and any explanation passes for the wrong reason.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from strokeapp.models.slice_network import SliceNetwork

STAGES = ("outputs", "decoder", "deep encoder", "all")
"""Cumulative: each shuffles its part and all before it."""
SEED = 20181203


@torch.no_grad()
def shuffled(network: SliceNetwork, stage: str, pictures: Tensor, *, seed: int = SEED) -> SliceNetwork:
    """Return a copy whose weights are shuffled from the outputs down to a stage.

    Args:
        network: Stays as it is.
        stage: Name in ``STAGES``.
        pictures: (n, 1, rows, columns) on which normalizations are measured.
        seed: Of the shuffling.
    """
    prefixes = _prefixes(network, stage)
    result = copy.deepcopy(network).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, value in result.named_parameters():
        if name.startswith(prefixes):
            order = torch.randperm(value.numel(), generator=generator)
            value.copy_(value.flatten()[order].view_as(value))
    measure_norms(result, prefixes, pictures)
    return result.eval()


def _prefixes(network: SliceNetwork, stage: str) -> tuple[str, ...]:
    """Return how the names of all parameters up to a stage begin."""
    count = len(network.encoder.stages)
    deep = tuple(f"encoder.stages.{index}." for index in range(count // 2, count))
    parts = (("lesion_head.", "classifier.", "pool_"), ("decoder.",), deep, ("encoder.",))
    return tuple(prefix for part in parts[: STAGES.index(stage) + 1] for prefix in part)


@torch.no_grad()
def measure_norms(network: SliceNetwork, prefixes: tuple[str, ...], pictures: Tensor) -> None:
    """Measure the statistics of a network's normalizations again.

    Args:
        network: Changed.
        prefixes: How the names of the normalizations begin.
        pictures: (n, 1, rows, columns) to measure on.
    """
    network.eval()
    norms = [m for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d) and n.startswith(prefixes)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    if norms:
        network(pictures)
