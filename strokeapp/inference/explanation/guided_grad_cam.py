"""Guided Grad-CAM: guided backpropagation, masked by Grad-CAM.

Source: Springenberg et al., Striving for simplicity (ICLR workshop 2015); Selvaraju et al. (ICCV 2017).
"""

from __future__ import annotations

from captum.attr import GuidedGradCam
from torch import Tensor

from strokeapp.inference.explanation.grad_cam import LAYER
from strokeapp.inference.explanation.target import (
    FindingLogits,
    OneRectifier,
    channel,
    in_pieces,
    private_view,
    require_rectifiers,
)
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding


def attribute(network: SliceNetwork, batch: Tensor, finding: Finding) -> Tensor:
    """Return (n, rows, columns) signed attribution; arguments as in ``grad_cam``.

    Raises:
        ModelError: The network has parts for which there is no rule.
    """
    require_rectifiers(network, "Guided Grad-CAM")
    view = private_view(network, rectifier=OneRectifier)
    method = GuidedGradCam(FindingLogits(view), view.get_submodule(LAYER))
    return in_pieces(lambda piece: method.attribute(piece, target=channel(finding), interpolate_mode="bilinear"), batch)
