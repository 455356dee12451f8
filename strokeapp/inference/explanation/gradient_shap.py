"""Gradient SHAP: integrated gradients at random points toward random reference pictures.

Source: Lundberg & Lee, A unified approach to interpreting model predictions (NeurIPS 2017), in Captum's form.
"""

from __future__ import annotations

import torch
from captum.attr import GradientShap
from torch import Tensor

from strokeapp.inference.explanation.baselines import even_brain, smoothed
from strokeapp.inference.explanation.seeding import SEED, seeded
from strokeapp.inference.explanation.target import FindingLogits, channel, fast_view, in_pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

SAMPLES = 16
NOISE = 0.05
"""Standard deviation in units of the network's input; 1.2 HU on CT, below the noise of a scan."""


def attribute(
    network: SliceNetwork, batch: Tensor, finding: Finding, *, samples: int = SAMPLES, seed: int = SEED
) -> Tensor:
    """Return (n, rows, columns) signed attribution.

    The reference pictures of a slice are itself smoothed and even brain gray, so slices are explained one by one;
    the samples of each go through the network together. The same seed gives each slice the same samples.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        samples: Random points per slice.
        seed: Of the samples.
    """
    method = GradientShap(FindingLogits(fast_view(network)))

    def one(piece: Tensor) -> Tensor:
        references = torch.cat([smoothed(piece), even_brain(piece)])
        with seeded(seed):
            return method.attribute(piece, references, target=channel(finding), n_samples=samples, stdevs=NOISE)

    return in_pieces(one, batch, size=1)
