"""Read the headers of DICOM files: one value per file, one per frame, without the pixels."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from collections.abc import Sequence as Many
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from strokeapp.errors import CorruptFileError, LimitError, StrokeAppError
from strokeapp.reading.decoder_process import SHARED
from strokeapp.reading.dicom_deflated import deflated_from, with_stand_in
from strokeapp.reading.dicom_facts import FileFacts, FrameFacts
from strokeapp.reading.dicom_native import NativePixels
from strokeapp.reading.dicom_scan import UNDEFINED_LENGTH
from strokeapp.types import Modality

DEFER_BYTES = 64 * 1024
MAX_FRAMES = 50_000
UNCOMPRESSED = {
    DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
}  # fmt: skip
DAMAGED = "The DICOM file is damaged. Export it again."
PHANTOM = "strokeapp phantom"
# What pydicom raises on damaged data sets; anything else is a fault of this program and must surface.
PARSE_ERRORS = (
    InvalidDicomError, BytesLengthException, EOFError, ValueError, KeyError, TypeError, AttributeError,
    NotImplementedError, OSError, IndexError, OverflowError, zlib.error, UnicodeError, RecursionError, MemoryError,
    struct.error,
)  # fmt: skip


def read_header(path: Path, label: str, *, max_bytes: int = 2**31) -> FileFacts:
    """Read what a DICOM file says of itself and of its frames; the pixels stay on disk.

    Args:
        path: File with or without preamble.
        label: Name shown to the user.
        max_bytes: Bound for what a deflated data set may inflate to.

    Raises:
        CorruptFileError: Not a DICOM data set, or the pixel data are cut off.
        LimitError: A deflated data set is larger than ``max_bytes``.
    """
    try:
        with warnings.catch_warnings():
            # Warnings quote values, and values may be names.
            warnings.simplefilter("ignore")
            return facts_of(_header_of(path, max_bytes), path, label)
    except StrokeAppError:
        raise
    except PARSE_ERRORS as error:
        raise CorruptFileError(DAMAGED, detail=f"{type(error).__name__}: {error}") from error


def facts_of(dataset: Dataset, path: Path, label: str, frames: tuple[FrameFacts, ...] | None = None) -> FileFacts:
    """Return what a parsed data set says of itself.

    Args:
        dataset: With file meta information; values may be on disk still.
        path: The file it was parsed from.
        label: Name shown to the user.
        frames: What is known of its frames already, or None.

    Raises:
        CorruptFileError: Not an image object, or the pixel data are cut off.
        LimitError: The header claims more frames than any scanner makes.
        Exception: Whatever pydicom raises on damaged values; see ``PARSE_ERRORS``.
    """
    from strokeapp.reading.dicom_enhanced import frames_of  # it needs the helpers of this module

    _check_frames(dataset)
    if "SOPClassUID" not in dataset and "Rows" not in dataset:
        raise CorruptFileError("The file is not a DICOM image: it holds neither an object class nor an image.")
    has_pixels = _check_pixels(dataset, path)
    native = _native(dataset) if has_pixels else None
    if frames is None:
        frames = frames_of(dataset) if has_pixels else ()
    return _facts(dataset, path, label, frames, has_pixels=has_pixels, native=native)


def _header_of(path: Path, max_bytes: int) -> Dataset:
    """Parse a file whose large values stay where they are: on disk, or in the helper that inflates them."""
    if deflated_from(path) is None:
        return pydicom.dcmread(path, force=True, defer_size=DEFER_BYTES)
    try:
        return with_stand_in(*SHARED.deflated_header(path, max_bytes))
    except CorruptFileError as error:
        raise CorruptFileError(DAMAGED, detail=error.detail) from error


def _check_frames(dataset: Dataset) -> None:
    """Refuse a number of frames no scanner makes before anything is built for each of them."""
    if int(value_of(dataset, "NumberOfFrames") or 1) > MAX_FRAMES:
        raise LimitError(f"The DICOM file claims more than {MAX_FRAMES:,} images. Give a smaller series.")


def _check_pixels(dataset: Dataset, path: Path) -> bool:
    """Return whether pixel data are there; raise if they are shorter than the header demands."""
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            break
    else:
        return False
    element: Any = dataset.get_item(keyword, keep_deferred=True)
    length = getattr(element, "length", None)
    if length is None:
        length = len(element.value or b"")
    start = getattr(element, "value_tell", None) or 0
    # pydicom replaces the undefined length of values it defers, so the transfer syntax has to tell.
    encapsulated = length == UNDEFINED_LENGTH or _compressed(dataset)
    cut = not encapsulated and (
        length < expected_bytes(dataset) or (not _deflated(dataset) and start + length > path.stat().st_size)
    )
    if cut or length == 0:
        raise CorruptFileError(
            "The image in this DICOM file is cut off: fewer bytes than the header says. Export or copy it again.",
            code="truncated",
        )
    return True


def _compressed(dataset: Dataset) -> bool:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    return syntax is not None and syntax not in UNCOMPRESSED


def _deflated(dataset: Dataset) -> bool:
    return dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def expected_bytes(dataset: Dataset) -> int:
    """Return the bytes uncompressed pixel data must have by the header."""
    pixels = int(dataset.Rows) * int(dataset.Columns) * int(value_of(dataset, "NumberOfFrames") or 1)
    samples = int(value_of(dataset, "SamplesPerPixel") or 1)
    if str(value_of(dataset, "PhotometricInterpretation", "")) == "YBR_FULL_422":
        samples = 2
    return pixels * samples * int(dataset.BitsAllocated) // 8


def _native(dataset: Dataset) -> NativePixels | None:
    """Return where gray little-endian pixels lie; None where a decoder has to make something of them."""
    element: Any = dataset.get_item("PixelData", keep_deferred=True)
    start, bits = getattr(element, "value_tell", None), int(dataset.BitsAllocated)
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    gray = str(value_of(dataset, "PhotometricInterpretation", "")).strip() in ("MONOCHROME1", "MONOCHROME2")
    plain = (
        syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        and int(value_of(dataset, "SamplesPerPixel") or 0) == 1
    )
    if not (start and gray and plain and bits in (8, 16, 32)):
        return None
    kind = "i" if value_of(dataset, "PixelRepresentation") == 1 else "u"
    return NativePixels(int(start), int(dataset.Rows), int(dataset.Columns), np.dtype(f"<{kind}{bits // 8}"))


def _facts(
    dataset: Dataset,
    path: Path,
    label: str,
    frames: tuple[FrameFacts, ...],
    *,
    has_pixels: bool,
    native: NativePixels | None,
) -> FileFacts:
    text = _Text(dataset)
    tile = frames[0].tile if frames else None
    signed, high_bit = bool(value_of(dataset, "PixelRepresentation") or 0), number_of(dataset, "HighBit")
    return FileFacts(
        path=path,
        label=label,
        patient=_patient_hash(dataset),
        study_uid=text("StudyInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        instance_uid=text("SOPInstanceUID"),
        sop_class=text("SOPClassUID"),
        modality={"CT": Modality.CT, "MR": Modality.MR}.get(text("Modality"), Modality.OTHER),
        image_type=tuple(str(part).upper() for part in _many(value_of(dataset, "ImageType"))),
        rows=tile.rows if tile else int(value_of(dataset, "Rows") or 0),
        columns=tile.columns if tile else int(value_of(dataset, "Columns") or 0),
        samples=int(value_of(dataset, "SamplesPerPixel") or 1),
        photometric=text("PhotometricInterpretation"),
        bits_allocated=int(value_of(dataset, "BitsAllocated") or 16),
        bits_stored=int(value_of(dataset, "BitsStored") or value_of(dataset, "BitsAllocated") or 16),
        signed=signed,
        padding=_raw_integer(dataset, "PixelPaddingValue"),
        padding_limit=_raw_integer(dataset, "PixelPaddingRangeLimit"),
        description=text("SeriesDescription"),
        protocol=text("ProtocolName"),
        sequence_name=text("SequenceName") or text("PulseSequenceName"),
        kernel=" ".join(str(part) for part in _many(value_of(dataset, "ConvolutionKernel"))),
        contrast=text("ContrastBolusAgent").lower() not in ("", "none", "no", "n", "0", "without"),
        body_part=text("BodyPartExamined").upper(),
        synthetic=PHANTOM in f"{text('Manufacturer')} {text('ManufacturerModelName')}".lower(),
        has_pixels=has_pixels,
        frames=frames,
        native=native,
        high_bit=None if high_bit is None else int(high_bit),
        frame_of_reference=text("FrameOfReferenceUID"),
        acquisition=number_of(dataset, "AcquisitionNumber"),
        slice_distance=_slice_distance(dataset),
        thickness=number_of(dataset, "SliceThickness"),
    )


@cache
def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)


def value_of(dataset: Dataset, keyword: str, default: Any = None) -> Any:
    """Return ``dataset.get(keyword, default)``, several times faster where the attribute is missing."""
    tag = _tag(keyword)
    return dataset[tag].value if tag in dataset.keys() else default  # noqa: SIM118 (keys() alone is fast)


class _Text:
    """Read attributes of a data set as stripped text."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, keyword: str) -> str:
        value = value_of(self._dataset, keyword)
        return "" if value is None else str(value).strip()


