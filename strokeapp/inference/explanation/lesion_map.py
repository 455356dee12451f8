"""The network's own lesion map, beside which every explanation is judged."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from strokeapp.inference.explanation.target import channel, pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding


@torch.no_grad()
def attribute(network: SliceNetwork, batch: Tensor, finding: Finding) -> Tensor:
    """Return (n, rows, columns) lesion probability; arguments as in ``grad_cam``."""
    maps = torch.cat([network(piece).maps[:, channel(finding)].sigmoid() for piece in pieces(batch)])
    return functional.interpolate(maps[:, None], size=tuple(batch.shape[-2:]), mode="bilinear")[:, 0]
