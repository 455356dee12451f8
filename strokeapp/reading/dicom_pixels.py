"""Decode DICOM frames into the values a scan holds."""

from __future__ import annotations

import os
from enum import Enum, auto
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import CorruptFileError
from strokeapp.reading.decoder_process import SHARED
from strokeapp.reading.dicom_facts import FileFacts, FrameFacts
from strokeapp.reading.dicom_headers import PARSE_ERRORS
from strokeapp.types import Units

AIR_HU = -1024
LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 weights of red, green and blue."""


class Measure(Enum):
    """How stored values become voxel values."""

    HU = auto()
    """Rescaled, padding as air, nothing below -1024."""
    INTEGER = auto()
    """Stored values as they are, padding as background, int16."""
    FLOAT = auto()
    """Rescaled, padding as background, float32."""
    GRAY = auto()
    """Colors to luminance, 8-bit values as they are, uint8."""

    @property
    def dtype(self) -> type[np.generic]:
        """Return the type of the voxels."""
        return {Measure.HU: np.int16, Measure.INTEGER: np.int16, Measure.FLOAT: np.float32, Measure.GRAY: np.uint8}[
            self
        ]

    @property
    def units(self) -> Units:
        """Return what the voxels measure."""
        return {Measure.HU: Units.HU, Measure.GRAY: Units.GRAY}.get(self, Units.ARBITRARY)


class FrameReader:
    """Read frames: plain ones as they lie in their file, all others through a helper process that decodes them."""

    def __init__(self) -> None:
        self._mosaic: tuple[Path, int, NDArray] | None = None
        self._scratch: NDArray = np.empty((0, 0), np.uint16)
        self._keeps = False
        self._open: tuple[Path, int] | None = None

    def stored(self, file: FileFacts, frame: FrameFacts) -> NDArray:
        """Return stored values, (rows, columns) or (rows, columns, samples).

        Raises:
            CorruptFileError: The pixels cannot be decoded; the message names the file.
        """
        try:
            image = self._decoded(file, frame)
        except (*PARSE_ERRORS, RuntimeError, CorruptFileError) as error:
            raise _undecodable(file, error) from error
        if image.shape[:2] != (file.rows, file.columns):
            raise _other_size(file)
        return image

    def _decoded(self, file: FileFacts, frame: FrameFacts) -> NDArray:
        """Decode a frame, or cut a tile of it; the last mosaic is kept, for its tiles are asked for one by one."""
        if frame.tile is None:
            return self._whole(file, frame.index)
        if self._mosaic is None or self._mosaic[:2] != (file.path, frame.index):
            self._mosaic = (file.path, frame.index, self._whole(file, frame.index))
        return frame.tile.cut(self._mosaic[2])

    def _whole(self, file: FileFacts, index: int) -> NDArray:
        if file.native is not None:
            return file.native.frame(file.path, index)
        return SHARED.decode(file.path, index, file.encapsulated)

    def __enter__(self) -> Self:
        """Keep files of several frames open from one frame to the next; they are closed at the end."""
        self._keeps = True
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self._keeps = False
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _descriptor(self, file: FileFacts) -> int | None:
        if not self._keeps or len(file.frames) < 2:
            return None
        if self._open is None or self._open[0] != file.path:
            self._close()
            self._open = (file.path, os.open(file.path, os.O_RDONLY))
        return self._open[1]

    def measure_into(self, values: NDArray, file: FileFacts, frame: FrameFacts, measure: Measure) -> None:
        """Write one frame into an array (rows, columns) of the type of ``measure``; errors as of ``stored``."""
        image = self._borrowed(values, file, frame)
        if not _whole_numbers_into(values, image, file, frame, measure):
            values[...] = self._measured(image, file, frame, measure)

    def _decompressed(self, file: FileFacts, frame: FrameFacts) -> NDArray:
        """Return stored values of a compressed frame in memory that the next one overwrites."""
        try:
            self._scratch = SHARED.decode(file.path, frame.index, file.encapsulated, reuse=self._scratch)
        except CorruptFileError as error:
            raise _undecodable(file, error) from error
        if self._scratch.shape != (file.rows, file.columns):
            raise _other_size(file)
        return self._scratch

    def _borrowed(self, values: NDArray, file: FileFacts, frame: FrameFacts) -> NDArray:
        """Return stored values, in the memory of ``values`` itself or in one that the next frame overwrites."""
        native = file.native
        if file.encapsulated is not None and frame.tile is None:
            return self._decompressed(file, frame)
        if native is None or frame.tile is not None or (native.rows, native.columns) != (file.rows, file.columns):
            return self.stored(file, frame)
        if values.flags.c_contiguous and values.itemsize == native.dtype.itemsize:
            image = values.view(native.dtype)
        else:
            if self._scratch.shape != values.shape or self._scratch.dtype != native.dtype:
                self._scratch = np.empty(values.shape, native.dtype)
            image = self._scratch
        try:
            native.read_into(image, file.path, frame.index, self._descriptor(file))
        except (EOFError, OSError) as error:
            raise _undecodable(file, error) from error
        return image

    def measured(self, file: FileFacts, frame: FrameFacts, measure: Measure) -> NDArray:
        """Return one frame (rows, columns) in the values of ``measure``; errors as of ``stored``."""
        return self._measured(self.stored(file, frame), file, frame, measure)

    def _measured(self, image: NDArray, file: FileFacts, frame: FrameFacts, measure: Measure) -> NDArray:
        if measure is Measure.GRAY:
            return _gray(image, file)
        padding = _padding_mask(image, file)
        image = _without_unused_bits(image, file, padding)
        if measure is not Measure.HU and file.photometric == "MONOCHROME1":
            image = _inverted(image, file)
        if measure is Measure.HU:
            return _hounsfield(image, frame, padding)
        if measure is Measure.INTEGER:
            return _with_background(image.astype(np.int16), padding)
        values = image.astype(np.float32)
        values *= np.float32(frame.slope)
        values += np.float32(frame.intercept)
        return _with_background(values, padding)


def _undecodable(file: FileFacts, error: Exception) -> CorruptFileError:
    detail = error.detail if isinstance(error, CorruptFileError) else f"{type(error).__name__}: {error}"
    return CorruptFileError(
        f"{file.label}: the image cannot be decoded; it is damaged or compressed in an unknown way. "
        "Export it again, uncompressed.",
        detail=detail,
    )


def _other_size(file: FileFacts) -> CorruptFileError:
    return CorruptFileError(f"{file.label}: the image has another size than its header says. Export it again.")


def _whole_numbers_into(values: NDArray, image: NDArray, file: FileFacts, frame: FrameFacts, measure: Measure) -> bool:
    """Write the common case in one pass: 16-bit values to which a whole number is added, and nothing to mend.

    Returns:
        Whether it was that case; ``values`` is untouched otherwise.
    """
    shift = _whole_shift(file, frame, measure)
    plain = image.dtype.kind in "iu" and image.dtype.itemsize == 2 and image.dtype.isnative and image.size > 0
    if shift is None or not plain:
        return False
    low, high = int(image.min()), int(image.max())
    first, last = _stored_range(file)
    if low < first or high > last or low + shift < -(2**15) or high + shift >= 2**15:
        return False
    padding = _padding_mask(image, file)
    if padding is not None and measure is Measure.INTEGER and padding.any():
        return False
    # Both ends fit, so sums that wrap around on the way come out right.
    if shift or not np.may_share_memory(image, values):
        np.add(image.view(np.int16), np.array(shift).astype(np.int16), out=values)
    if measure is Measure.HU:
        if low + shift < AIR_HU:
            np.maximum(values, AIR_HU, out=values)
        if padding is not None:
            values[padding] = AIR_HU
    return True


def _whole_shift(file: FileFacts, frame: FrameFacts, measure: Measure) -> int | None:
    """Return the whole number that makes stored values those of the measure, None where more has to be done."""
    if measure is Measure.INTEGER:
        return None if file.photometric == "MONOCHROME1" else 0
    if measure is Measure.HU and frame.slope == 1 and float(frame.intercept).is_integer():
        return int(frame.intercept)
    return None


def _hounsfield(image: NDArray, frame: FrameFacts, padding: NDArray[np.bool_] | None) -> NDArray[np.int16]:
    """Rescale to whole Hounsfield units; whole numbers stay whole numbers, which is exact and faster."""
    if frame.slope == 1 and float(frame.intercept).is_integer() and image.dtype.kind in "iu" and image.itemsize <= 2:
        values = image.astype(np.int32)
        values += np.int32(np.clip(frame.intercept, -(2**30), 2**30))
    else:
        values = np.rint(image.astype(np.float32) * np.float32(frame.slope) + np.float32(frame.intercept))
    if padding is not None:
        values[padding] = AIR_HU
    # Below air is only padding of the field of view; above int16 only damage.
    return np.clip(values, AIR_HU, np.iinfo(np.int16).max, out=values).astype(np.int16)


def _with_background(values: NDArray, padding: NDArray[np.bool_] | None) -> NDArray:
    """Set padding to no signal: 0, or the lowest of the other values where they go below; padding of 0 stays."""
    if padding is not None and (values[padding] != 0).any():
        values[padding] = min(0, values.min(where=~padding, initial=0))
    return values


def _padding_mask(image: NDArray, file: FileFacts) -> NDArray[np.bool_] | None:
    """Mark padded pixels, None without padding; the tag may be written signed or unsigned, so bits are compared."""
    if file.padding is None or image.dtype.kind not in "iu":
        return None
    bits = 8 * image.dtype.itemsize
    unsigned = image.view(f"u{image.dtype.itemsize}")
    value = file.padding % 2**bits
    mask = unsigned == value
    if file.padding_limit is not None:
        low, high = sorted((_signed(file.padding, file, bits), _signed(file.padding_limit, file, bits)))
        mask |= (image >= low) & (image <= high)
    return mask


def _signed(value: int, file: FileFacts, bits: int) -> int:
    value %= 2**bits
    return value - 2**bits if file.signed and value >= 2 ** (bits - 1) else value


def _without_unused_bits(image: NDArray, file: FileFacts, padding: NDArray[np.bool_] | None) -> NDArray:
    """Drop bits above BitsStored (old overlays lie there), unless values stay inside the stored range anyway."""
    bits = file.bits_stored
    if image.dtype.kind not in "iu" or bits >= 8 * image.dtype.itemsize:
        return image
    low, high = _stored_range(file)
    if image.size and low <= image.min() and image.max() <= high:
        return image
    padding = np.zeros(image.shape, bool) if padding is None else padding
    if not (((image < low) | (image > high)) & ~padding).any():
        return image
    kept = image.view(f"u{image.dtype.itemsize}").astype(np.int64) & (2**bits - 1)
    if file.signed:
        kept = np.where(kept >= 2 ** (bits - 1), kept - 2**bits, kept)
    return np.where(padding, image, kept)


def _stored_range(file: FileFacts) -> tuple[int, int]:
    bits = file.bits_stored
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if file.signed else (0, 2**bits - 1)


def _inverted(image: NDArray, file: FileFacts) -> NDArray:
    low, high = _stored_range(file)
    return (low + high) - image.astype(np.int64)


def _gray(image: NDArray, file: FileFacts) -> NDArray[np.uint8]:
    """Return luminance in 8 bits; palette indices and 16-bit values are stretched to the range they use."""
    values = image[..., :3] @ LUMA if image.ndim == 3 else image.astype(np.float64)
    if image.dtype != np.uint8:
        low, high = values.min(), values.max()
        values = (values - low) * (255.0 / max(high - low, 1e-9))
    if file.photometric == "MONOCHROME1":
        values = 255.0 - values
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
