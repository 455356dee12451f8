"""Take the lesion out of a slice by laying the mirrored side over it.

Lesion-free slices from the source of the infarcts are rare in labelled sets. A healed slice is one of the same
scanner, the same patient and the same window, so that only the lesion tells it from the picture it was made of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WIDEN = 3
FEATHER = 1.5
LARGEST_OVERLAP = 0.1
"""Share of the lesion whose mirror image is lesion too, above which there is no healthy side to copy."""
TISSUE = 0.15


def heal(gray: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Return the slice without its lesion, or None where the other side cannot stand in.

    Args:
        gray: (size, size) leveled, cut to the head, so that the midline lies near the middle column.
        mask: (size, size) lesion.
    """
    wide = ndimage.binary_dilation(mask, iterations=WIDEN)
    other, mirrored = wide[:, ::-1], gray[:, ::-1]
    if (wide & other).sum() > LARGEST_OVERLAP * wide.sum():
        return None
    if (mirrored[wide] > TISSUE).mean() < 0.6 * (gray[wide] > TISSUE).mean():
        return None
    ring = ndimage.binary_dilation(wide, iterations=5) & ~wide & ~other & (gray > TISSUE) & (mirrored > TISSUE)
    ratio = np.clip(np.median(gray[ring]) / np.median(mirrored[ring]), 0.7, 1.4) if ring.sum() >= 20 else 1.0
    feather = ndimage.gaussian_filter(wide.astype(np.float32), FEATHER)
    return (gray + feather * (mirrored * np.float32(ratio) - gray)).astype(np.float32)
