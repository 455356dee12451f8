"""Fuzz every reader: python tools/fuzz_readers.py [--count N] [--seconds S] [--seed K]; exit status 1 on a fault."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.fuzz.run import MEMORY_BYTES, SECONDS_EACH, fuzz

SHOWN = 20
LONG_RUN = 100_000


def main(arguments: list[str] | None = None) -> int:
    """Run and print the report."""
    parser = argparse.ArgumentParser(description="Mutate valid files and read them; only typed errors may come out.")
    parser.add_argument("--count", type=int, default=LONG_RUN, help="mutated files (default 100,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first, to go on with a run")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    begun = time.monotonic()
    report = fuzz(args.count, first=args.first, seed=args.seed, seconds=args.seconds)
    print(f"{report.total:,} of {args.count:,} mutated files in {time.monotonic() - begun:.0f} s, seed {args.seed}")
    print(", ".join(f"{outcome}: {number:,}" for outcome, number in report.counts.most_common()))
    print(f"memory grew by at most {report.grown_mib:.0f} MiB (address space limited to {MEMORY_BYTES // 2**20} MiB)")
    print(f"slowest file {report.slowest:.1f} s (ended after {SECONDS_EACH:.0f} s)")
    for result in report.faults[:SHOWN]:
        print(f"\n#{result.number} {result.name}: {result.outcome}\n{result.detail}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
