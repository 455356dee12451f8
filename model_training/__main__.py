"""Run the command line: python -m model_training …"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import strokeapp
from model_training.phantom import cli
from strokeapp.compat import import_torchvision
from strokeapp.errors import StrokeAppError

WEIGHTS_FOLDER = Path(strokeapp.__file__).parent / "models" / "weights"
DEFAULT_MANIFEST = Path("../shared/data/manifest.csv")


def _train(args: argparse.Namespace) -> None:
    from model_training.cross_validation import run_recipe
    from model_training.recipe import read_recipe

    recipe = read_recipe(args.recipe)
    run_recipe(recipe, args.manifest, args.out or Path("runs") / recipe.name, folds=args.folds)


def _package(args: argparse.Namespace) -> None:
    from model_training.package import write_network

    print(write_network(args.run_folder, args.out, hardware=args.hardware))


def _evaluate(args: argparse.Namespace) -> None:
    from model_training.evaluate import evaluate

    evaluate(args.manifest, args.out, model=args.model)
    print(args.out / "metrics.json")


def _figures(args: argparse.Namespace) -> None:
    from model_training.figures import figures_table
    from strokeapp.models.registry import find

    print(figures_table(find(args.model)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the folds and the final network of a recipe")
    train.add_argument("recipe", type=Path)
    train.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    train.add_argument("--out", type=Path, help="folder of the run; continued if it exists (runs/NAME)")
    train.add_argument("--folds", type=int, nargs="*", help="only these folds, and no final network")
    train.set_defaults(run=_train)
    package = commands.add_parser("package", help="turn a finished run into a shipped network")
    package.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run, e.g. runs/ct_slice")
    package.add_argument("--out", type=Path, default=WEIGHTS_FOLDER, help="folder of shipped networks")
    package.add_argument("--hardware", default="", help="for the card: what the run took place on")
    package.set_defaults(run=_package)
    judge = commands.add_parser("evaluate", help="run shipped networks over a manifest")
    judge.add_argument("--manifest", type=Path, required=True)
    judge.add_argument("--model", default="auto", help='a shipped network, or "auto": by modality and sequence')
    judge.add_argument("--out", type=Path, required=True)
    judge.set_defaults(run=_evaluate)
    figures = commands.add_parser("figures", help="print a shipped network's figures as a table")
    figures.add_argument("model")
    figures.set_defaults(run=_figures)
    phantom = commands.add_parser("phantom", help="write the synthetic demonstration studies")
    cli.add_arguments(phantom)
    phantom.set_defaults(run=cli.run)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 after an error that names what to do."""
    args = _parser().parse_args(arguments)
    import_torchvision()
    try:
        return args.run(args) or 0
    except StrokeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
