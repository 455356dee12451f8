"""Run mutants in child processes with bounded memory and time, and count how they ended."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]  # for tests/factories.py

from tools.fuzz.readers import Outcome, Result, mutant, read_mutant  # noqa: E402
from tools.fuzz.seeds import seeds  # noqa: E402

MEMORY_BYTES = 3 * 2**30
"""Address space of a child; libraries alone map more than one GiB."""
SECONDS_EACH = 60.0
PATIENCE = 40.0
"""Extra seconds a child may take to start."""
FAULTS = (Outcome.FAULT, Outcome.ENDED, Outcome.HUNG)


@dataclass
class Report:
    """Count outcomes.

    Args:
        counts: Files per outcome.
        by_name: Files per seed.
        faults: Every file that ended in a fault.
        grown_mib: Largest growth of a child's peak memory over the one it had before its first file.
        slowest: Longest time of one file in seconds, wall clock.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    by_name: Counter[str] = field(default_factory=Counter)
    faults: list[Result] = field(default_factory=list)
    grown_mib: float = 0.0
    slowest: float = 0.0

    def add(self, result: Result) -> None:
        """Count one file."""
        self.counts[result.outcome] += 1
        self.by_name[result.name] += 1
        if result.outcome in FAULTS:
            self.faults.append(result)

    @property
    def total(self) -> int:
        """Return the number of files read."""
        return sum(self.counts.values())


def fuzz(
    count: int, *, first: int = 0, seed: int = 1, seconds: float = float("inf"), seconds_each: float = SECONDS_EACH
) -> Report:
    """Read ``count`` mutants; a child that dies or hangs costs one file and is started again behind it.

    Args:
        count: Mutants.
        first: Number of the first.
        seed: Of the run.
        seconds: Stop before the next file after this time.
        seconds_each: Longest time for one file before its child is ended.
    """
    report, number, end = Report(), first, time.monotonic() + seconds
    while number < first + count and time.monotonic() < end:
        number = _one_child(number, first + count, seed, end, seconds_each, report)
    return report


def _one_child(number: int, stop: int, seed: int, end: float, seconds_each: float, report: Report) -> int:
    """Let one child read from ``number`` on; return the number to go on with."""
    command = [sys.executable, "-m", "tools.fuzz.run", str(number), str(stop), str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY, text=True)
    hung = threading.Event()
    try:
        for line in _lines(process, seconds_each, hung):
            message = json.loads(line)
            report.grown_mib = max(report.grown_mib, message["grown_mib"])
            report.slowest = max(report.slowest, message["seconds"])
            report.add(Result(message["number"], message["name"], Outcome(message["outcome"]), message["detail"]))
            number = message["number"] + 1
            if time.monotonic() > end:
                return number
        if number < stop:
            name = "" if process.poll() is None else f"exit status {process.wait()}"
            report.add(Result(number, name, Outcome.HUNG if hung.is_set() else Outcome.ENDED))
            number += 1
    finally:
        process.kill()
        process.communicate()
    return number


def _lines(process: subprocess.Popen[str], seconds_each: float, hung: threading.Event) -> Iterator[str]:
    """Yield lines of a child; end it when none comes for too long."""

    def end() -> None:
        hung.set()
        process.kill()

    allowed = seconds_each + PATIENCE
    while True:
        timer = threading.Timer(allowed, end)
        timer.start()
        line = process.stdout.readline() if process.stdout else ""
        timer.cancel()
        if not line:
            return
        allowed = seconds_each
        yield line


def child(first: int, stop: int, seed: int, *, memory: int = MEMORY_BYTES) -> None:
    """Read mutants one after another and print one JSON line for each."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries that print must not write into the answers
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        valid = seeds(Path(folder))
        before = _peak_mib()
        for number in range(first, stop):
            name, content = mutant(number, seed, valid)
            begun = time.monotonic()
            result = read_mutant(number, name, content, Path(folder))
            facts = {"seconds": time.monotonic() - begun, "grown_mib": _peak_mib() - before}
            line = {"number": number, "name": name, "outcome": result.outcome, "detail": result.detail, **facts}
            print(json.dumps(line), file=answers, flush=True)


def _peak_mib() -> float:
    """Return the largest resident memory so far (ru_maxrss is in KiB on Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    child(*map(int, sys.argv[1:4]))
