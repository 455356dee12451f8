"""Read deflated DICOM data sets: inflate them within bounds, and part the header from the pixels.

Inflating is for the helper process. The application gets the elements before the pixels as they are written, and how
long the pixels are; of those it sees frames that the helper has decoded.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from strokeapp.errors import LimitError
from strokeapp.reading.dicom_scan import UNDEFINED_LENGTH

SEARCHED_BYTES = 128 * 1024
"""A file up to this size that names the deflated transfer syntax nowhere is not deflated."""
DEFLATE_RATIO, DEFLATE_RATIO_FROM = 200, 64 * 2**20
"""Inflated bytes per deflated byte that are believed, looked at beyond so many inflated bytes."""
MOST_HEADER_BYTES = 64 * 2**20
"""Bytes before the pixels that are handed over."""
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Pixel data as 32-bit and 64-bit floating point numbers, and as integers."""
CHUNK, MOST_INFLATED = 65536, 2**20


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Say how the pixel data of a data set are written: tag, value representation, and bytes that are there."""

    tag: int
    representation: str
    length: int


def deflated_from(path: Path) -> int | None:
    """Return the byte at which a deflated data set begins, None where a file holds none.

    Raises:
        Exception: Whatever pydicom raises on damaged meta information.
    """
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
        small = path.stat().st_size <= SEARCHED_BYTES
        if small and DeflatedExplicitVRLittleEndian.encode() not in file.read():
            return None
        file.seek(132)
        meta = pydicom.filereader._read_file_meta_info(file)
        return file.tell() if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian else None


def inflated(path: Path, begin: int, max_bytes: int) -> bytearray:
    """Return the data set that is deflated from the byte ``begin`` on.

    Raises:
        LimitError: It is larger than ``max_bytes``, or than its file makes believable.
        zlib.error: It is damaged or cut off.
    """
    result, inflater, size = bytearray(), zlib.decompressobj(-zlib.MAX_WBITS), path.stat().st_size
    with path.open("rb") as file:
        file.seek(begin)
        while not inflater.eof and (chunk := inflater.unconsumed_tail or file.read(CHUNK)):
            result += inflater.decompress(chunk, MOST_INFLATED)
            bomb = len(result) > DEFLATE_RATIO_FROM and len(result) > DEFLATE_RATIO * size
            if bomb or len(result) > max_bytes:
                raise LimitError("The DICOM file inflates to far more than it should. It was not opened.")
    if not inflater.eof:
        raise zlib.error("the deflated data set is cut off")
    return result


def parted(path: Path, max_bytes: int) -> tuple[bytes, PixelElement | None]:
    """Return the elements before the pixels as they are written, and how the pixels are; None where there are none.

    Raises:
        LimitError: As of ``inflated``, or the elements take more than ``MOST_HEADER_BYTES``.
        Exception: Whatever zlib and pydicom raise on damaged data.
    """
    whole = inflated(path, _begin(path), max_bytes)
    found: list[tuple[int, str | None, int]] = []

    def at_pixels(tag: BaseTag, representation: str | None, length: int) -> bool:
        if tag in PIXELS:
            found.append((int(tag), representation, length))
        return tag in PIXELS

    file = BytesIO(whole)
    read_dataset(file, False, True, stop_when=at_pixels, defer_size=MOST_INFLATED)
    end = file.tell() if found else len(whole)
    if end > MOST_HEADER_BYTES:
        raise LimitError("The header of the DICOM file is far larger than any scanner makes. It was not opened.")
    return bytes(memoryview(whole)[:end]), _pixel_element(*found[0], len(whole) - end) if found else None


def _begin(path: Path) -> int:
    begin = deflated_from(path)
    if begin is None:
        raise ValueError("the file has changed since it was looked at")
    return begin


def _pixel_element(tag: int, representation: str | None, stated: int, rest: int) -> PixelElement:
    """Count the bytes that are there, where they are fewer than stated; ``rest`` counts the element's header too."""
    there = rest - (12 if representation in EXPLICIT_VR_LENGTH_32 else 8)
    length = stated if stated == UNDEFINED_LENGTH else min(stated, there)
    return PixelElement(tag, representation or "OW", length)


def with_stand_in(header: bytes, pixels: PixelElement | None) -> Dataset:
    """Parse a header as ``parted`` gives it; an element without a value stands for the pixels."""
    dataset = _parsed(header, DeflatedExplicitVRLittleEndian)
    if pixels is not None:
        tag = BaseTag(pixels.tag)
        dataset[tag] = RawDataElement(tag, pixels.representation, pixels.length, b"", 0, False, True)
    return dataset


def whole_dataset(path: Path, begin: int, max_bytes: int) -> Dataset:
    """Parse a deflated data set with its pixels, as the same one that is not deflated; errors as of ``parted``."""
    return _parsed(inflated(path, begin, max_bytes), ExplicitVRLittleEndian)


def _parsed(content: bytes | bytearray, syntax: str) -> Dataset:
    dataset = read_dataset(BytesIO(content), False, True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset
