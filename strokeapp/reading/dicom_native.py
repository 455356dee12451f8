"""Read frames that lie in a file as plain little-endian numbers, without parsing the file again."""

from __future__ import annotations

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
        with path.open("rb", buffering=0) as file:
            file.seek(self.offset + index * image.nbytes)
            if file.readinto(memoryview(image).cast("B")) != image.nbytes:
                raise EOFError("the pixels end before the frame does")
        return image
