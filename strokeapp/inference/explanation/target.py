"""Prepare a slice network for Captum: logits alone, hooks on modules of its own, rectifiers that Captum knows.

Captum hangs hooks on modules. On the shared network they would fire in readings of other sessions too, so every
method works on a private view: own modules over the same weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from strokeapp.errors import ModelError
from strokeapp.inference.folding import folded
from strokeapp.models.lite0 import EfficientNetLite0
from strokeapp.models.slice_network import FINDINGS, SliceNetwork
from strokeapp.types import Finding

PIECE = 8
"""Pictures explained at once; more do not go faster on a processor and take more memory."""


class FindingLogits(nn.Module):
    """Give Captum the finding logits alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, findings)."""
        return self.network(x).findings


class OneRectifier(nn.ReLU):
    """Clip at 0 and 6 as one module that Captum's guided backpropagation takes for a ReLU.

    Its rule, pass on only what is positive and comes from an active unit, is then applied to ReLU6 as a whole.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x clipped to [0, 6]."""
        return functional.relu6(x)


class TwoRectifiers(nn.Module):
    """Clip at 0 and 6 as the difference of two ReLUs, for DeepLift.

    DeepLift's rescale rule is the change of the output over the change of the input. The rules of relu(x) and
    relu(x - 6), subtracted, are that of ReLU6 exactly.
    """

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return x clipped to [0, 6]."""
        # Captum hooks the tensor that enters a rectifier: each needs one of its own, or the second rule replaces both.
        return self.low(x * 1.0) - self.high(x - 6.0)


def private_view(network: SliceNetwork, *, rectifier: Callable[[], nn.Module] | None = None) -> SliceNetwork:
    """Return a network of its own modules over the same weights, in evaluation mode.

    Args:
        network: Shared; stays as it is.
        rectifier: Makes what stands in for every ReLU6; they stay unless given.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    view = copy.deepcopy(network, shared)
    if rectifier is not None:
        _replace(view, rectifier)
    return view


def fast_view(network: nn.Module) -> nn.Module:
    """Return a copy that gives the same logits, and gradients of the picture, faster: normalizations folded away.

    For methods that look at pictures and logits alone; those that hang hooks on layers take ``private_view``.

    Args:
        network: Shared; stays as it is. One that is no slice network is taken as it is, in a private view.
    """
    foldable = isinstance(network, SliceNetwork) and not network.training
    return folded(network) if foldable else private_view(network)


def require_rectifiers(network: SliceNetwork, title: str) -> None:
    """Refuse a network whose non-linear parts a method has no rule for.

    EfficientNet-Lite0 and the decoder have rectifiers only, each used once. Other backbones use smooth functions or
    one rectifier in several places; the rules would then give something, and it would be wrong.

    Raises:
        ModelError: The method cannot be right for this network.
    """
    if not isinstance(network.encoder, EfficientNetLite0):
        raise ModelError(f"{title} has no rule for this network's encoder. Choose another explanation.", code="no_rule")


def _replace(module: nn.Module, rectifier: Callable[[], nn.Module]) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU6):
            setattr(module, name, rectifier().train(child.training))
        else:
            _replace(child, rectifier)


def channel(finding: Finding) -> int:
    """Return a finding's place among the network's outputs."""
    return FINDINGS.index(finding)


def pieces(batch: Tensor, size: int = PIECE) -> Iterator[Tensor]:
    """Yield a batch in pieces of at most ``size`` pictures, laid out as convolutions are fastest."""
    for piece in batch.split(size):
        yield piece.detach().contiguous(memory_format=torch.channels_last)


def in_pieces(explain: Callable[[Tensor], Tensor], batch: Tensor, size: int = PIECE) -> Tensor:
    """Explain a batch piece by piece.

    Args:
        explain: Takes (n, 1, rows, columns), returns (n, 1, rows, columns).
        batch: (n, 1, rows, columns).
        size: Of a piece.

    Returns:
        (n, rows, columns), detached.
    """
    with torch.enable_grad():
        return torch.cat([explain(piece.requires_grad_())[:, 0].detach() for piece in pieces(batch, size)])
