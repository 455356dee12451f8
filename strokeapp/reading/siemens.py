"""Read what Siemens keeps in private tags: the CSA image header, and where the tiles of a mosaic lie.

The CSA header is a table of named values inside (0029,xx10); its layout is the one SPM and nibabel document.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

CSA_GROUP, CSA_CREATOR = 0x0029, "SIEMENS CSA HEADER"
MR_GROUP, MR_CREATOR = 0x0019, "SIEMENS MR HEADER"
MOST_TAGS, MOST_ITEMS = 1000, 1000
"""A header with more of either is damaged."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Name a rectangle of a decoded frame.

    Args:
        top, left: First row and column in the frame.
        rows, columns: Size.
    """

    top: int
    left: int
    rows: int
    columns: int

    def cut(self, image: NDArray) -> NDArray:
        """Return the rectangle of a frame (rows, columns); a view."""
        return image[self.top : self.top + self.rows, self.left : self.left + self.columns]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Describe a square arrangement of slices in one frame, row by row from the top left.

    Args:
        tiles: One per slice.
        normal: (3,) unit vector from one slice to the next, LPS.
        spacing: From one slice to the next in mm.
        offset: (rows, columns) from the frame's stated first pixel to that of a slice: the tag places a frame of the
            mosaic's size around the center of the slice.
    """

    tiles: tuple[Tile, ...]
    normal: tuple[float, float, float]
    spacing: float
    offset: tuple[float, float]


def csa_values(dataset: Dataset) -> Mapping[str, tuple[str, ...]]:
    """Return the named values of a Siemens CSA image header; empty where there is none.

    Raises:
        ValueError: The header is damaged.
    """
    raw = _private(dataset, CSA_GROUP, CSA_CREATOR, 0x10)
    return parse_csa(raw) if isinstance(raw, bytes) and raw else {}


def parse_csa(raw: bytes) -> Mapping[str, tuple[str, ...]]:
    """Parse a CSA header of either kind (CSA1; CSA2, which begins with ``SV10``).

    Raises:
        ValueError: The header is damaged.
    """
    second = raw[:4] == b"SV10"
    at = 8 if second else 0
    found: dict[str, tuple[str, ...]] = {}
    first_items = 0
    try:
        (count,) = struct.unpack_from("<I", raw, at)
        if not 0 < count <= MOST_TAGS:
            raise ValueError(f"{count} tags")
        at += 8
        for number in range(count):
            name, multiplicity, items = struct.unpack_from("<64si8xi4x", raw, at)
            at += 84
            first_items = items if number == 0 else first_items
            at, values = _items(raw, at, items, 0 if second else first_items, second)
            found[_text(name)] = values[: multiplicity or None]
    except struct.error as error:
        raise ValueError("the header ends early") from error
    return found


def _items(raw: bytes, at: int, count: int, first_items: int, second: bool) -> tuple[int, tuple[str, ...]]:
    """Return where the next tag begins, and this tag's values."""
    if not 0 <= count <= MOST_ITEMS:
        raise ValueError(f"{count} items")
    values = []
    for _ in range(count):
        lengths = struct.unpack_from("<4i", raw, at)
        at += 16
        length = lengths[1] if second else lengths[0] - first_items
        if length < 0 or at + length > len(raw):
            if second:
                raise ValueError(f"an item of {length} bytes")
            break  # the older kind marks items that are not there by such lengths
        values.append(_text(raw[at : at + length]))
        at += (length + 3) // 4 * 4
    return at, tuple(values)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1").strip()


def _private(dataset: Dataset, group: int, creator: str, element: int) -> object:
    """Return a private value by its creator, or None."""
    for block in range(0x10, 0x100):
        reserved = dataset.get((group, block))
        if reserved is not None and str(reserved.value).strip() == creator:
            found = dataset.get((group, block * 0x100 + element))
            return None if found is None else found.value
    return None


def is_mosaic(dataset: Dataset) -> bool:
    """Tell whether the image type says that the frame is a mosaic."""
    kinds = dataset.get("ImageType") or ()
    return "MOSAIC" in ([kinds] if isinstance(kinds, str) else [str(kind).upper() for kind in kinds])


def mosaic_of(dataset: Dataset) -> Mosaic | None:
    """Return how a mosaic is made up; None where the tags do not tell the number, direction or distance of slices.

    The number is that of (0019,xx0A) or of the CSA header, the direction the CSA header's SliceNormalVector (it may
    point against the cross product of the image directions), the distance SpacingBetweenSlices.

    Args:
        dataset: Classic MR image with MOSAIC in its image type.
    """
    try:
        csa = csa_values(dataset)
        count = _count(dataset, csa)
        normal = np.array([float(part) for part in csa.get("SliceNormalVector", ())])
        spacing = float(dataset.get("SpacingBetweenSlices") or 0.0)
    except (ValueError, TypeError):
        return None
    length = float(np.linalg.norm(normal)) if normal.shape == (3,) else 0.0
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    side = math.isqrt(count - 1) + 1 if count > 0 else 0
    if not side or not 0.9 < length < 1.1 or not 0 < spacing < math.inf or rows % side or columns % side:
        return None
    high, wide = rows // side, columns // side
    tiles = tuple(Tile(number // side * high, number % side * wide, high, wide) for number in range(count))
    unit = normal / length
    return Mosaic(
        tiles, (float(unit[0]), float(unit[1]), float(unit[2])), spacing, ((rows - high) / 2, (columns - wide) / 2)
    )


def _count(dataset: Dataset, csa: Mapping[str, tuple[str, ...]]) -> int:
    value = _private(dataset, MR_GROUP, MR_CREATOR, 0x0A)
    if isinstance(value, bytes) and len(value) >= 2:
        return int.from_bytes(value[:2], "little")
    if isinstance(value, int):
        return value
    return int((csa.get("NumberOfImagesInMosaic") or ("0",))[0])
