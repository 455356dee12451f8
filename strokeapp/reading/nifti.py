"""Read NIfTI-1 and NIfTI-2 files, compressed or not, decompressing no more than the volumes asked for need.

Uncompressed voxels are viewed as they lie; packed files are inflated in a helper process.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from strokeapp.errors import CorruptFileError, GeometryError, LimitError, UnsupportedFileError
from strokeapp.reading.decoder_process import SHARED
from strokeapp.reading.limits import GIB, Limits
from strokeapp.reading.packed import Spans, is_packed
from strokeapp.types import UNKNOWN_ORIENTATION, Geometry, QualityFlag, Severity

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
MAX_OFFSET = 64 * 2**20
"""Bytes of extensions a header may claim before the voxels."""
MAX_FRAMES = 10**6
"""Volumes a header may claim."""
BLOCK_VOXELS = 2**18
"""Voxels looked at together where a whole volume need not be in memory."""
THICK = 1.5
"""An axis is the slice axis if its spacing is this many times that of both others."""
MM_OF_UNIT = {1: ("meters", 1000.0), 2: ("millimeters", 1.0), 3: ("micrometers", 0.001)}
"""Spatial part (3 bits) of xyzt_units: name and millimeters; 0 states none and is taken for millimeters."""
SECONDS_OF_UNIT = {8: 1.0, 16: 1e-3, 24: 1e-6}
"""Temporal part (bits 3 to 5) of xyzt_units: seconds; others are no time, or none is stated."""
Buffer = bytes | NDArray[np.uint8]
DAMAGED = "The NIfTI file is damaged or cut off. Copy it again from its source."


@dataclass(frozen=True)
class NiftiFacts:
    """Hold what a NIfTI header says.

    Args:
        path: On disk.
        label: Named as the user gave it.
        shape: (i, j, k) of one volume.
        frames: Volumes.
        dtype: Stored type; a structured type for colors.
        offset: Byte of the first voxel.
        slope: Scale, 1 where none is given.
        intercept: Added after scaling.
        geometry: LPS mm, slices along ``slice_axis``; rows and columns are the other axes in order (row, column).
        axes: (slice axis, row axis, column axis) of the stored array.
        text: Description and auxiliary text of the header, lower case.
        flags: Noticed in the header.
        interval_s: Seconds from volume to volume, or None where that is not said.
    """

    path: Path
    label: str
    shape: tuple[int, int, int]
    frames: int
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    geometry: Geometry
    axes: tuple[int, int, int]
    text: str
    flags: tuple[QualityFlag, ...]
    interval_s: float | None = None

    @property
    def color(self) -> bool:
        """Tell whether voxels are colors."""
        return self.dtype.names is not None

    @property
    def volume_bytes(self) -> int:
        """Return the bytes of one volume as stored."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def packed(self) -> bool:
        """Tell whether the file is compressed."""
        return is_packed(self.path)


