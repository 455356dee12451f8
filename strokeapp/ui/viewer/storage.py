"""Decide how the browser stores a volume: 8 or 16 bits a voxel, without loss where the values allow it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError

NO_VALUE = -32768
"""Stored where a voxel is not a finite number; shown black, and as "no value" under the cursor."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Say how voxels are stored: source value = stored * scale + offset.

    Args:
        dtype: ``int16`` or ``uint8``.
        scale: Source units per stored unit.
        offset: Source value of stored 0.
        has_gaps: True if ``NO_VALUE`` marks voxels without a finite value.
        mapped: True if the values are mapped linearly onto -32767 to 32767; otherwise they are kept.
    """

    dtype: np.dtype
    scale: float = 1.0
    offset: float = 0.0
    has_gaps: bool = False
    mapped: bool = False

    def store(self, voxels: NDArray) -> NDArray:
        """Return voxels, or a part of them, as the browser stores them."""
        if not self.mapped:
            return voxels.astype(self.dtype, copy=False)
        finite = np.isfinite(voxels)
        stored = np.rint((np.where(finite, voxels, self.offset).astype(np.float64) - self.offset) / self.scale)
        return np.where(finite, stored.clip(-32767, 32767), NO_VALUE).astype(self.dtype)


def storage_of(voxels: NDArray) -> Storage:
    """Choose how a volume is stored.

    Integers that fit are kept; anything else is mapped linearly onto -32767 to 32767, which keeps more than
    four digits of the range.

    Args:
        voxels: (slices, rows, columns), any real dtype.

    Raises:
        StrokeAppError: If the array is not three-dimensional, empty, or holds no finite value.
    """
    if voxels.ndim != 3 or voxels.size == 0 or voxels.dtype.kind not in "biuf":
        raise StrokeAppError(
            "This series has no slices that can be shown. Open another series.",
            detail=f"voxels must be (slices, rows, columns) of real numbers, got {voxels.shape} {voxels.dtype}",
            code="nothing_to_show",
        )
    if voxels.dtype in (np.uint8, np.int16):
        return Storage(voxels.dtype.newbyteorder("="))
    if voxels.dtype.kind in "biu" and voxels.min() > NO_VALUE and voxels.max() <= 32767:
        return Storage(np.dtype(np.int16))
    return _mapped_linearly(voxels)


def _mapped_linearly(voxels: NDArray) -> Storage:
    finite = np.isfinite(voxels)
    if not finite.any():
        raise StrokeAppError("The image holds no usable values. Open another series.", code="no_finite_values")
    values = voxels if finite.all() else voxels[finite]
    low, high = float(values.min()), float(values.max())
    scale = (high - low) / 65534 or 1.0
    return Storage(np.dtype(np.int16), scale, low + 32767 * scale, has_gaps=not finite.all(), mapped=True)
