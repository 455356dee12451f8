"""Read the headers of the many files of a series: parse what they share once, take the rest from the bytes.

Files of one series differ in a few elements: identifier, position, number, times. The others are cut out as they
are written; files that agree in those bytes agree in what pydicom makes of them, so pydicom makes it once.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from strokeapp.errors import StrokeAppError
from strokeapp.reading.dicom_encapsulated import EncapsulatedPixels
from strokeapp.reading.dicom_enhanced import clock
from strokeapp.reading.dicom_facts import FileFacts, FrameFacts
from strokeapp.reading.dicom_groups import Groups
from strokeapp.reading.dicom_headers import PARSE_ERRORS, expected_bytes, facts_of, read_header, value_of
from strokeapp.reading.dicom_native import NativePixels
from strokeapp.reading.dicom_numbers import decimal, integer, position, time_text, uid_text
from strokeapp.reading.dicom_scan import PIXELS, UNDEFINED_LENGTH, Scanned, Scanner, Unusual
from strokeapp.reading.siemens import is_mosaic

INSTANCE, ACQUIRED, CONTENT, TRIGGER, ACQUISITION, NUMBER, POSITION, PER_FRAME = (
    0x00080018, 0x00080032, 0x00080033, 0x00181060, 0x00200012, 0x00200013, 0x00200032, 0x52009230,
)  # fmt: skip
APART = {
    INSTANCE: b"UI", ACQUIRED: b"TM", CONTENT: b"TM", TRIGGER: b"DS", ACQUISITION: b"IS", NUMBER: b"IS",
    POSITION: b"DS", PER_FRAME: b"SQ",
}  # fmt: skip
SHARED = frozenset((
    0x00080005, 0x00080008, 0x00080016, 0x00080060, 0x00080070, 0x0008103E, 0x00081090,  # what it is, of whom
    0x00100010, 0x00100020, 0x00100021, 0x00100030,
    0x00180010, 0x00180015, 0x00180024, 0x00180050, 0x00180081, 0x00180088, 0x00181030, 0x00181210, 0x00189005,
    0x00189075, 0x00189087,
    0x00190010, 0x0019100C, 0x00430010, 0x00431039, 0x20010010, 0x20011003,  # private diffusion weighting
    0x0020000D, 0x0020000E, 0x00200037, 0x00200052, 0x00200100,
    0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280030, 0x00280100, 0x00280101, 0x00280102,
    0x00280103, 0x00280120, 0x00280121, 0x00281052, 0x00281053, 0x00281054, 0x52009229,
))  # fmt: skip
"""Every attribute that ``facts_of`` and ``frames_of`` read of a data set that is no mosaic, but those in APART."""
MOST_KNOWN = 1000
"""Headers kept in parsed form; a series needs one, a diffusion series one for each weighting."""
_PLACES = {one.name: number for number, one in enumerate(fields(FileFacts))}


@dataclass(frozen=True, slots=True)
class _Known:
    """Hold what files of one header share.

    Args:
        values: Fields of ``FileFacts`` in order.
        frame: The one frame, without position.
        expected: Bytes of uncompressed pixel data.
        native, encapsulated: How the pixels are written; where differs by file.
    """

    values: list[object]
    frame: FrameFacts
    expected: int
    native: NativePixels | None
    encapsulated: EncapsulatedPixels | None


class HeaderReader:
    """Read headers, remembering what files share; make one for each set of files, for it keeps what they say."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, str, bool], _Known | None] = {}
        self._scanner = Scanner(SHARED, APART)

    def read(self, path: Path, label: str, *, max_bytes: int = 2**31) -> FileFacts:
        """Return what ``read_header`` returns for the file; errors are its errors."""
        try:
            return self._quick(path, label)
        except (Unusual, StrokeAppError, *PARSE_ERRORS):
            # Whatever stands in the way here is for pydicom to read, or to refuse in the words of read_header.
            return read_header(path, label, max_bytes=max_bytes)

    def _quick(self, path: Path, label: str) -> FileFacts:
        found = self._scanner.scan(path)
        if PER_FRAME in found.values:
            return _enhanced(found, path, label)
        key = (found.kept, found.syntax, found.encapsulated)
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = None  # should it fail, it fails for all files alike
            self._known[key] = _known(found, path)
        known = self._known[key]
        if known is None or (not found.encapsulated and found.length < known.expected):
            raise Unusual
        return _of_file(known, found, path, label)


