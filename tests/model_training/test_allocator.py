"""Freed memory stays in the process: large tensors that come and go are not cleared by the system each time."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
import torch
from model_training.allocator import keep_freed_memory

if {keep}:
    assert keep_freed_memory()
for _ in range(80):
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, keep: bool) -> int:
    run = subprocess.run([sys.executable, "-c", COUNT_FAULTS.format(keep=keep)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt")
def test_memory_that_was_freed_is_used_again_without_page_faults():
    without, with_kept = faults(keep=False), faults(keep=True)
    assert without > 100  # 20 × 40 MB from the system, in pages of 4 kB or 2 MB
    assert with_kept < without / 10
