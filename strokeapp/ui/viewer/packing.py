"""Pack arrays for the browser: deterministic bytes, so that equal content is sent once.

A blob is the magic ``SAB1``, the header's length (uint32, little endian), a JSON header and gzip streams. int16
values travel as two byte planes (all low bytes, then all high bytes): a CT becomes a fifth smaller and packs faster
than interleaved. Large planes are cut into several streams, packed and inflated side by side; the header lists under
``parts`` each stream's byte plane, its first value and its packed length.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import LimitError, StrokeAppError

MAGIC = b"SAB1"
PIECE = 1 << 24
"""Values of one gzip stream at most."""
PACKERS = 4
"""Threads that pack one volume; zlib runs outside the interpreter's lock."""
NO_VALUE = -32768
"""Stored where a voxel is not a finite number; shown black, and as "no value" under the cursor."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Hold packed bytes and the identifier the browser knows them by."""

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredVolume:
    """Hold voxels as the browser stores them: source value = stored * scale + offset.

    Args:
        values: (slices, rows, columns) int16 or uint8.
        scale: Source units per stored unit.
        offset: Source value of stored 0.
        has_gaps: True if ``NO_VALUE`` marks voxels without a finite value.
    """

    values: NDArray
    scale: float = 1.0
    offset: float = 0.0
    has_gaps: bool = False


def store_volume(voxels: NDArray) -> StoredVolume:
    """Convert voxels to int16 or uint8, without loss where the values allow it.

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
        return StoredVolume(voxels)
    if voxels.dtype.kind in "biu" and voxels.min() > NO_VALUE and voxels.max() <= 32767:
        return StoredVolume(voxels.astype(np.int16))
    return _map_linearly(voxels)


def _map_linearly(voxels: NDArray) -> StoredVolume:
    finite = np.isfinite(voxels)
    if not finite.any():
        raise StrokeAppError("The image holds no usable values. Open another series.", code="no_finite_values")
    low = float(voxels.min(where=finite, initial=np.inf))
    high = float(voxels.max(where=finite, initial=-np.inf))
    scale = (high - low) / 65534 or 1.0
    offset = low + 32767 * scale
    stored = np.rint((np.where(finite, voxels, low).astype(np.float64) - offset) / scale)
    stored = np.where(finite, stored.clip(-32767, 32767), NO_VALUE).astype(np.int16)
    return StoredVolume(stored, scale, offset, has_gaps=not finite.all())


def pack_volume(voxels: NDArray, *, max_bytes: int = 180_000_000) -> Blob:
    """Pack a volume.

    Args:
        voxels: (slices, rows, columns), any real dtype.
        max_bytes: Largest blob; Streamlit refuses messages over 200 MB.

    Raises:
        StrokeAppError: As ``store_volume``; ``LimitError`` if the packed volume is too large to send.
    """
    stored = store_volume(voxels)
    header = {"scale": stored.scale, "offset": stored.offset, "noValue": NO_VALUE if stored.has_gaps else None}
    return _pack(stored.values, header, max_bytes=max_bytes)


def pack_overlay(values: NDArray[np.uint8], *, max_bytes: int = 180_000_000) -> Blob:
    """Pack an overlay.

    Args:
        values: (n, rows, columns) uint8, 255 = 1.
        max_bytes: As for ``pack_volume``.

    Raises:
        StrokeAppError: If shape or dtype differ from that; ``LimitError`` if too large to send.
    """
    if values.ndim != 3 or values.dtype != np.uint8 or values.size == 0:
        raise StrokeAppError(
            "This overlay cannot be shown.",
            detail=f"overlay must be (n, rows, columns) uint8, got {values.shape} {values.dtype}",
            code="bad_overlay",
        )
    return _pack(values, {}, max_bytes=max_bytes)


def _pack(values: NDArray, extra: Mapping[str, object], *, max_bytes: int) -> Blob:
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    octets = little.view(np.uint8).reshape(-1, little.dtype.itemsize)
    pieces = [
        (plane, start, np.ascontiguousarray(octets[start : start + PIECE, plane]))
        for plane in range(little.dtype.itemsize)
        for start in range(0, len(octets), PIECE)
    ]
    with ThreadPoolExecutor(PACKERS) as pool:
        parts = list(pool.map(_gzip, [piece for _, _, piece in pieces]))
    places = [[plane, start, len(part)] for (plane, start, _), part in zip(pieces, parts, strict=True)]
    header = {"dtype": values.dtype.name, "shape": list(values.shape), **extra, "parts": places}
    encoded = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    # Content, not position in memory, names a blob: two scans can never be taken for each other. Packing is
    # deterministic, so the packed bytes stand for the content and are fewer to hash.
    digest = hashlib.blake2b(encoded + b"\0", digest_size=16)
    for part in parts:
        digest.update(part)
    blob_id = digest.hexdigest()
    head = json.dumps({**header, "id": blob_id}, sort_keys=True, separators=(",", ":")).encode()
    data = b"".join([MAGIC, len(head).to_bytes(4, "little"), head, *parts])
    if len(data) > max_bytes:
        raise LimitError(
            "This series is too large for the viewer. Open a series with fewer or smaller slices.",
            detail=f"{len(data)} bytes packed, at most {max_bytes}",
        )
    return Blob(blob_id, data)


def _gzip(octets: NDArray[np.uint8]) -> bytes:
    """Return a gzip stream without a time stamp; run lengths alone pack images as small as level 1, and faster."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31, 9, zlib.Z_RLE)
    return packer.compress(octets) + packer.flush()
