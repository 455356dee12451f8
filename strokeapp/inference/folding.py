"""Make a faster copy of a slice network that gives the same numbers.

Batch normalization in evaluation is a scaling and folds into the convolution before it (Jacob et al., CVPR 2018,
section 3.2). A pointwise convolution and nearest-neighbor upsampling commute, so the decoder's first convolution
runs on the small grid. Activations overwrite what only they read. Explanations whose hooks hang on layers keep the
network as it was trained.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_eval

from strokeapp.models.slice_network import SliceNetwork


class FoldedUp(nn.Module):
    """Do what a decoder stage does, with its first convolution split over its two inputs.

    Args:
        mix: The stage's layers, folded: pointwise, activation, depthwise, pointwise, activation.
        skip: Channels of the finer input, which come last in the joined one.
    """

    def __init__(self, mix: nn.Sequential, skip: int) -> None:
        super().__init__()
        first, _, self.depthwise, self.pointwise, _ = mix
        coarse = first.in_channels - skip
        self.low = skip_init(nn.Conv2d, coarse, first.out_channels, 1)
        self.high = skip_init(nn.Conv2d, skip, first.out_channels, 1, bias=False)
        self.low.weight.data, self.low.bias.data = first.weight[:, :coarse].clone(), first.bias.clone()
        self.high.weight.data = first.weight[:, coarse:].clone()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return features on the grid of ``skip``."""
        mixed = self.high(skip)
        mixed += functional.interpolate(self.low(x), size=skip.shape[-2:], mode="nearest")
        return torch.relu_(self.pointwise(self.depthwise(torch.relu_(mixed))))


def folded(network: SliceNetwork) -> SliceNetwork:
    """Return a copy for reading whose outputs are the same up to rounding; the network itself is left alone.

    Args:
        network: In evaluation mode; batch normalization folds only with its running statistics.

    Raises:
        ValueError: The network is in training mode.
    """
    if network.training:
        raise ValueError("Only a network in evaluation mode can be folded.")
    result = copy.deepcopy(network).requires_grad_(False)
    _fold_children(result)
    skips = [stage.mix[0].in_channels - before for stage, before in zip(result.decoder, _inputs(result), strict=True)]
    result.decoder = nn.ModuleList(FoldedUp(stage.mix, n) for stage, n in zip(result.decoder, skips, strict=True))
    return result.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _inputs(network: SliceNetwork) -> list[int]:
    """Return how many channels come to each decoder stage from below."""
    deepest = network.classifier.in_features // 2
    return [deepest, *(stage.mix[0].out_channels for stage in network.decoder[:-1])]


def _fold_children(module: nn.Module) -> None:
    for name, child in module.named_children():
        _fold_children(child)
        if isinstance(child, nn.Sequential):
            setattr(module, name, nn.Sequential(*_folded_row(list(child))))


def _folded_row(layers: list[nn.Module]) -> list[nn.Module]:
    row: list[nn.Module] = []
    for layer in layers:
        follows = bool(row) and isinstance(row[-1], nn.Conv2d)
        if follows and isinstance(layer, nn.BatchNorm2d):
            row[-1] = fuse_conv_bn_eval(row[-1], layer)
            continue
        if follows and isinstance(layer, (nn.ReLU, nn.ReLU6)):
            layer.inplace = True  # nothing else sees what a convolution has just made
        row.append(layer)
    return row
