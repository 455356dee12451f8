"""Run the command line: python -m model_training …"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from strokeapp.compat import import_torchvision
from strokeapp.errors import StrokeAppError

DEFAULT_MANIFEST = Path("../shared/data/manifest.csv")


def _train(args: argparse.Namespace) -> None:
    from model_training.cross_validation import run_recipe
    from model_training.recipe import read_recipe

    recipe = read_recipe(args.recipe)
    run_recipe(recipe, args.manifest, args.out or Path("runs") / recipe.name, folds=args.folds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the folds and the final network of a recipe")
    train.add_argument("recipe", type=Path)
    train.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    train.add_argument("--out", type=Path, help="folder of the run; continued if it exists (runs/NAME)")
    train.add_argument("--folds", type=int, nargs="*", help="only these folds, and no final network")
    train.set_defaults(run=_train)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 after an error that names what to do."""
    args = _parser().parse_args(arguments)
    import_torchvision()
    try:
        args.run(args)
    except StrokeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
