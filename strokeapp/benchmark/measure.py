"""Measure one reader on one folder in a process of its own: best time, and memory above what it had before."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from strokeapp.benchmark.readers import READERS


@dataclass(frozen=True)
class Measurement:
    """Hold what was measured.

    Args:
        seconds: Best wall clock of all repeats.
        cpu_seconds: Least processor time of all repeats, helper processes that have ended included.
        peak_bytes: Largest resident memory above that before the first repeat; of helpers too.
        total: Sum of all voxels above the smallest, the same for readers that agree up to flips and a constant.
        failed: Why there is no measurement, or empty.
    """

    seconds: float = float("nan")
    cpu_seconds: float = float("nan")
    peak_bytes: int = 0
    total: int = 0
    failed: str = ""


def measure(reader: str, folder: Path, warm_up: Path, *, repeats: int = 3, timeout: float = 600) -> Measurement:
    """Measure in a fresh process.

    Args:
        reader: A key of ``READERS``.
        folder: One series.
        warm_up: A small series of the same kind, read first so that imports are not measured.
        repeats: Times the folder is read.
        timeout: Seconds for the whole process.
    """
    command = [sys.executable, "-m", "strokeapp.benchmark.measure", reader, str(folder), str(warm_up), str(repeats)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Measurement(failed=f"more than {timeout:.0f} s")
    if done.returncode:
        return Measurement(failed=(done.stderr.strip().splitlines() or ["ended"])[-1][:80])
    return Measurement(**json.loads(done.stdout.strip().splitlines()[-1]))


def _cpu() -> float:
    """Return the processor seconds of this process, of children that have ended, and of those alive."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_helper_seconds, _helpers()))


def _helpers() -> list[int]:
    """Return child processes that are alive (Linux)."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in children.read_text().split()]


def _helper_seconds(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _memory(field: str, pid: int | str = "self") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def _all_memory(field: str) -> int:
    return _memory(field) + sum(_memory(field, pid) for pid in _helpers())


def _reset_peak() -> None:
    for pid in ("self", *_helpers()):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def measured_here(reader: str, folder: Path, warm_up: Path, repeats: int) -> Measurement:
    """Measure in this process."""
    read = READERS[reader].read
    read(warm_up)
    before, ended = _all_memory("VmRSS"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    _reset_peak()
    wall, cpu, total = [], [], 0
    for number in range(repeats):
        begun, spent = time.perf_counter(), _cpu()
        voxels = read(folder)
        wall.append(time.perf_counter() - begun)
        cpu.append(_cpu() - spent)
        if number == 0:  # later repeats find memory that is already there
            peak = _all_memory("VmHWM") - before
            child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            peak = max(peak, child * 1024) if child > ended else peak
            total = int(voxels.sum(dtype=np.int64)) - int(voxels.min()) * voxels.size
        del voxels
    return Measurement(min(wall), min(cpu), peak, total)


if __name__ == "__main__":
    print(json.dumps(asdict(measured_here(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))))
