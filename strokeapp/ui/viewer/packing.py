"""Pack arrays for the browser: deterministic bytes, so that equal content is sent once.

A blob is the magic ``SAB2``, the header's length (uint32, little endian), a JSON header and gzip streams: one of
8-bit values; of 16-bit values one of all low bytes and one of all high bytes, which makes a CT a fifth smaller than
interleaved bytes and packs faster. The header lists the packed length of each stream under ``parts``.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import LimitError, StrokeAppError

MAGIC = b"SAB2"


@dataclass(frozen=True, slots=True)
class Blob:
    """Hold packed bytes and the identifier the browser knows them by."""

    id: str
    data: bytes


def pack_overlay(values: NDArray[np.uint8], *, max_bytes: int = 180_000_000) -> Blob:
    """Pack an overlay.

    Args:
        values: (n, rows, columns) uint8, 255 = 1.
        max_bytes: As for ``pack_array``.

    Raises:
        StrokeAppError: If shape or dtype differ from that; ``LimitError`` if too large to send.
    """
    if values.ndim != 3 or values.dtype != np.uint8 or values.size == 0:
        raise StrokeAppError(
            "This overlay cannot be shown.",
            detail=f"overlay must be (n, rows, columns) uint8, got {values.shape} {values.dtype}",
            code="bad_overlay",
        )
    contiguous = np.ascontiguousarray(values)
    name = hashlib.sha256(repr(values.shape).encode() + b"\0")
    name.update(contiguous)
    return pack_array(contiguous, name=name.hexdigest()[:32], max_bytes=max_bytes)


def pack_array(values: NDArray, *, name: str, max_bytes: int = 180_000_000) -> Blob:
    """Pack an array under a name that stands for its content.

    Args:
        values: (n, rows, columns) uint8 or int16.
        name: Known to the browser; other content must have another name.
        max_bytes: Largest blob; Streamlit refuses messages over 200 MB.

    Raises:
        LimitError: If the packed array is too large to send.
    """
    parts = [_gzip(plane) for plane in _byte_planes(values)]
    header = {"id": name, "dtype": values.dtype.name, "shape": list(values.shape), "parts": [len(p) for p in parts]}
    head = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    data = b"".join([MAGIC, len(head).to_bytes(4, "little"), head, *parts])
    if len(data) > max_bytes:
        raise LimitError(
            "This series is too large for the viewer. Open a series with fewer or smaller slices.",
            detail=f"{len(data)} bytes packed, at most {max_bytes}",
        )
    return Blob(name, data)


def _byte_planes(values: NDArray) -> list[NDArray[np.uint8]]:
    if values.dtype == np.uint8:
        return [np.ascontiguousarray(values)]
    return [values.astype(np.uint8, order="C"), (values >> 8).astype(np.uint8, order="C")]


def _gzip(octets: NDArray[np.uint8]) -> bytes:
    """Return a gzip stream without a time stamp; run lengths alone pack images as small as level 1, and faster."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31, 9, zlib.Z_RLE)
    return packer.compress(octets) + packer.flush()
