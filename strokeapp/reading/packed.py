"""Inflate gzip files (.nii.gz) in this process: their beginning, or spans of them in one pass."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"\x1f\x8b"
PACKED_ERRORS = (OSError, EOFError, zlib.error)
"""What inflating a damaged file raises."""
MORSEL_BYTES = 2**20
"""Bytes handed over at once: as many as the pipe between the processes holds."""


class TooShortError(EOFError):
    """The file is whole, but holds fewer bytes than are asked for."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Name the bytes wanted of an inflated file.

    Args:
        starts: First byte of each span, ascending: the file is read forward once.
        length: Bytes of each span.
        step: Bytes of one piece; the last of a span may be shorter.
    """

    starts: tuple[int, ...]
    length: int
    step: int

    def sizes(self) -> Iterator[int]:
        """Yield the bytes of each piece of all spans."""
        for _ in self.starts:
            for first in range(0, self.length, self.step):
                yield min(self.step, self.length - first)


def is_packed(path: Path) -> bool:
    """Tell whether a file is compressed with gzip."""
    with path.open("rb") as file:
        return file.read(2) == MAGIC


def head(path: Path, count: int) -> bytes:
    """Return the first ``count`` bytes of what a gzip file holds, or all where it holds fewer; errors as of morsels."""
    with gzip.open(path) as file:
        return file.read(count)


def morsels(path: Path, spans: Spans) -> Iterator[bytes]:
    """Yield the wanted bytes one after the other, at most ``MORSEL_BYTES`` at once and never across two pieces.

    Raises:
        TooShortError: The file ends before the last span does.
        PACKED_ERRORS: The file is damaged or cut off.
    """
    with gzip.open(path) as file:
        for start in spans.starts:
            file.seek(start)
            for size in Spans((start,), spans.length, spans.step).sizes():
                yield from _piece(file, size)


def _piece(file: gzip.GzipFile, size: int) -> Iterator[bytes]:
    while size:
        morsel = file.read(min(size, MORSEL_BYTES))
        if not morsel:
            raise TooShortError("fewer bytes than the header says")
        size -= len(morsel)
        yield morsel
