"""Grad-CAM weighted by the lesion map: where the features that raise the logit meet what the network marks as lesion.

As guided Grad-CAM is Grad-CAM times another attribution (Selvaraju et al., ICCV 2017), this is Grad-CAM times the
network's own lesion probability, smoothed at the scale of a small lesion so that one bright pixel does not lead.
"""

from __future__ import annotations

import torch
from scipy import ndimage
from torch import Tensor

from strokeapp.inference.explanation import grad_cam
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

SCALE_SHARE = 1 / 64
"""Standard deviation of the smoothing as a share of the picture's side: 4 of 256 pixels, about 3 mm."""


def attribute(network: SliceNetwork, batch: Tensor, finding: Finding, *, share: float = SCALE_SHARE) -> Tensor:
    """Return (n, rows, columns) Grad-CAM times lesion probability, smoothed, not negative.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        share: Of the smoothing.
    """
    cam, marked = grad_cam.with_map(network, batch, finding)
    values = cam * marked
    sigma = share * batch.shape[-1]
    return torch.from_numpy(ndimage.gaussian_filter(values.numpy(), (0, sigma, sigma)))