def read_facts(path: Path, label: str, limits: Limits) -> NiftiFacts:
    """Read and check a NIfTI header.

    Raises:
        CorruptFileError: Damaged.
        GeometryError: Zero or negative spacing, or an affine that flattens space.
        LimitError: More voxels, or bytes of one volume, than allowed.
        UnsupportedFileError: Complex, 128-bit or otherwise unreadable voxel type, or no slices.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = _header(_head(path))
            affine, flags = _affine(header)
            slope, intercept = header.get_slope_inter()
            dtype = header.get_data_dtype()
    except CorruptFileError as error:
        raise CorruptFileError(DAMAGED, detail=error.detail) from error
    except (OSError, HeaderDataError, WrapStructError, ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(DAMAGED, detail=str(error)) from error
    shape, frames = _shape(header, limits)
    if dtype.kind not in "iuf" and dtype.names is None:
        raise UnsupportedFileError("The NIfTI file holds complex numbers. Save their magnitude and open that.")
    if dtype.kind == "f" and dtype.itemsize > 8:
        raise UnsupportedFileError("The NIfTI file holds numbers of 128 bits. Save it with 32 bits and open that.")
    if math.prod(shape) * dtype.itemsize > limits.volume_bytes:
        raise LimitError(
            f"A volume of the NIfTI file takes more than {limits.volume_bytes / GIB:.3g} GiB unpacked. "
            "Save it with fewer voxels, or with fewer bits for each."
        )
    axes = _axes(affine, shape)
    return NiftiFacts(
        path=path, label=label, shape=shape, frames=frames, dtype=dtype, offset=_offset(header),
        slope=1.0 if slope is None else float(slope), intercept=0.0 if intercept is None else float(intercept),
        geometry=_geometry(affine, shape, axes), axes=axes, text=_text(header), flags=tuple(flags),
        interval_s=_interval(header),
    )  # fmt: skip


def volumes(facts: NiftiFacts, numbers: Iterable[int] = (0,)) -> Generator[NDArray]:
    """Yield volumes as stored, without scaling, as (slices, rows, columns); views. Take all, or close it.

    Args:
        facts: Of the header.
        numbers: Ascending; the file is read once and no further than the last of them.

    Raises:
        CorruptFileError: Fewer voxels than the header says.
    """
    with closing(_pieces(facts, _spans(facts, numbers, facts.shape[2]))) as pieces:
        for piece in pieces:
            yield _planes(facts, piece).transpose(facts.axes)


def blocks(facts: NiftiFacts, numbers: Iterable[int] = (0,)) -> Generator[tuple[int, NDArray]]:
    """Yield (volume, some of its voxels as stored) until all of each volume was seen; never a whole one in memory.

    Arguments and errors are those of ``volumes``; take all, or close it.
    """
    count, numbers = max(1, BLOCK_VOXELS // (facts.shape[0] * facts.shape[1])), tuple(numbers)
    parts = range(0, facts.shape[2], count)
    with closing(_pieces(facts, _spans(facts, numbers, count))) as pieces:
        for place, piece in enumerate(pieces):
            yield numbers[place // len(parts)], _planes(facts, piece)


def one_slice(facts: NiftiFacts, number: int, index: int) -> NDArray:
    """Return one slice of one volume, (rows, columns) as in ``volumes``, without the volume in memory.

    Raises:
        CorruptFileError: Fewer voxels than the header says.
    """
    axis = facts.axes[0]
    if axis == 2:
        spans = _spans(facts, (number,), 1)
        start = spans.starts[0] + index * spans.step
        with closing(_pieces(facts, Spans((start,), spans.step, spans.step))) as pieces:
            return _planes(facts, next(pieces))[:, :, 0]
    with closing(blocks(facts, (number,))) as parts:
        return np.concatenate([block.take(index, axis) for _, block in parts], axis=-1)


def _spans(facts: NiftiFacts, numbers: Iterable[int], planes: int) -> Spans:
    """Return where volumes lie, in pieces of so many planes (i, j)."""
    starts = tuple(facts.offset + number * facts.volume_bytes for number in numbers)
    return Spans(starts, facts.volume_bytes, planes * (facts.volume_bytes // facts.shape[2]))


def _pieces(facts: NiftiFacts, spans: Spans) -> Generator[Buffer]:
    """Yield the pieces of spans; a packed file is inflated in a helper, which is engaged until the last or ``close``.

    Raises:
        CorruptFileError: The file ends before the spans do, or is damaged.
    """
    label = facts.label
    try:
        if facts.packed:
            with closing(SHARED.packed_spans(facts.path, spans)) as pieces:
                yield from pieces
        else:
            yield from _lying(facts.path, spans)
    except CorruptFileError as error:
        raise CorruptFileError(f"{label}: {DAMAGED}", detail=error.detail, code=error.code) from error
    except OSError as error:
        raise CorruptFileError(f"{label}: {DAMAGED}", detail=str(error)) from error


def _lying(path: Path, spans: Spans) -> Generator[bytes]:
    """Yield the pieces of spans of an uncompressed file; one too short is refused before memory is taken for it."""
    with path.open("rb") as file:
        for start in spans.starts:
            if path.stat().st_size < start + spans.length:
                raise CorruptFileError(DAMAGED, code="truncated")
            file.seek(start)
            for size in Spans((start,), spans.length, spans.step).sizes():
                yield file.read(size)


def _planes(facts: NiftiFacts, piece: Buffer) -> NDArray:
    """View bytes as planes (i, j, count) of a volume."""
    return np.frombuffer(piece, facts.dtype).reshape((*facts.shape[:2], -1), order="F")


def _head(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked: as many as the longer of the two headers has."""
    count = Nifti2Header.template_dtype.itemsize
    if is_packed(path):
        return SHARED.packed_head(path, count)
    with path.open("rb") as file:
        return file.read(count)


def _header(head: bytes) -> Nifti1Header:
    """Parse the header itself; extensions behind it, which hold other programs' notes, are not looked at."""
    size = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    kind = Nifti2Header if 540 in size else Nifti1Header
    return kind(head[: kind.template_dtype.itemsize], check=False)


def _offset(header: Nifti1Header) -> int:
    stated = float(header["vox_offset"]) or header.single_vox_offset
    if not header.single_vox_offset <= stated <= MAX_OFFSET:  # not a number fails too
        raise CorruptFileError(DAMAGED, detail=f"voxels at byte {stated}")
    return int(stated)


