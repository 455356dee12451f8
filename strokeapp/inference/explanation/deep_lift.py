"""DeepLift (rescale rule): what each pixel adds to the logit's difference from that of a reference picture.

Source: Shrikumar et al., Learning important features through propagating activation differences (ICML 2017).

The rule covers rectifiers. The network also picks: its logit is the mean of the highest places of a lesion map, and
the pooled classifier takes the highest value of each feature. For these there is no rule, so the places the network
picked in the slice are held fixed; the logit is then linear in the map and contributions add up exactly.
"""

from __future__ import annotations

import torch
from captum.attr import DeepLift
from torch import Tensor, nn

from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.inference.explanation.target import TwoRectifiers, channel, in_pieces, private_view, require_rectifiers
from strokeapp.models.slice_network import FINDINGS, SliceNetwork
from strokeapp.types import Finding


class PickedPlaces(nn.Module):
    """Give the finding logits with the places that were picked in other pictures.

    Args:
        network: A private view.
    """

    def __init__(self, network: SliceNetwork) -> None:
        super().__init__()
        self.network = network

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lesion maps and the coarsest features."""
        net = self.network
        pyramid = net.encoder(x.expand(-1, 3, -1, -1))
        features = pyramid[-1]
        for stage, skip in zip(net.decoder, pyramid[-2::-1], strict=True):
            features = stage(features, skip)
        return net.lesion_head(features), pyramid[-1]

    @torch.no_grad()
    def pick(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the places picked in x: (n, 2, places) of the maps and (n, features, 1) of the features."""
        maps, coarse = self.features(x)
        flat = maps.flatten(2)
        count = max(1, round(flat.shape[-1] * self.network.top_share))
        return flat.topk(count, dim=-1, sorted=False).indices, coarse.flatten(2).argmax(-1, keepdim=True)

    def forward(self, x: Tensor, map_places: Tensor, feature_places: Tensor) -> Tensor:
        """Return (n, 2) logits; equal to the network's own where the places are those picked in x."""
        net = self.network
        maps, coarse = self.features(x)
        top = maps.flatten(2).gather(2, map_places).mean(-1)
        highest = coarse.flatten(2).gather(2, feature_places)[..., 0]
        pooled = torch.cat([coarse.mean((2, 3)), highest], dim=1)
        logits = net.classifier(pooled)[:, : len(FINDINGS)]
        weight = net.pooled_weight
        return (1 - weight) * (net.pool_scale * top + net.pool_shift) + weight * logits


def attribute(network: SliceNetwork, batch: Tensor, finding: Finding) -> Tensor:
    """Return (n, rows, columns) signed attribution against the smoothed slice; arguments as in ``grad_cam``.

    Raises:
        ModelError: The network has parts for which there is no rule.
    """
    require_rectifiers(network, "DeepLift")
    model = PickedPlaces(private_view(network, rectifier=TwoRectifiers))
    method = DeepLift(model)

    def explain(piece: Tensor) -> Tensor:
        places = model.pick(piece)
        return method.attribute(piece, smoothed(piece), target=channel(finding), additional_forward_args=places)

    return in_pieces(explain, batch)
