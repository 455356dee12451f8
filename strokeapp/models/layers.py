"""Count the layers of a network, for its card and methods section."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn


class LayerCount(NamedTuple):
    """Hold how many layers of each kind a network has."""

    convolutional: int
    recurrent: int
    fully_connected: int


def count_layers(network: nn.Module) -> LayerCount:
    """Count convolutional, recurrent and fully connected layers; a module used twice counts once.

    Args:
        network: Any module; depthwise and pointwise convolutions count each.
    """
    kinds = ((nn.Conv1d, nn.Conv2d, nn.Conv3d), (nn.RNNBase, nn.RNNCellBase), (nn.Linear,))
    return LayerCount(*(sum(isinstance(module, kind) for module in network.modules()) for kind in kinds))
