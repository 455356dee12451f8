"""Read frames that lie in a file as plain little-endian numbers, without parsing the file again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class NativePixels:
    """Say where uncompressed gray pixels lie.

    Args:
        offset: Byte of the first pixel of the first frame.
        rows, columns: Of a frame as stored (of a whole mosaic, not of a tile).
        dtype: Of a pixel.
    """

    offset: int
    rows: int
    columns: int
    dtype: np.dtype

    def frame(self, path: Path, index: int) -> NDArray:
        """Return stored values of one frame, (rows, columns); its memory belongs to the caller.

        Raises:
            EOFError: The file has become shorter since its header was read.
            OSError: It cannot be read.
        """
        image = np.empty((self.rows, self.columns), self.dtype)
        self.read_into(image, path, index)
        return image

    def read_into(self, image: NDArray, path: Path, index: int, file: int | None = None) -> None:
        """Read stored values of one frame into an array of its shape and type; errors as of ``frame``.

        Args:
            image: (rows, columns), contiguous.
            path: The file.
            index: Frame in the file.
            file: Descriptor of the file where the caller has it open.
        """
        if file is None:
            file = os.open(path, os.O_RDONLY)
            try:
                self.read_into(image, path, index, file)
            finally:
                os.close(file)
        elif os.preadv(file, [memoryview(image).cast("B")], self.offset + index * image.nbytes) != image.nbytes:
            raise EOFError("the pixels end before the frame does")
