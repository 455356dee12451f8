"""Turn raw attributions into what is shown and measured: one part of the sign, smoothed, brought to [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from strokeapp.inference.explanation.registry import Part

SMOOTH_SHARE = 1 / 128
"""Standard deviation of the smoothing as a share of the picture's side: 1.5 of 192 pixels."""
TOP_PERCENTILE = 99.5
"""Of a picture's values; shown as 1, so that one pixel does not darken all others."""


def strength(values: NDArray[np.float32], part: Part, *, share: float = SMOOTH_SHARE) -> NDArray[np.float32]:
    """Return attributions without sign, smoothed; lesion probabilities as they are.

    Args:
        values: (n, rows, columns).
        part: What of the sign counts.
        share: Of the smoothing.
    """
    if part is Part.PROBABILITY:
        return values
    unsigned = np.abs(values) if part is Part.MAGNITUDE else np.maximum(values, 0)
    sigma = share * values.shape[-1]
    return ndimage.gaussian_filter(unsigned, (0, sigma, sigma))


def shown(values: NDArray[np.float32], part: Part) -> NDArray[np.float32]:
    """Return attributions in [0, 1], each picture by its own range; 0 where a picture has none.

    Args:
        values: (n, rows, columns) as ``attribute`` returns them.
        part: As the method is registered.
    """
    smooth = strength(values, part)
    if part is Part.PROBABILITY:
        return smooth
    top = np.percentile(smooth, TOP_PERCENTILE, axis=(1, 2), keepdims=True)
    # A point smaller than what the percentile leaves out would vanish: its own maximum stands in.
    top = np.where(top > 0, top, smooth.max((1, 2), keepdims=True))
    return np.clip(np.divide(smooth, top, out=np.zeros_like(smooth), where=top > 0), 0, 1)
