"""Feature ablation over tiles of the head: how much the logit falls where one tile is smoothed away.

The tiles are a plain grid over the picture, which is the head's own crop: no anatomical parts, though a tile is about
the same part of every head. What lies outside the head is one more. Captum's FeatureAblation does the rest.
"""

from __future__ import annotations

import torch
from captum.attr import FeatureAblation
from torch import Tensor

from strokeapp.inference.explanation.baselines import heads, smoothed
from strokeapp.inference.explanation.target import FindingLogits, channel, fast_view, pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

TILES = 12
"""Along a side; 16 pixels of 192, about 17 mm."""
AT_ONCE = 16


def tile_numbers(head: Tensor, *, tiles: int = TILES) -> Tensor:
    """Return (rows, columns) int64: 0 outside the head, 1, 2, … for the tiles that meet it.

    Args:
        head: (rows, columns) bool.
        tiles: Along a side.
    """
    rows, columns = head.shape
    row, column = torch.arange(rows) * tiles // rows, torch.arange(columns) * tiles // columns
    grid = torch.where(head, 1 + row[:, None] * tiles + column[None, :], 0)
    met = torch.unique(torch.cat([grid.ravel(), torch.zeros(1, dtype=grid.dtype)]))
    return torch.searchsorted(met, grid)


@torch.no_grad()
def attribute(network: SliceNetwork, batch: Tensor, finding: Finding) -> Tensor:
    """Return (n, rows, columns) fall of the logit, signed, even within a tile.

    Slices are explained one by one, for each head has tiles of its own; the tiles of one go through together.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
    """
    method = FeatureAblation(FindingLogits(fast_view(network)))
    parts = [
        method.attribute(
            piece,
            baselines=smoothed(piece),
            target=channel(finding),
            feature_mask=tile_numbers(heads(piece)[0])[None, None],
            perturbations_per_eval=AT_ONCE,
        )
        for piece in pieces(batch, 1)
    ]
    return torch.cat(parts)[:, 0]
