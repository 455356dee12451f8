"""Run the benchmark and print a table per set of files."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strokeapp.benchmark import whole_way
from strokeapp.benchmark.files import CASES, WARM_UP, Case
from strokeapp.benchmark.measure import Measurement, measure
from strokeapp.benchmark.readers import READERS

OURS = "strokeapp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="all unless given")
    parser.add_argument("--repeats", type=int, default=3, help="each reader reads each case so often; the best counts")
    parser.add_argument("--whole-way", action="store_true", help="from bytes to a reading, beside a plain PyTorch loop")
    parser.add_argument("--explanations", action="store_true", help="explanations of a CT, beside plain loops")
    parser.add_argument("--size", type=int, help="with --whole-way: side of the network's input instead of its own")


def run(args: argparse.Namespace) -> int:
    """Measure every reader on every case, the whole way to a reading, or explanations."""
    if args.explanations:
        from strokeapp.benchmark import explanations  # Captum takes seconds to import

        explanations.run(repeats=args.repeats)
        return 0
    if args.whole_way:
        whole_way.run(size=args.size, repeats=args.repeats)
        return 0
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; best of {args.repeats}\n", flush=True)
    chosen = [case for case in CASES if not args.case or case.name in args.case]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as root:
        warm = [_written(case, Path(root))[0] for case in WARM_UP]
        for case in chosen:
            folder, volume = _written(case, Path(root))
            print(_table(case, folder, warm["JPEG" in case.text], volume, args.repeats), flush=True)
    return 0


def _written(case: Case, root: Path) -> tuple[Path, NDArray[np.int16]]:
    folder, volume = root / case.name, case.volume()
    folder.mkdir()
    case.write(folder, volume)
    return folder, volume


def _table(case: Case, folder: Path, warm_up: Path, volume: NDArray[np.int16], repeats: int) -> str:
    truth = int(volume.sum(dtype=np.int64)) - int(volume.min()) * volume.size
    lines = [
        f"### {case.text}\n",
        "| reader | wall s | CPU s | times ours (CPU) | peak memory / volume | same voxels |",
        "|---|---|---|---|---|---|",
    ]
    ours: Measurement | None = None
    for name, reader in READERS.items():
        if not reader.installed:
            lines.append(f"| {name} | not installed | | | | |")
            continue
        found = measure(name, folder, warm_up, repeats=repeats)
        ours = found if name == OURS else ours
        lines.append(_row(name, found, ours or found, volume.nbytes, truth))
    return "\n".join(lines) + "\n"


def _row(name: str, found: Measurement, ours: Measurement, volume_bytes: int, truth: int) -> str:
    if found.failed:
        return f"| {name} | failed: {found.failed} | | | | |"
    share, times = found.peak_bytes / volume_bytes, found.cpu_seconds / max(ours.cpu_seconds, 1e-9)
    same = "yes" if found.total == truth else "no"
    return f"| {name} | {found.seconds:.3f} | {found.cpu_seconds:.3f} | {times:.2f} | {share:.1f} | {same} |"
