"""Keep packed arrays between reruns of one session, so that a rerun compresses nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")


@dataclass
class _Entry(Generic[T]):
    array: NDArray
    value: T


@dataclass
class RunCache(Generic[T]):
    """Remember what was derived from arrays in the last run, and nothing older.

    Arrays are recognized by identity and kept alive while they are remembered, so an identity cannot be
    reused by another array. They must not be written to: voxels of a scan are read-only.
    """

    _last: dict[Hashable, _Entry[T]] = field(default_factory=dict)
    _now: dict[Hashable, _Entry[T]] = field(default_factory=dict)

    def get(self, array: NDArray, make: Callable[[NDArray], T]) -> T:
        """Return what ``make`` derives from the array, calling it only if the last run did not."""
        entry = self._last.get(id(array)) or self._now.get(id(array))
        if entry is None:
            entry = _Entry(array, make(array))
        self._now[id(array)] = entry
        return entry.value

    def finish_run(self) -> None:
        """Forget every array that was not asked for since the last call."""
        self._last, self._now = self._now, {}

    def __len__(self) -> int:
        return len(self._last | self._now)
