"""Grad-CAM: feature maps weighted by how much the logit rises with each.

Source: Selvaraju et al., Grad-CAM (ICCV 2017); the numbers are those of Captum's ``LayerGradCam``. Gradients are needed
only from the layer on: the encoder and the decoder up to it run once, folded and without them.
"""

from __future__ import annotations

import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from strokeapp.inference.explanation.target import FindingLogits, channel, fast_view, in_pieces, pieces, private_view
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

LAYER = "decoder.2"
"""Stride 4. By rule: of the layers before the lesion map's own features, the one whose Grad-CAM has the highest IoU
with the drawn lesions; of equals the one with most hits. Out of fold, IoU (hits) at decoder.1, and here: bleeds on CT
.566 (12 of 12), .632 (11 of 12); infarcts on CT .454 (10 of 12), .535 (9 of 12), on DWI .247 (5 of 8), .360 (6 of 8),
on FLAIR .194 (5 of 8), .213 (3 of 8). The coarser ones are lower throughout."""
LAYERS = ("encoder.stages.4", "decoder.0", "decoder.1", "decoder.2", "decoder.3")
"""From the coarsest to the finest. At the last, the gradient is the lesion head's own weights: Grad-CAM then draws
the lesion map once more and explains nothing."""
DECODER = "decoder."
AT_ONCE = 4
"""Pictures in one pass; measured, larger passes fall out of the processor's cache, as in reading."""


def attribute(network: SliceNetwork, batch: Tensor, finding: Finding, *, layer: str = LAYER) -> Tensor:
    """Return (n, rows, columns) Grad-CAM, not negative.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        layer: Name of a module whose output has rows and columns.
    """
    if layer.startswith(DECODER):
        return with_map(network, batch, finding, layer=layer)[0]
    view = private_view(network)
    method = LayerGradCam(FindingLogits(view), view.get_submodule(layer))
    return in_pieces(lambda piece: _captum(method, piece, finding), batch)


def with_map(network: SliceNetwork, batch: Tensor, finding: Finding, *, layer: str = LAYER) -> tuple[Tensor, Tensor]:
    """Return (n, rows, columns) Grad-CAM at a decoder stage, and the lesion probability of the same pass.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        layer: A stage of the decoder.
    """
    view, stage = fast_view(network), int(layer.removeprefix(DECODER))
    parts = [_at_stage(view, piece, finding, stage) for piece in pieces(batch, AT_ONCE)]
    cams, maps = (torch.cat(some) for some in zip(*parts, strict=True))
    return _over(cams, batch), _over(maps, batch)


def _at_stage(view: nn.Module, piece: Tensor, finding: Finding, stage: int) -> tuple[Tensor, Tensor]:
    """Return (n, rows, columns) Grad-CAM and lesion probability, each on its own coarse grid."""
    with torch.no_grad():
        pyramid = view.encoder(piece.expand(-1, 3, -1, -1))
        features, skips = pyramid[-1], pyramid[-2::-1]
        for up, skip in zip(view.decoder[: stage + 1], skips, strict=False):
            features = up(features, skip)
    with torch.enable_grad():
        behind = here = features.detach().requires_grad_()
        for up, skip in zip(view.decoder[stage + 1 :], skips[stage + 1 :], strict=True):
            behind = up(behind, skip)
        output = view.judged(pyramid, view.lesion_head(behind))
        (slope,) = torch.autograd.grad(output.findings[:, channel(finding)].sum(), here)
    cam = (slope.mean((2, 3), keepdim=True) * features).sum(1).relu()
    return cam, output.maps[:, channel(finding)].detach().sigmoid()


def _over(values: Tensor, batch: Tensor) -> Tensor:
    return functional.interpolate(values[:, None], size=tuple(batch.shape[-2:]), mode="bilinear")[:, 0]


def _captum(method: LayerGradCam, piece: Tensor, finding: Finding) -> Tensor:
    values = method.attribute(piece, target=channel(finding), relu_attributions=True)
    return LayerAttribution.interpolate(values, tuple(piece.shape[-2:]), "bilinear")
