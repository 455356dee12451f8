"""Map voxel values to gray: the only place where window presets stand.

Width and level follow the linear convention of DICOM PS3.3 C.11.2.1.3.2 (LINEAR_EXACT): black at
level - width / 2, white at level + width / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError
from strokeapp.types import Scan, Units


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """Name a window.

    Args:
        name: As shown on a button.
        width: From black to white, in the voxels' units; positive.
        level: The value shown as middle gray, in the voxels' units.

    Raises:
        StrokeAppError: If the width is not a positive finite number or the level is not finite.
    """

    name: str
    width: float
    level: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.width) and np.isfinite(self.level) and self.width > 0):
            raise StrokeAppError(
                "A display window needs a positive width and a finite level.",
                detail=f"{self.name}: width={self.width}, level={self.level}",
                code="bad_window",
            )

    @property
    def low(self) -> float:
        """Return the value shown black."""
        return self.level - self.width / 2

    @property
    def high(self) -> float:
        """Return the value shown white."""
        return self.level + self.width / 2


CT_PRESETS = (
    WindowPreset("Brain", 80, 40),
    WindowPreset("Stroke", 40, 40),
    WindowPreset("Stroke 8", 8, 32),
    WindowPreset("Subdural", 200, 75),
    WindowPreset("Bone", 2800, 600),
)
"""Head CT windows in HU."""

PICTURE_PRESETS = (WindowPreset("Full", 255, 127.5),)
"""The one window of an 8-bit picture: as it came."""


def apply_window(hu: NDArray, preset: WindowPreset) -> NDArray[np.float32]:
    """Map values to gray in [0, 1].

    Args:
        hu: Any shape; HU for CT, else the units the preset is given in.
        preset: Window in the same units.

    Returns:
        Same shape, float32; values outside the window are clipped.
    """
    scaled = np.array(hu, dtype=np.float32)
    scaled -= np.float32(preset.low)
    scaled /= np.float32(preset.width)
    return np.clip(scaled, 0.0, 1.0, out=scaled)


def percentile_window(
    volume: NDArray, low: float = 1, high: float = 99.5, *, name: str = "Auto", max_samples: int = 1_000_000
) -> WindowPreset:
    """Derive a window from the values present.

    Args:
        volume: Any shape and units; non-finite values are left out.
        low: Percentile shown black.
        high: Percentile shown white.
        name: Of the preset.
        max_samples: Larger volumes are thinned by a fixed stride, so that the result stays deterministic.

    Raises:
        StrokeAppError: If the volume holds no finite value.
    """
    flat = np.ravel(volume)
    sample = flat[:: max(1, flat.size // max_samples)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        raise StrokeAppError("The image holds no usable values. Open another series.", code="no_finite_values")
    bottom, top = (float(value) for value in np.percentile(sample, (low, high)))
    # A constant volume still needs a window that can be drawn.
    width = top - bottom if top > bottom else max(1.0, abs(top) * 1e-3)
    return WindowPreset(name, width, (bottom + top) / 2)


def mr_presets(volume: NDArray) -> tuple[WindowPreset, ...]:
    """Derive the MR windows: Auto, Soft (lower contrast, nothing saturated) and Bright (tissue lifted).

    Args:
        volume: Any shape, arbitrary units.

    Returns:
        The first of every group that coincides, as all do over a constant volume.
    """
    found = (
        percentile_window(volume),
        percentile_window(volume, 0, 100, name="Soft"),
        percentile_window(volume, 1, 97, name="Bright"),
    )
    distinct: dict[tuple[float, float], WindowPreset] = {}
    for preset in found:
        distinct.setdefault((preset.width, preset.level), preset)
    return tuple(distinct.values())


def presets_for(scan: Scan) -> tuple[WindowPreset, ...]:
    """Return the presets that fit a scan's units; the first is the one to open with."""
    if scan.units is Units.HU:
        return CT_PRESETS
    if scan.units is Units.GRAY:
        return PICTURE_PRESETS
    return mr_presets(scan.voxels)