def _of_file(known: _Known, found: Scanned, path: Path, label: str) -> FileFacts:
    values = known.values.copy()
    values[_PLACES["path"]] = path
    values[_PLACES["label"]] = label
    values[_PLACES["instance_uid"]] = uid_text(found.values.get(INSTANCE, b""))
    values[_PLACES["acquisition"]] = _acquisition(found)
    values[_PLACES["frames"]] = (_frame(known.frame, found),)
    values[_PLACES["native"]] = _native_at(known.native, found)
    values[_PLACES["encapsulated"]] = _encapsulated_at(known.encapsulated, found)
    return FileFacts(*values)  # type: ignore[arg-type]


def _frame(shared: FrameFacts, found: Scanned) -> FrameFacts:
    raw = found.values.get
    time = time_text(raw(ACQUIRED, b"")) or time_text(raw(CONTENT, b""))
    order = (shared.order[0], clock(time), decimal(raw(TRIGGER, b"")), integer(raw(NUMBER, b"")), shared.order[4])
    return FrameFacts(
        shared.index, position(raw(POSITION, b"")), shared.orientation, shared.spacing, shared.slope, shared.intercept,
        shared.b_value,
        shared.echo, shared.frame_type, order, shared.tile, shared.rescaled, shared.rescale_type,
    )  # fmt: skip


def _acquisition(found: Scanned) -> float | None:
    raw = found.values.get(ACQUISITION, b"")
    return integer(raw) if raw else None


def _native_at(native: NativePixels | None, found: Scanned) -> NativePixels | None:
    return None if native is None else NativePixels(found.offset, native.rows, native.columns, native.dtype)


def _encapsulated_at(pixels: EncapsulatedPixels | None, found: Scanned) -> EncapsulatedPixels | None:
    return None if pixels is None else replace(pixels, offset=found.offset, length=found.length)


def _known(found: Scanned, path: Path) -> _Known:
    with warnings.catch_warnings():
        # Warnings quote values, and values may be names.
        warnings.simplefilter("ignore")
        dataset = _dataset(found)
        if is_mosaic(dataset) or int(value_of(dataset, "NumberOfFrames") or 1) != 1:
            raise Unusual
        facts = facts_of(dataset, path, "")
    values = [getattr(facts, name) for name in _PLACES]
    expected = 0 if found.encapsulated else expected_bytes(dataset)
    return _Known(values, facts.frames[0], expected, facts.native, _encapsulated(dataset, found))


def _enhanced(found: Scanned, path: Path, label: str) -> FileFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = _dataset(found)
        groups = Groups(found.values[PER_FRAME], implicit=found.implicit, parent=dataset)
        frames = groups.frames(int(value_of(dataset, "NumberOfFrames") or 1))
        if not frames:
            raise Unusual
        dataset.PerFrameFunctionalGroupsSequence = Sequence([groups.first()])
        facts = facts_of(dataset, path, label, frames)
    instance = uid_text(found.values.get(INSTANCE, b""))
    return replace(
        facts, instance_uid=instance, acquisition=_acquisition(found), encapsulated=_encapsulated(dataset, found)
    )  # fmt: skip


def _dataset(found: Scanned) -> Dataset:
    """Parse the elements that were cut out, with a stand-in for the pixels that says where they are."""
    dataset = read_dataset(BytesIO(found.kept), found.implicit, True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(found.syntax)
    length = UNDEFINED_LENGTH if found.encapsulated else found.length
    dataset[PIXELS] = RawDataElement(BaseTag(PIXELS), "OW", length, b"", found.offset, found.implicit, True)
    return dataset


def _encapsulated(dataset: Dataset, found: Scanned) -> EncapsulatedPixels | None:
    """Return how compressed gray pixels are written; None where they are not gray, or the header is incomplete."""
    wanted = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
    photometric = str(value_of(dataset, "PhotometricInterpretation", "")).strip()
    values = [value_of(dataset, keyword) for keyword in wanted]
    gray = photometric in ("MONOCHROME1", "MONOCHROME2") and value_of(dataset, "SamplesPerPixel") == 1
    if not (found.encapsulated and gray and all(isinstance(value, int) for value in values)):
        return None
    rows, columns, allocated, stored, signed = map(int, values)
    frames = int(value_of(dataset, "NumberOfFrames") or 1)
    return EncapsulatedPixels(
        found.offset, found.length, found.syntax, rows, columns, frames, allocated, stored, signed == 1, photometric
    )
