"""Make network input from slices: the only such code, for training and the app alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.imaging.head_crop import Box, crop, head_box
from strokeapp.imaging.normalize import MR_LARGEST, brain_shift, mr_scale, standardize
from strokeapp.types import Modality

AIR_RAMP = 0.15
"""Gray (12 HU) from which the whole shift applies."""


@dataclass(frozen=True)
class SliceInput:
    """Hold one slice cut to the head.

    Args:
        gray: (size, size) float32 in [0, 1]: CT in the brain window, MR by its own range.
        box: Where it was cut.
        level: CT: gray to be added; MR: factor to multiply by.
    """

    gray: NDArray[np.float32]
    box: Box
    level: float


def slice_input(
    gray: NDArray[np.float32], modality: Modality, *, size: int, aspect: float = 1.0, margin: float = 0.04
) -> SliceInput:
    """Cut a slice to the head and measure its level.

    Args:
        gray: (rows, columns) in [0, 1].
        modality: CT or MR.
        size: Side of the network's input in pixels.
        aspect: Row spacing over column spacing.
        margin: Around the head, as a share of its longer side.
    """
    gray = np.ascontiguousarray(gray, dtype=np.float32)
    box = head_box(gray, aspect=aspect, margin=margin)
    cut = crop(gray, box, size)
    return SliceInput(cut, box, brain_shift(cut) if modality is Modality.CT else mr_scale(cut))


def leveled(gray: NDArray[np.float32], level: float, modality: Modality) -> NDArray[np.float32]:
    """Apply a measured level; air stays at 0, or its gray would tell the source."""
    if modality is Modality.CT:
        return gray + np.float32(level) * np.minimum(gray / np.float32(AIR_RAMP), 1)
    return np.minimum(gray * np.float32(level), MR_LARGEST)


def network_batch(inputs: list[SliceInput], modality: Modality) -> NDArray[np.float32]:
    """Return (batch, 1, size, size) as the slice network takes it."""
    return standardize(np.stack([leveled(item.gray, item.level, modality) for item in inputs])[:, None])