def _patient_hash(dataset: Dataset) -> str:
    text = _Text(dataset)
    identity = "\x1f".join(
        text(keyword) for keyword in ("PatientID", "PatientName", "PatientBirthDate", "IssuerOfPatientID")
    )
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _raw_integer(dataset: Dataset, keyword: str) -> int | None:
    value = value_of(dataset, keyword)
    if isinstance(value, bytes):
        return int.from_bytes(value[:2], "little") if value else None
    return None if value is None or value == "" else int(value)


def _slice_distance(dataset: Dataset) -> float | None:
    """Return SpacingBetweenSlices of a classic image, or what the frames of a multi-frame one share."""
    shared = value_of(dataset, "SharedFunctionalGroupsSequence")
    measures = value_of(shared[0], "PixelMeasuresSequence") if shared else None
    return number_of(measures[0] if measures else dataset, "SpacingBetweenSlices")


def number_of(dataset: Dataset, keyword: str) -> float | None:
    """Return a number that only sorts or describes; None where it is missing, malformed or not finite."""
    try:
        value: Any = value_of(dataset, keyword)
        number = None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        return None
    return number if number is not None and np.isfinite(number) else None


def _many(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Many) and not isinstance(value, str) else [value]


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """Return ``count`` finite numbers, or None if the attribute does not hold them."""
    values = _many(value)
    if len(values) != count:
        return None
    result = tuple(float(number) for number in values)
    return result if np.all(np.isfinite(result)) else None


def unit_orientation(value: Any) -> tuple[float, ...] | None:
    """Return six direction cosines, normalized, or None if they do not span a plane at a right angle."""
    six = numbers(value, 6)
    if six is None:
        return None
    along_row: NDArray[np.float64] = np.array(six[:3])
    along_column: NDArray[np.float64] = np.array(six[3:])
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_column)
    if min(lengths) < 0.5:
        return None
    along_row, along_column = along_row / lengths[0], along_column / lengths[1]
    if abs(along_row @ along_column) > 0.02:
        return None
    return tuple(np.round(np.concatenate([along_row, along_column]), 12).tolist())
