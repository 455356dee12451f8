"""Run the command line: python -m strokeapp …"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strokeapp.errors import StrokeAppError


def _records(paths: list[Path], *, each_file: bool) -> Iterator[dict[str, Any]]:
    from strokeapp.exchange.record import record
    from strokeapp.inference.series import read_series
    from strokeapp.reading import Problem, open_inputs

    for path in paths:
        with tempfile.TemporaryDirectory(prefix="strokeapp-") as workspace:
            try:
                inventory = open_inputs([path], workspace=Path(workspace), each_file=each_file)
            except StrokeAppError as error:
                yield record(str(path), error=Problem.from_error(str(path), error))
                continue
            for problem in inventory.problems:
                yield record(_under(path, problem.source), error=problem)
            for series in inventory.series:
                outcome = read_series(series)
                yield record(
                    _under(path, series.source),
                    series=series,
                    quality=outcome.quality,
                    reading=outcome.reading,
                    abstained=outcome.abstained,
                    error=outcome.error,
                    seconds=dict(outcome.seconds),
                )


def _under(path: Path, source: str) -> str:
    """Return the input's path as given, with what was found inside it."""
    if source in ("", path.name, str(path)):
        return str(path)
    inside = source.removeprefix(f"{path.name}/")
    return f"{path}/{inside}"


def _read(args: argparse.Namespace) -> int:
    failed = found = 0
    with args.json.open("w", encoding="utf-8") if args.json else contextlib.nullcontext(sys.stdout) as out:
        for item in _records(args.paths, each_file=args.each_file):
            found += 1
            out.write(json.dumps(item, allow_nan=False) + "\n")
            out.flush()
            if item["error"] is not None:
                failed += 1
                print(f"{item['input']}: {item['error']['message']}", file=sys.stderr)
    if found == 0:
        print("Nothing to read was found in the input.", file=sys.stderr)
    return 1 if failed or found == 0 else 0


def _benchmark(args: argparse.Namespace) -> int:
    from strokeapp.benchmark.command import run

    return run(args)


def _perfusion(args: argparse.Namespace) -> int:
    from strokeapp.perfusion.curves import analyzed

    for row in analyzed(args.curves):
        print(json.dumps(row, allow_nan=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    from strokeapp.benchmark.command import add_arguments as add_benchmark_arguments

    parser = argparse.ArgumentParser(prog="python -m strokeapp", description="Read head CT and MRI; research use only.")
    commands = parser.add_subparsers(dest="command", required=True)
    read = commands.add_parser("read", help="read scans and write one JSON line per series")
    read.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file, folder or zip")
    read.add_argument("--json", type=Path, metavar="FILE", help="where to write; standard output unless given")
    read.add_argument("--each-file", action="store_true", help="take every file as a study of its own")
    read.set_defaults(run=_read)
    benchmark = commands.add_parser("benchmark", help="measure reading beside other readers, on generated files")
    add_benchmark_arguments(benchmark)
    benchmark.set_defaults(run=_benchmark)
    kinetics = commands.add_parser("perfusion", help="blood flow, volume and transit times from concentration curves")
    kinetics.add_argument("curves", type=Path, metavar="CSV", help="columns label, C_tis, C_aif, tr (seconds)")
    kinetics.set_defaults(run=_perfusion)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when every input could be opened, 1 otherwise, 2 for a wrong call.
    """
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except StrokeAppError as error:
        print(f"error: {error.user_message}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.strerror}: {error.filename}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
