"""Scan the header of a DICOM file: pick a few elements as they are written, skip the others by their length.

Parsing every element of every file is what makes opening a long series slow. This scanner follows PS3.5 chapter 7 to
the letter, for little-endian data sets after a preamble, and gives up on everything else: what it gives up on is for
pydicom to read or to refuse.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct, error

from pydicom.uid import AllTransferSyntaxes, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from strokeapp.reading.dicom_layout import Element, Layout

CHUNK = 8192
"""Bytes read at a time: most headers fit."""
MOST_BYTES = 64 * 2**20
"""Bytes of header that are held at once; the per-frame groups of long multi-frame files take most."""
MOST_FRAGMENTS = 4096
UNDEFINED_LENGTH = 0xFFFFFFFF
SHORT = frozenset((
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
))  # fmt: skip
LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
SYNTAX, FIRST_PIXELS, PIXELS = 0x00020010, 0x7FE00001, 0x7FE00010
"""FIRST_PIXELS is the extended offset table: whatever lies between it and the pixels is not for this scanner."""
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PADDING = 0xFFFCFFFC
ENCAPSULATED = frozenset(str(uid) for uid in AllTransferSyntaxes if uid.is_encapsulated)
_EXPLICIT, _IMPLICIT, _LENGTH = Struct("<HH2sH").unpack_from, Struct("<HHI").unpack_from, Struct("<I").unpack_from


class Unusual(Exception):
    """Say that a data set is not as plain as this scanner wants it; never leaves the reading of headers."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Hold the elements picked from a header and where the pixels lie.

    Args:
        syntax: Transfer syntax.
        implicit: Whether value representations are left out.
        kept: Elements picked as they are written, one after the other.
        values: Tag to value, as written, of the elements picked apart.
        offset: Byte of the pixel data's value in the file.
        length: Its bytes; up to the end of its last delimiter where it is encapsulated.
        encapsulated: Whether the pixels are in fragments.
        fragments: Their number, the offset table not counted; 0 where pixels are not encapsulated.
        stated: Length of the pixel data as its header gives it.
    """

    syntax: str
    implicit: bool
    kept: bytes
    values: Mapping[int, bytes]
    offset: int
    length: int
    encapsulated: bool
    fragments: int = 0
    stated: int = 0


class Scanner:
    """Read headers up to their pixels, remembering how the last one was laid out.

    Args:
        kept: Tags whose elements are picked as they are written.
        apart: Tag to value representation of elements whose values are picked one by one.
    """

    def __init__(self, kept: frozenset[int], apart: Mapping[int, bytes]) -> None:
        self._kept, self._apart = kept, apart
        self._layout, self._last = Layout(apart), None

    def scan(self, path: Path) -> Scanned:
        """Read the header of a file.

        Args:
            path: DICOM file.

        Raises:
            Unusual: The file is not a plain one, whether damaged or not.
            OSError: It cannot be read.
        """
        file = os.open(path, os.O_RDONLY)
        try:
            walk = _Scan(file, self._kept, self._apart)
            return self._followed(walk) or self._walked(walk)
        except error as reason:
            raise Unusual from reason
        finally:
            os.close(file)

    def _followed(self, walk: _Scan) -> Scanned | None:
        """Return what walking would, where the header is laid out as the last one that was walked."""
        last = self._last
        if last is None:
            return None
        try:
            found = self._layout.follow(walk.head)
        except error:
            return None
        if found is None:
            return None
        return walk.ended(last.syntax, last.implicit, last.kept, found[1], found[0], last.stated)

    def _walked(self, walk: _Scan) -> Scanned:
        found = walk.run()
        if walk.elements:
            self._layout.learn(walk.head, walk.elements, implicit=found.implicit)
            self._last = found
        return found


class _Scan:
    """Move over one open file; ``buffer`` holds its bytes from ``base`` on."""

    def __init__(self, file: int, kept: frozenset[int], apart: Mapping[int, bytes]) -> None:
        self._file, self._kept, self._apart = file, kept, apart
        self._size = os.fstat(file).st_size
        self._buffer, self._base = os.pread(file, CHUNK, 0), 0
        self.head = self._buffer
        self.elements: list[Element] = []
        """All up to the pixels, where they lie in ``head`` and state their lengths; otherwise none."""

    def run(self) -> Scanned:
        if self._buffer[128:132] != b"DICM":
            raise Unusual
        syntax, at = self._meta()
        implicit = syntax == ImplicitVRLittleEndian
        if not implicit and syntax != ExplicitVRLittleEndian and syntax not in ENCAPSULATED:
            raise Unusual
        found: list[bytes] = []
        values: dict[int, bytes] = {}
        at, length = self._elements(at, implicit, found, values)
        return self.ended(syntax, implicit, b"".join(found), values, self._base + at, length)

    def ended(
        self, syntax: str, implicit: bool, kept: bytes, values: Mapping[int, bytes], offset: int, stated: int
    ) -> Scanned:
        """Look at the pixels and what lies behind them; ``stated`` is the length their header gives."""
        fragments, length = 0, stated
        if stated == UNDEFINED_LENGTH:
            fragments, length = self._fragments(offset)
        if (fragments > 0) != (syntax in ENCAPSULATED):
            raise Unusual
        self._check_end(offset + length, implicit)
        return Scanned(syntax, implicit, kept, values, offset, length, fragments > 0, fragments, stated)

    def _meta(self) -> tuple[str, int]:
        """Return the transfer syntax and where the data set begins; the group must lie in the first chunk."""
        buffer, at, syntax = self._buffer, 132, ""
        while buffer[at : at + 2] == b"\2\0":
            tag, _, start, length = _header(buffer, at, False)
            if tag == SYNTAX:
                syntax = buffer[start : start + length].rstrip(b"\0").decode("latin-1")
            self.elements.append(Element(tag, at, start, start + length, tag == SYNTAX))
            at = start + length
        if at >= len(buffer) or _IMPLICIT(buffer, at)[0] < 8:
            raise Unusual
        return syntax, at

    def _elements(self, at: int, implicit: bool, found: list[bytes], values: dict[int, bytes]) -> tuple[int, int]:
        """Pick elements from ``at`` on; return where the value of the pixel data begins, and its length."""
        kept, apart, buffer, last = self._kept, self._apart, self._buffer, 0
        elements, whole = self.elements, True
        if implicit and buffer[at + 4 : at + 6].isupper():
            raise Unusual  # value representations where the transfer syntax says there are none
        while True:
            if at + 12 > len(buffer):
                at = self._refill(at, CHUNK)
                buffer = self._buffer
            tag, representation, start, length = _header(buffer, at, implicit)
            if tag <= last or tag >= FIRST_PIXELS:
                break
            last, head, end = tag, start - at, start + length
            if length == UNDEFINED_LENGTH:
                at, end = self._sequence(at, start, implicit, representation or apart.get(tag, b"SQ"))
            elif tag in kept or tag in apart:
                at, end = self._value(at, end)
            buffer = self._buffer
            if tag in kept:
                found.append(buffer[at:end])
            elif tag in apart:
                if representation not in (b"", apart[tag]):
                    raise Unusual
                values[tag] = buffer[at + head : end]
            whole = whole and length != UNDEFINED_LENGTH and self._base == 0
            if whole:
                elements.append(Element(tag, at, at + head, end, tag in kept))
            at = end
        if tag != PIXELS or representation not in (b"", b"OW", b"OB"):
            raise Unusual
        if whole and self._base == 0:
            elements.append(Element(tag, at, start, start, True))
        else:
            elements.clear()
        return start, length

    def _value(self, at: int, end: int) -> tuple[int, int]:
        """Have the bytes from ``at`` to ``end`` in the buffer; return where they lie then."""
        if end <= len(self._buffer):
            return at, end
        end, at = end - at, self._refill(at, end - at + CHUNK)
        if end > len(self._buffer):
            raise Unusual
        return at, end

    def _refill(self, at: int, size: int) -> int:
        """Read on from ``at``, which becomes the beginning of the buffer."""
        self._base += at
        if self._base >= self._size or size > MOST_BYTES:
            raise Unusual
        self._buffer = os.pread(self._file, size, self._base)
        return 0

    def _sequence(self, at: int, start: int, implicit: bool, representation: bytes) -> tuple[int, int]:
        """Return where a sequence of undefined length begins and ends, reading on until it fits into the buffer."""
        if representation != b"SQ":
            raise Unusual
        size = 4 * CHUNK
        while True:
            try:
                return at, end_of_sequence(self._buffer, start, implicit)
            except error:
                if self._base + len(self._buffer) >= self._size:
                    raise
            start, at = start - at, self._refill(at, size)
            size *= 4

    def _fragments(self, offset: int) -> tuple[int, int]:
        """Return the number of fragments behind the offset table, and the bytes up to the end of the delimiter."""
        at = offset
        for count in range(MOST_FRAGMENTS):
            group, element, length = _IMPLICIT(os.pread(self._file, 8, at), 0)
            at += 8
            if group << 16 | element == SEQUENCE_END and length == 0:
                return count - 1, at - offset
            if group << 16 | element != ITEM or length == UNDEFINED_LENGTH:
                break
            at += length
        raise Unusual

    def _check_end(self, end: int, implicit: bool) -> None:
        """Accept trailing padding and nothing else behind the pixels."""
        if end == self._size:
            return
        head = os.pread(self._file, 12, end)
        group, element, length = _IMPLICIT(head, 0)
        if not implicit:
            (length,) = _LENGTH(head, 8)
            end += 4
        if group << 16 | element != PADDING or end + 8 + length != self._size:
            raise Unusual


def end_of_sequence(buffer: bytes, at: int, implicit: bool) -> int:
    """Return where a sequence of undefined length ends, behind its delimiter.

    Args:
        buffer: Holds the sequence.
        at: Its first item.
        implicit: Whether value representations are left out.

    Raises:
        Unusual: It is not made up as PS3.5 7.5 says.
        struct.error: The buffer ends before the sequence does.
    """
    while True:
        group, element, length = _IMPLICIT(buffer, at)
        tag, at = group << 16 | element, at + 8
        if tag == SEQUENCE_END and length == 0:
            return at
        if tag != ITEM:
            raise Unusual
        at = end_of_item(buffer, at, length, implicit)


def end_of_item(buffer: bytes, at: int, length: int, implicit: bool) -> int:
    """Return where an item ends, behind its delimiter if it has one; its elements are walked over.

    Arguments and errors are those of ``elements_of``.
    """
    elements = elements_of(buffer, at, length, implicit)
    if length != UNDEFINED_LENGTH:
        return at + length
    return (elements[-1][3] if elements else at) + 8


def elements_of(buffer: bytes, at: int, length: int, implicit: bool) -> list[tuple[int, int, int, int]]:
    """List the elements of one item: (tag, begin of the element, begin of its value, end of the element).

    Args:
        buffer: Holds the item.
        at: Its first element.
        length: Of the item in bytes, or ``UNDEFINED_LENGTH``: up to its delimiter.
        implicit: Whether value representations are left out.

    Raises:
        Unusual: The item is not made up as PS3.5 7.1 and 7.5 say.
        struct.error: The buffer ends before the item does.
    """
    found: list[tuple[int, int, int, int]] = []
    stop, last = at + length, 0
    while length == UNDEFINED_LENGTH or at < stop:
        tag, representation, start, size = _header(buffer, at, implicit or buffer[at : at + 2] == b"\xfe\xff")
        if tag == ITEM_END and length == UNDEFINED_LENGTH:
            return found
        if tag <= last or tag >= ITEM:
            raise Unusual
        last, begin = tag, at
        if size != UNDEFINED_LENGTH:
            at = start + size
        elif representation in (b"", b"SQ"):
            at = end_of_sequence(buffer, start, implicit)
        else:
            raise Unusual
        found.append((tag, begin, start, at))
    if at != stop:
        raise Unusual
    return found


def items_of(buffer: bytes, at: int, stop: int, implicit: bool) -> Iterator[tuple[int, int]]:
    """Yield the items of a sequence, unwalked where they state their length: (begin of the first element, length).

    Args:
        buffer: Holds the sequence.
        at: Begin of its value.
        stop: End of its value, behind the delimiter if there is one.
        implicit: Whether value representations are left out.

    Raises:
        Unusual: The sequence is not made up as PS3.5 7.5 says.
        struct.error: The buffer ends before the sequence does.
    """
    while at < stop:
        group, element, length = _IMPLICIT(buffer, at)
        if group << 16 | element == SEQUENCE_END and at + 8 == stop:
            return
        if group << 16 | element != ITEM:
            raise Unusual
        yield at + 8, length
        at = end_of_item(buffer, at + 8, length, implicit) if length == UNDEFINED_LENGTH else at + 8 + length
    if at != stop:
        raise Unusual


def _header(buffer: bytes, at: int, implicit: bool) -> tuple[int, bytes, int, int]:
    """Return tag, value representation (empty where implicit), begin and length of the value of an element."""
    if implicit:
        group, element, length = _IMPLICIT(buffer, at)
        return group << 16 | element, b"", at + 8, length
    group, element, representation, length = _EXPLICIT(buffer, at)
    if representation in SHORT:
        return group << 16 | element, representation, at + 8, length
    if representation not in LONG:
        raise Unusual
    return group << 16 | element, representation, at + 12, _LENGTH(buffer, at + 8)[0]
