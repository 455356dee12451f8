"""Hand a volume to the browser in blocks of slices, the ones on show first.

The browser draws when the first block is there; packing, sending and unpacking of the others go on side by side.
The blocks and their names follow from the voxels alone, so that a volume that is shown again is not sent again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strokeapp.errors import LimitError
from strokeapp.ui.viewer.packing import Blob, pack_array
from strokeapp.ui.viewer.storage import NO_VALUE, storage_of

BLOCK_VOXELS = 1 << 22
"""Voxels of one block at most, unless one slice has more: 16 slices of 512 × 512."""
MAX_VOLUME_BYTES = 1 << 30
"""Unpacked; a tab holds all of them."""


class PackedVolume:
    """Pack a volume block by block, each once, when it is first asked for.

    Args:
        voxels: (slices, rows, columns), any real dtype; must stay unwritten.
        first_slice: The block with this slice comes first, its neighbors next.
        block_voxels: Voxels of one block at most, unless one slice has more.
        max_bytes: Largest volume as the browser stores it.

    Raises:
        StrokeAppError: As ``storage_of``; ``LimitError`` if the volume is too large.
    """

    def __init__(
        self,
        voxels: NDArray,
        *,
        first_slice: int = 0,
        block_voxels: int = BLOCK_VOXELS,
        max_bytes: int = MAX_VOLUME_BYTES,
    ) -> None:
        self._voxels, self._storage = voxels, storage_of(voxels)
        if voxels.size * self._storage.dtype.itemsize > max_bytes:
            raise LimitError(
                "This series is too large for the viewer. Open a series with fewer or smaller slices.",
                detail=f"{voxels.shape} {self._storage.dtype.name}, at most {max_bytes} bytes",
            )
        per_block = max(1, block_voxels // (voxels.shape[1] * voxels.shape[2]))
        starts = range(0, len(voxels), per_block)
        self._blocks = [slice(start, min(start + per_block, len(voxels))) for start in starts]
        middle = first_slice // per_block
        self._order = sorted(range(len(starts)), key=lambda index: (abs(index - middle), index))
        self._packed: dict[int, Blob] = {}
        self.id = self._name()

    def _name(self) -> str:
        # Content, not position in memory, names a volume: two scans can never be taken for each other.
        storage = self._storage
        digest = hashlib.sha256(repr((self._voxels.shape, self._voxels.dtype.str, storage)).encode())
        with ThreadPoolExecutor(_threads()) as pool:
            for part in pool.map(self._digest, self._blocks):
                digest.update(part)
        return digest.hexdigest()[:32]

    def _digest(self, block: slice) -> bytes:
        return hashlib.sha256(np.ascontiguousarray(self._voxels[block])).digest()

    def describe(self) -> Mapping[str, Any]:
        """Return what the browser must know before the first block: shape, storage, and the blocks as they come."""
        storage = self._storage
        return {
            "id": self.id,
            "dtype": storage.dtype.name,
            "shape": list(self._voxels.shape),
            "scale": storage.scale,
            "offset": storage.offset,
            "noValue": NO_VALUE if storage.has_gaps else None,
            "blocks": [{"id": self._block_name(index), "start": self._blocks[index].start} for index in self._order],
        }

    def _block_name(self, index: int) -> str:
        return f"{self.id}-{len(self._blocks)}-{index}"

    def blocks(self) -> Iterator[Blob]:
        """Yield the blocks in the order of ``describe``; the next ones are being packed meanwhile.

        Raises:
            LimitError: If one slice is too large to send.
        """
        missing = [index for index in self._order if index not in self._packed]
        pool = ThreadPoolExecutor(_threads()) if missing else None
        try:
            futures = {index: pool.submit(self._pack, index) for index in missing}
            for index in self._order:
                yield self._wait(index, futures)
        finally:
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def _wait(self, index: int, futures: Mapping[int, Future[Blob]]) -> Blob:
        if index in futures:
            self._packed[index] = futures[index].result()
        return self._packed[index]

    def _pack(self, index: int) -> Blob:
        values = self._storage.store(self._voxels[self._blocks[index]])
        return pack_array(values, name=self._block_name(index))


def _threads() -> int:
    # zlib and hashing run outside the interpreter's lock.
    return min(4, os.cpu_count() or 1)
