"""Integrated gradients: the gradient along the straight way from a reference picture to the slice.

Source: Sundararajan et al., Axiomatic attribution for deep networks (ICML 2017).
"""

from __future__ import annotations

from captum.attr import IntegratedGradients
from torch import Tensor

from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.inference.explanation.target import PIECE, FindingLogits, channel, fast_view, in_pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

STEPS = 32


def attribute(network: SliceNetwork, batch: Tensor, finding: Finding, *, steps: int = STEPS) -> Tensor:
    """Return (n, rows, columns) signed attribution against the smoothed slice.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        steps: Of the path integral (Gauss-Legendre).
    """
    method = IntegratedGradients(FindingLogits(fast_view(network)))
    return in_pieces(
        lambda piece: method.attribute(
            piece, smoothed(piece), target=channel(finding), n_steps=steps, internal_batch_size=PIECE
        ),
        batch,
    )
