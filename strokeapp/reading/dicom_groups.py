"""Place the frames of an enhanced multi-frame file from its per-frame functional groups as they are written.

pydicom makes objects of every element of every frame. Here what differs from frame to frame and matters - the
position - is taken from the bytes; what the frames share is parsed once for each combination that occurs.
"""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from strokeapp.reading.dicom_enhanced import enhanced_frame
from strokeapp.reading.dicom_facts import FrameFacts
from strokeapp.reading.dicom_numbers import position as position_of
from strokeapp.reading.dicom_scan import Unusual, elements_of, items_of

POSITION_MACRO, POSITION = 0x00209113, 0x00200032
CHARACTER_SET = 0x00080005
MACROS = {
    0x00189114: frozenset({0x00189082}),  # MR echo: effective echo time
    0x00189117: frozenset({0x00189075, 0x00189087}),  # MR diffusion: directionality, b-value
    0x00189226: frozenset({0x00089007}),  # MR image frame type
    0x00189329: frozenset({0x00089007}),  # CT image frame type
    0x00209111: frozenset({0x00209056, 0x00209128}),  # frame content: stack, temporal position
    0x00209116: frozenset({0x00200037}),  # plane orientation
    0x00289110: frozenset({0x00280030}),  # pixel measures: spacing
    0x00289145: frozenset(
        {0x00281052, 0x00281053, 0x00281054}
    ),  # pixel value transformation: rescale intercept, slope, type
}
"""Macros of PS3.3 C.7.6.16 that a frame is placed and scaled by, and the attributes used of each."""
_PLACES = {one.name: number for number, one in enumerate(fields(FrameFacts))}
_Position = tuple[float, float, float]


class Groups:
    """Hold the raw per-frame functional groups of one file.

    Args:
        raw: Value of PerFrameFunctionalGroupsSequence.
        implicit: Whether value representations are left out.
        parent: Data set they belong to: gives the shared groups and the character set.
    """

    def __init__(self, raw: bytes, *, implicit: bool, parent: Dataset) -> None:
        self._raw, self._implicit, self._parent = raw, implicit, parent
        self._items = [(at, length) for at, length in items_of(raw, 0, len(raw), implicit)]
        shared = parent.get("SharedFunctionalGroupsSequence")
        self._shared = shared[0] if shared else Dataset()
        self._known: dict[tuple[object, ...], list[object]] = {}

    def frames(self, count: int) -> tuple[FrameFacts, ...]:
        """Return one entry for each of the first ``count`` frames.

        Raises:
            Unusual: The groups are not made up as PS3.5 says, or hold character sets of their own.
            struct.error: They end before they should.
            Exception: Whatever pydicom raises on damaged values.
        """
        return tuple(self._frame(index) for index in range(min(count, len(self._items))))

    def first(self) -> Dataset:
        """Return the groups of the first frame, parsed; empty where there are none."""
        return self.parsed(0) if self._items else Dataset()

    def parsed(self, index: int) -> Dataset:
        """Return the groups of one frame, parsed."""
        at, length = self._items[index]
        elements = elements_of(self._raw, at, length, self._implicit)
        end = elements[-1][3] if elements else at
        return read_dataset(
            BytesIO(self._raw[at:end]), self._implicit, True,
            parent_encoding=self._parent.original_character_set, at_top_level=False,
        )  # fmt: skip

    def _frame(self, index: int) -> FrameFacts:
        key, position = self._picked(*self._items[index])
        values = self._known.get(key)
        if values is None:
            frame = enhanced_frame(self._shared, self.parsed(index), index)
            values = self._known[key] = [getattr(frame, name) for name in _PLACES]
        values = values.copy()
        values[_PLACES["index"]] = index
        values[_PLACES["order"]] = (values[_PLACES["order"]][0], 0.0, 0.0, float(index), 0.0)  # type: ignore[index]
        if position is not None:
            values[_PLACES["position"]] = position
        return FrameFacts(*values)  # type: ignore[arg-type]

    def _picked(self, at: int, length: int) -> tuple[tuple[object, ...], _Position | None]:
        """Return what frames must share to be parsed alike, and the position."""
        raw, implicit = self._raw, self._implicit
        key: list[object] = []
        position: _Position | None = None
        for macro, _, start, end in elements_of(raw, at, length, implicit):
            wanted = MACROS.get(macro)
            if macro == CHARACTER_SET:
                raise Unusual
            if wanted is None and macro != POSITION_MACRO:
                continue
            for first, size in items_of(raw, start, end, implicit):
                key.append(macro)
                for tag, begin, value, stop in elements_of(raw, first, size, implicit):
                    if tag == CHARACTER_SET:
                        raise Unusual
                    if wanted is not None and tag in wanted:
                        key.append(raw[begin:stop])
                    elif wanted is None and tag == POSITION:
                        if not implicit and raw[begin + 4 : begin + 6] != b"DS":
                            raise Unusual
                        key.append(POSITION)
                        position = position_of(raw[value:stop])
                break
        return tuple(key), position
