"""Look at the head of a picture, and decode it in this process."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
COLOR_TOLERANCE = 12
"""Difference between channels (of 255) that JPEG compression of a gray picture may leave."""
COLOR_PART = 0.002
"""Part of the pixels that may differ more before a picture counts as colored."""
ORIENTATION = 0x0112
TURNED = range(5, 9)
"""Values of the EXIF orientation that swap rows and columns."""
PICTURE_ERRORS = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, MemoryError,
    TypeError,  # Pillow's, for a TIFF page without dimensions
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PictureHead:
    """Hold what a picture says before it is decoded: rows and columns as shown, and the pages of its file."""

    rows: int
    columns: int
    pages: int


def head(path: Path) -> PictureHead:
    """Read the head of a picture; pages after the first that are damaged do not count.

    Raises:
        PICTURE_ERRORS, Image.DecompressionBombError: Damaged, or larger than Pillow opens.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS) as image:
            exif = Image.Image.getexif(image)  # that of PNG would decode the picture to look behind its pixels
            turned = exif.get(ORIENTATION) in TURNED
            columns, rows = image.size[::-1] if turned else image.size
            return PictureHead(rows, columns, _pages(image))


def decode(path: Path, max_pixels: int) -> NDArray[np.uint8]:
    """Return a picture as shown: (rows, columns) gray, or (rows, columns, 3) where channels differ.

    Args:
        path: On disk.
        max_pixels: Bound checked before anything is decoded.

    Raises:
        PICTURE_ERRORS, Image.DecompressionBombError: Damaged, cut off or too large.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise ValueError(f"more than {max_pixels} pixels")
            return _array(ImageOps.exif_transpose(image))


def _pages(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except PICTURE_ERRORS:
        return 1


def _array(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.array(image, dtype=np.float64)
        span = max(float(np.ptp(values)), 1e-9)
        return np.rint((values - values.min()) * (255.0 / span)).astype(np.uint8)
    channels = np.array(image.convert("RGBA").convert("RGB"))
    spread = channels.max(axis=-1).astype(int) - channels.min(axis=-1)
    if np.mean(spread > COLOR_TOLERANCE) > COLOR_PART:
        return channels
    return np.array(Image.fromarray(channels).convert("L"))
