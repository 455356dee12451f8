"""Occlusion: how much the logit falls where a square is smoothed away.

Source: Zeiler & Fergus, Visualizing and understanding convolutional networks (ECCV 2014).
"""

from __future__ import annotations

import torch
from captum.attr import Occlusion
from torch import Tensor

from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.inference.explanation.target import FindingLogits, channel, fast_view, pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

SIDE_SHARE, STRIDE_SHARE = 1 / 8, 1 / 12
"""Of the picture's side: squares of 24 pixels every 16, at 192 pixels."""
AT_ONCE = 16


@torch.no_grad()
def attribute(network: SliceNetwork, batch: Tensor, finding: Finding) -> Tensor:
    """Return (n, rows, columns) fall of the logit, signed, the mean of all squares over a pixel.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
    """
    method = Occlusion(FindingLogits(fast_view(network)))
    side, stride = (max(1, round(share * batch.shape[-1])) for share in (SIDE_SHARE, STRIDE_SHARE))
    parts = [
        method.attribute(
            piece,
            sliding_window_shapes=(1, side, side),
            strides=(1, stride, stride),
            baselines=smoothed(piece),
            target=channel(finding),
            perturbations_per_eval=AT_ONCE,
        )
        for piece in pieces(batch, 1)
    ]
    return torch.cat(parts)[:, 0]