def _shape(header: Nifti1Header, limits: Limits) -> tuple[tuple[int, int, int], int]:
    """Return the shape of one volume and the number of volumes."""
    dim = [int(number) for number in header["dim"]]
    if not 2 <= dim[0] <= 7 or any(number < 1 for number in dim[1 : dim[0] + 1]):
        raise CorruptFileError(DAMAGED, detail=f"dim {dim}")
    sizes = [*dim[1 : dim[0] + 1], 1][: max(3, dim[0])]
    shape = (sizes[0], sizes[1], sizes[2])
    if math.prod(shape) > limits.voxels:
        raise LimitError("The NIfTI file has more voxels than this program opens at once. Give a smaller image.")
    frames = math.prod(sizes[3:])
    if frames > MAX_FRAMES:
        raise LimitError("The NIfTI file claims more volumes than this program lists. Give those to be read alone.")
    return shape, frames


def _interval(header: Nifti1Header) -> float | None:
    """Return the seconds from volume to volume, where time is the one axis beside space and its unit is stated."""
    unit = SECONDS_OF_UNIT.get(int(header["xyzt_units"]) & 0b111000)
    interval = float(header["pixdim"][4])
    if unit is None or int(header["dim"][0]) != 4 or not (math.isfinite(interval) and interval > 0):
        return None
    return interval * unit


def _affine(header: Nifti1Header) -> tuple[NDArray[np.float64], list[QualityFlag]]:
    """Return the affine from voxel to LPS mm: sform before qform, as the standard prefers, in the stated unit."""
    dimensions = min(max(int(header["dim"][0]), 2), 3)
    spacing = np.array(header["pixdim"][1 : dimensions + 1], dtype=np.float64)
    if not np.all(np.isfinite(spacing)) or np.any(spacing <= 0):
        raise GeometryError("The file states a voxel spacing of zero, less or none. Convert the images again.")
    flags: list[QualityFlag] = []
    unit, millimeters = MM_OF_UNIT.get(int(header["xyzt_units"]) & 7, MM_OF_UNIT[2])
    to_mm = np.diag([millimeters, millimeters, millimeters, 1.0])
    if millimeters != 1.0:
        message = f"The file states lengths in {unit}; they were turned into millimeters."
        flags.append(QualityFlag("spatial_unit", Severity.WARNING, message))
    sform, qform = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    if sform and qform and not _agree(header.get_sform(), header.get_qform(), to_mm):
        message = "The two orientations stated in the file (sform and qform) disagree; sform was used."
        flags.append(QualityFlag("orientations_disagree", Severity.WARNING, message))
    if not (sform or qform):
        message = "The file does not state its orientation; left and right may be exchanged."
        flags.append(QualityFlag(UNKNOWN_ORIENTATION, Severity.WARNING, message))
    affine = RAS_TO_LPS @ to_mm @ np.asarray(header.get_best_affine(), dtype=np.float64)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.all(np.isfinite(affine)) or lengths.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 0.1:
        raise GeometryError("The orientation stated in the file flattens space. Convert the images again.")
    return affine, flags


def _agree(sform: NDArray, qform: NDArray, to_mm: NDArray[np.float64]) -> bool:
    """Tell whether two affines turn and scale alike, to a twentieth of a millimeter per voxel."""
    return np.allclose((to_mm @ sform)[:3, :3], (to_mm @ qform)[:3, :3], atol=0.05)


def _axes(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Choose (slice, row, column) axes: the single flat axis, else the clearly thickest, else the one nearest z."""
    steps = affine[:3, :3]
    spacing = np.linalg.norm(steps, axis=0)
    flat = [axis for axis in range(3) if shape[axis] == 1]
    thickest = int(np.argmax(spacing))
    if len(flat) == 1:
        axis = flat[0]
    elif spacing[thickest] > THICK * np.sort(spacing)[1]:
        axis = thickest
    else:
        axis = int(np.argmax(np.abs(steps[2]) / spacing))
    row, column = (other for other in range(3) if other != axis)
    return axis, row, column


def _geometry(affine: NDArray[np.float64], shape: tuple[int, int, int], axes: tuple[int, int, int]) -> Geometry:
    slices, row, column = axes
    origins = affine[:3, 3] + np.arange(shape[slices])[:, None] * affine[:3, slices]
    return Geometry(origins, affine[:3, row].copy(), affine[:3, column].copy())


def _text(header: Nifti1Header) -> str:
    parts = (bytes(header[name].item() or b"") for name in ("descrip", "aux_file", "intent_name"))
    return " ".join(part.decode("latin-1").strip("\0 ") for part in parts).lower()
