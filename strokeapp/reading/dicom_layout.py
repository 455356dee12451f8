"""Recognize headers that are laid out as the one before: compare them in a few strokes instead of walking over them.

The files of a series have the same elements in the same order; lengths differ in few of them. What must be equal for
the walk of ``dicom_scan`` to give the same result (headers, and the elements that are picked) is compared at once;
values that are skipped are skipped, and elements whose length was seen to change are measured one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

SHORT_HEADER = 8
MOST_CHANGES = 32
"""Headers laid out anew, after which files are taken as too different for this to pay."""
META_GROUP_ENDS = 0x0002FFFF
_LENGTH, _LONG = Struct("<H").unpack_from, Struct("<I").unpack_from


@dataclass(frozen=True, slots=True)
class Element:
    """Hold where one element lay in a walked header.

    Args:
        tag: Group and element.
        at, start, end: Begin, begin of the value, end, in bytes of the file.
        kept: It is picked as it is written.
    """

    tag: int
    at: int
    start: int
    end: int
    kept: bool

    @property
    def length(self) -> int:
        """Return the bytes of the value."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class _Run:
    """Hold elements of fixed length, then one measured element if ``tag`` is not 0.

    Args:
        unpack: Gives the parts of a header that must be equal to ``fixed``.
        size: Bytes of the run.
        tag: Of the element behind it.
        head: What its header begins with: all but its length.
        length: Gives the length that follows.
        header: Bytes of its header.
        apart: Whether its value is picked.
    """

    unpack: Struct
    fixed: tuple[bytes, ...]
    size: int
    tag: int
    head: bytes
    length: Callable[[bytes, int], tuple[int]]
    header: int
    apart: bool


class Layout:
    """Hold how the last header was laid out.

    Args:
        apart: Tags whose values are picked one by one.
    """

    def __init__(self, apart: Mapping[int, bytes]) -> None:
        self._apart, self._loose = apart, set(apart)
        self._elements: Sequence[Element] = ()
        self._runs: Sequence[_Run] = ()
        self._changes = 0

    def follow(self, buffer: bytes) -> tuple[int, dict[int, bytes]] | None:
        """Return where the value of the pixel data begins, and the values picked apart; None where it is to be walked.

        Args:
            buffer: The first bytes of a file.

        Raises:
            struct.error: The buffer ends before the header does.
        """
        if not self._runs:
            return None
        at, values = 0, {}
        for run in self._runs:
            if run.unpack.unpack_from(buffer, at) != run.fixed:
                return None
            at += run.size
            if not run.tag:
                return at, values
            start = at + run.header
            if not buffer.startswith(run.head, at):
                return None
            end = start + run.length(buffer, at + len(run.head))[0]
            if end > len(buffer):
                return None
            if run.apart:
                values[run.tag] = buffer[start:end]
            at = end
        return None

    def learn(self, buffer: bytes, elements: Sequence[Element], *, implicit: bool) -> None:
        """Take over the layout of a header that was walked.

        Args:
            buffer: The file's first bytes, up to the value of the pixel data at least.
            elements: From the file's meta information to the pixel data, whose end is the begin of its value.
            implicit: Whether value representations are left out of the data set.
        """
        self._changes += 1
        if self._changes > MOST_CHANGES:
            self._runs = ()
            return
        if [one.tag for one in elements] == [one.tag for one in self._elements]:
            pairs = zip(elements, self._elements, strict=True)
            self._loose |= {new.tag for new, old in pairs if new.length != old.length and not new.kept}
        self._elements = elements
        self._runs = self._laid_out(buffer, elements, implicit)

    def _laid_out(self, buffer: bytes, elements: Sequence[Element], implicit: bool) -> Sequence[_Run]:
        runs, form, fixed, begin = [], ["<128x4s"], [buffer[128:132]], 0
        first = next(one for one in elements if one.tag > META_GROUP_ENDS)
        for one in elements:
            # The bytes of the first element tell an implicit data set from an explicit one, its length among them.
            if one.tag in self._loose and one is not first:
                header = one.start - one.at
                short = header == SHORT_HEADER and (not implicit or one.tag <= META_GROUP_ENDS)
                head, length = buffer[one.at : one.start - (2 if short else 4)], _LENGTH if short else _LONG
                rule, parts, size = Struct("".join(form)), tuple(fixed), one.at - begin
                runs.append(_Run(rule, parts, size, one.tag, head, length, header, one.tag in self._apart))
                form, fixed, begin = ["<"], [], one.end
                continue
            until = one.end if one.kept else one.start
            form.append(f"{until - one.at}s{one.end - until}x")
            fixed.append(buffer[one.at : until])
        runs.append(_Run(Struct("".join(form)), tuple(fixed), elements[-1].end - begin, 0, b"", _LONG, 0, False))
        return runs
