"""Give the command line its ``phantom`` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from model_training.phantom.studies import StudyName, generate
from model_training.phantom.write import write_demonstrations, write_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``python -m model_training phantom``."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to, made if missing")
    parser.add_argument(
        "--study", choices=[name.value for name in StudyName], help="write the files of one study instead of all as zip"
    )
    parser.add_argument("--seed", type=int, help="with --study: another head (default: that of the demonstration)")


def run(args: argparse.Namespace) -> int:
    """Write all demonstration zips with their list, or the files of one study; return the exit status."""
    if args.study is None:
        if args.seed is not None:
            print("--seed needs --study: the demonstrations have fixed seeds")
            return 2
        print(write_demonstrations(args.out))
        return 0
    paths = write_study(generate(args.study, seed=args.seed), args.out)
    print(f"{len(paths)} file(s) in {args.out}")
    return 0
