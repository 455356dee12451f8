"""Define the study-level command: python -m model_training study-level RUN --out FILE."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished run, e.g. runs/ct_slice")
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the figures")
    parser.add_argument(
        "--recipe", type=Path, nargs="*", dest="recipes", help="only these recipes (all in recipes/study_level)"
    )


def run(args: argparse.Namespace) -> None:
    """Compare, print the table, write the figures."""
    from model_training.study_level import figures
    from model_training.study_level.compare import compare
    from model_training.study_level.recipe import RECIPES, read_study_recipe

    recipes = [read_study_recipe(path) for path in (args.recipes or sorted(RECIPES.glob("*.toml")))]
    volumes, scores = compare(args.run_folder, recipes)
    records = figures.figures(volumes, scores, judged=recipes[0].judged)
    figures.write_records(args.out, records)
    print(figures.table(records))
