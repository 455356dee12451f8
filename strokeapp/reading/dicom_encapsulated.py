"""Decode a compressed frame where it lies in a file, without parsing the header again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import get_decoder
from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1

LOSSLESS = (str(JPEGLossless), str(JPEGLosslessSV1))
"""Transfer syntaxes for which GDCM is the only decoder, so that asking it itself gives pydicom's values."""


@dataclass(frozen=True, slots=True)
class EncapsulatedPixels:
    """Say where and how gray pixels are compressed.

    Args:
        offset: Byte of the first item of the pixel data, which is the offset table.
        length: Bytes from there to the end of the sequence delimiter.
        syntax: Transfer syntax.
        rows, columns, frames: As the header says.
        bits_allocated, bits_stored: Of a pixel.
        signed: Pixel representation.
        photometric: MONOCHROME1 or MONOCHROME2.
    """

    offset: int
    length: int
    syntax: str
    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str

    def decode(self, path: Path, index: int) -> NDArray:
        """Return stored values of one frame, (rows, columns).

        Raises:
            Exception: Whatever pydicom and its decoders raise on damaged data.
        """
        if self.syntax in LOSSLESS and self.frames == 1 and self.bits_allocated == 16:
            return self._lossless(path)
        with path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            encoded = file.read(self.length)
        image, _ = get_decoder(UID(self.syntax)).as_array(
            encoded, index=index, rows=self.rows, columns=self.columns, number_of_frames=self.frames,
            samples_per_pixel=1, bits_allocated=self.bits_allocated, bits_stored=self.bits_stored,
            pixel_representation=int(self.signed), photometric_interpretation=self.photometric,
            pixel_keyword="PixelData",
        )  # fmt: skip
        return image

    def _lossless(self, path: Path) -> NDArray:
        """Let GDCM decode into an array: its other entry hands pixels over as text, which takes a third of the time."""
        import gdcm

        reader = gdcm.ImageRegionReader()
        reader.SetFileName(str(path))
        if not reader.ReadInformation():
            raise ValueError("GDCM cannot read the header")
        box = gdcm.BoxRegion()
        box.SetDomain(0, self.columns - 1, 0, self.rows - 1, 0, 0)
        reader.SetRegion(box)
        values = bytearray(2 * self.rows * self.columns)
        if reader.ComputeBufferLength() != len(values) or not reader.ReadIntoBuffer(values):
            raise ValueError("GDCM cannot decode the image")
        image = np.frombuffer(values, "<i2" if self.signed else "<u2").reshape(self.rows, self.columns)
        if self.bits_stored < 16:
            unused = 16 - self.bits_stored
            image <<= unused
            image >>= unused
        return image
