"""Grad-CAM: feature maps weighted by how much the logit rises with each.

Source: Selvaraju et al., Grad-CAM (ICCV 2017).
"""

from __future__ import annotations

from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor

from strokeapp.inference.explanation.target import FindingLogits, channel, in_pieces, private_view
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

LAYER = "decoder.2"
"""Stride 4. Chosen by measurement among the layers before the lesion map's own features, see docs/explanations.md."""
LAYERS = ("encoder.stages.4", "decoder.0", "decoder.1", "decoder.2", "decoder.3")
"""From the coarsest to the finest. At the last, the gradient is the lesion head's own weights: Grad-CAM then draws
the lesion map once more and explains nothing."""


def attribute(network: SliceNetwork, batch: Tensor, finding: Finding, *, layer: str = LAYER) -> Tensor:
    """Return (n, rows, columns) Grad-CAM, not negative.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        layer: Name of a module whose output has rows and columns.
    """
    view = private_view(network)
    method = LayerGradCam(FindingLogits(view), view.get_submodule(layer))
    return in_pieces(lambda piece: cam(method, piece, finding), batch)


def cam(method: LayerGradCam, piece: Tensor, finding: Finding) -> Tensor:
    """Return (n, 1, rows, columns) Grad-CAM brought to the picture's grid."""
    values = method.attribute(piece, target=channel(finding), relu_attributions=True)
    return LayerAttribution.interpolate(values, tuple(piece.shape[-2:]), "bilinear")
