"""Say what "nothing there" looks like: the pictures that path and ablation methods compare a slice with.

Air is a poor reference for infarcts, which are dark themselves: every darkening then speaks for one. The smoothed
slice keeps head, skull and gray level but no lesion's edge.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from strokeapp.imaging.head_crop import TISSUE, head_mask
from strokeapp.imaging.normalize import BRAIN_GRAY, standardize

BLUR_SHARE = 1 / 16
"""Standard deviation of the smoothing as a share of the picture's side: 12 of 192 pixels, about 13 mm."""


def air(batch: Tensor) -> Tensor:
    """Return pictures of air, shaped as the batch."""
    return torch.full_like(batch, float(standardize(np.float32(0.0))))


def even_brain(batch: Tensor) -> Tensor:
    """Return pictures of even brain gray, shaped as the batch."""
    return torch.full_like(batch, float(standardize(np.float32(BRAIN_GRAY))))


def smoothed(batch: Tensor, *, share: float = BLUR_SHARE) -> Tensor:
    """Return every picture under a Gaussian.

    Args:
        batch: (n, 1, rows, columns).
        share: Standard deviation as a share of the picture's side.
    """
    values = batch.detach().numpy()
    sigma = share * values.shape[-1]
    return torch.from_numpy(ndimage.gaussian_filter(values, (0, 0, sigma, sigma), mode="nearest"))


def heads(batch: Tensor) -> Tensor:
    """Return (n, rows, columns) bool: inside the outline of the head.

    Args:
        batch: (n, 1, rows, columns) network input.
    """
    tissue = float(standardize(np.float32(TISSUE)))
    masks = [head_mask(picture, tissue=tissue) for picture in batch[:, 0].detach().numpy()]
    small = torch.from_numpy(np.stack(masks)[:, None].astype(np.float32))
    return torch.nn.functional.interpolate(small, size=tuple(batch.shape[-2:]), mode="nearest")[:, 0] > 0.5
