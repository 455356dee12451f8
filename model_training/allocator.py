"""Keep what training frees in the process, so that the next step does not fetch it from the system again."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h of glibc


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory; return whether it could.

    Every tensor of a training step is large enough that glibc maps it from the system and gives it back when it is
    freed: each step then pays for clearing the same gigabytes page by page. A training reuses all of it, so nothing is
    gained by giving it back. Source: mallopt(3). Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
