"""Run the command line: python -m model_training …"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import strokeapp
from model_training.phantom import cli
from model_training.study_level import cli as study_level
from strokeapp.compat import import_torchvision
from strokeapp.errors import StrokeAppError

WEIGHTS_FOLDER = Path(strokeapp.__file__).parent / "models" / "weights"
RECIPES = Path(__file__).parent / "recipes"
DEFAULT_MANIFEST = Path("../shared/data/manifest.csv")


def _train(args: argparse.Namespace) -> None:
    from model_training.allocator import keep_freed_memory
    from model_training.cross_validation import run_recipe
    from model_training.distributed import processes
    from model_training.recipe import read_recipe

    recipe = read_recipe(args.recipe)
    keep_freed_memory()
    with processes():
        run_recipe(recipe, args.manifest, args.out or Path("runs") / recipe.name, folds=args.folds)


def _pretrain(args: argparse.Namespace) -> None:
    from model_training.pretrain import run_pretraining
    from model_training.pretrain_recipe import read_pretrain_recipe

    recipe = read_pretrain_recipe(args.recipe)
    print(run_pretraining(recipe, args.manifest, args.out or Path("runs") / f"{recipe.name}.safetensors"))


def _benchmark(args: argparse.Namespace) -> None:
    from model_training.benchmark import run_benchmark
    from model_training.recipe import read_recipe

    recipe = read_recipe(args.recipe)
    print(run_benchmark(recipe, args.manifest, images=args.images, workers=args.workers).table())


def _leave_one_out(args: argparse.Namespace) -> None:
    from model_training.experiments import add_experiments
    from model_training.recipe import read_recipe
    from model_training.sources_left_out import as_experiments, sources_left_out, table_text

    recipe = read_recipe(args.recipe)
    figures = sources_left_out(recipe, args.manifest, args.out, datasets=args.datasets)
    if args.ship is not None:
        add_experiments(args.ship, as_experiments(figures, recipe))
    print(table_text(figures))


def _variants(args: argparse.Namespace) -> None:
    from model_training.variants import read_variants, run_variants, table_text

    print(table_text(run_variants(read_variants(args.file), args.manifest, args.out or Path("runs") / args.file.stem)))


def _package(args: argparse.Namespace) -> None:
    from model_training.package import write_network

    pooled = None if args.pooled is None else tuple(args.pooled)
    settings = {"hardware": args.hardware, "pooled": pooled, "manifest": args.manifest, "folds": args.keep_folds}
    print(write_network(args.run_folder, args.out, **settings))


def _restore(args: argparse.Namespace) -> None:
    from model_training.recipe import read_recipe
    from model_training.restore import restore
    from strokeapp.models.registry import find

    card = find(args.model)
    recipe = read_recipe(args.recipe or RECIPES / f"{card.name}.toml")
    print(restore(card, recipe, args.manifest, args.out or Path("runs") / f"{card.name}_{card.version}"))


def _familiarity(args: argparse.Namespace) -> None:
    from model_training.familiarity import fit_run
    from strokeapp.models.registry import find

    print(*fit_run(args.run_folder, find(args.model), args.manifest), sep="\n")


def _evaluate(args: argparse.Namespace) -> None:
    import json

    from model_training.evaluate import evaluate
    from model_training.out_of_fold import comparison_text

    evaluate(args.manifest, args.out, model=args.model, out_of_fold=args.out_of_fold)
    metrics = args.out / "metrics.json"
    for name, found in json.loads(metrics.read_text(encoding="utf-8"))["networks"].items():
        if args.out_of_fold:
            print(comparison_text(name, found["out_of_fold"]), end="\n\n")
    print(metrics)


def _ensemble(args: argparse.Namespace) -> None:
    import json

    from model_training.ensemble import ensemble_text, judge, listen
    from strokeapp.models.registry import find

    card = find(args.model)
    record = judge(listen(card, args.manifest), card)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(ensemble_text(record))


def _own_source(args: argparse.Namespace) -> None:
    from model_training.own_source import own_pairs, own_source_records, ship
    from strokeapp.models.card_text import own_source_table
    from strokeapp.models.registry import find

    card = find(args.model)
    records = own_source_records(own_pairs(card, args.manifest), card)
    if args.ship:
        ship(card, records)
    print(own_source_table({"own_source": records}).markdown())


def _figures(args: argparse.Namespace) -> None:
    from model_training.figures import figures_table
    from strokeapp.models.registry import find

    print(figures_table(find(args.model)))


def _card(args: argparse.Namespace) -> None:
    from model_training.card import complete_card
    from strokeapp.models.registry import CARD, find

    card = complete_card(find(args.model).folder, manifest=args.manifest)
    print(card.folder / CARD)


def _methods(args: argparse.Namespace) -> None:
    from model_training.methods import methods_of
    from strokeapp.models.registry import find, installed

    for card in [find(name) for name in args.models] or installed():
        print(methods_of(card))


def _report(args: argparse.Namespace) -> None:
    from model_training.reports import write_report
    from strokeapp.models.registry import find

    for path in write_report(find(args.model), args.out):
        print(path)


def _explanations(args: argparse.Namespace) -> None:
    from model_training.explanation_report import run, sum_up_again

    if args.run_folder is None:
        print(sum_up_again(args.out, ship=args.ship))
        return
    print(run(args.run_folder, args.out, args.methods, limits=(args.limit, args.costly_limit), ship=args.ship))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the folds and the final network of a recipe")
    train.add_argument("recipe", type=Path)
    train.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    train.add_argument("--out", type=Path, help="folder of the run; continued if it exists (runs/NAME)")
    train.add_argument("--folds", type=int, nargs="*", help="only these folds, and no final network")
    train.set_defaults(run=_train)
    pretrain = commands.add_parser("pretrain", help="learn first weights from slices without labels")
    pretrain.add_argument("recipe", type=Path, nargs="?", default=RECIPES / "pretrain.toml")
    pretrain.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    pretrain.add_argument("--out", type=Path, help="file of the weights (runs/NAME.safetensors)")
    pretrain.set_defaults(run=_pretrain)
    benchmark = commands.add_parser("benchmark", help="compare the image store's speed with a plain DataLoader's")
    benchmark.add_argument("recipe", type=Path, nargs="?", default=RECIPES / "ct_slice.toml")
    benchmark.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    benchmark.add_argument("--images", type=int, default=500, help="to load in each turn (%(default)s)")
    benchmark.add_argument("--workers", type=int, default=2, help="of the plain DataLoader (%(default)s)")
    benchmark.set_defaults(run=_benchmark)
    left_out = commands.add_parser("leave-one-out", help="train without one source at a time, and judge it")
    left_out.add_argument("recipe", type=Path)
    left_out.add_argument("--dataset", nargs="*", dest="datasets", help="only these sources (all it learns from)")
    left_out.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    left_out.add_argument("--out", type=Path, required=True, help="folder of the runs; continued if it exists")
    left_out.add_argument("--ship", type=Path, help="folder of the shipped network whose card shall tell the figures")
    left_out.set_defaults(run=_leave_one_out)
    variants = commands.add_parser("variants", help="train variants of one recipe and lay their figures side by side")
    variants.add_argument("file", type=Path, help="TOML: base, folds, [settings], [[variant]] tables")
    variants.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    variants.add_argument("--out", type=Path, help="folder of the runs; continued if it exists (runs/FILE)")
    variants.set_defaults(run=_variants)
    package = commands.add_parser("package", help="turn a finished run into a shipped network")
    package.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run, e.g. runs/ct_slice")
    package.add_argument("--out", type=Path, default=WEIGHTS_FOLDER, help="folder of shipped networks")
    package.add_argument("--hardware", default="", help="for the card: what the run took place on")
    package.add_argument("--manifest", type=Path, help="adds lesion sizes to the card")
    package.add_argument("--pooled", nargs="*", help="findings that average in the pooled classifier (the recipe's)")
    package.add_argument(
        "--no-folds", action="store_false", dest="keep_folds", help="do not keep the weights of the folds"
    )
    package.set_defaults(run=_package)
    again = commands.add_parser("restore", help="lay a shipped network out as the run it came from, without training")
    again.add_argument("model", help="a shipped network whose folds were kept")
    again.add_argument("--recipe", type=Path, help="that it was trained with (that of its name)")
    again.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    again.add_argument("--out", type=Path, help="folder for the run (runs/NAME_VERSION)")
    again.set_defaults(run=_restore)
    known = commands.add_parser("familiarity", help="fit what a shipped network abstains from, and measure it")
    known.add_argument("run_folder", type=Path, metavar="RUN", help="folder of its run")
    known.add_argument("model", help="the shipped network")
    known.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    known.set_defaults(run=_familiarity)
    judge = commands.add_parser("evaluate", help="run shipped networks over a manifest")
    judge.add_argument("--manifest", type=Path, required=True)
    judge.add_argument("--model", default="auto", help='a shipped network, or "auto": by modality and sequence')
    judge.add_argument("--out", type=Path, required=True)
    judge.add_argument("--out-of-fold", action="store_true", help="read each image by the fold that never saw it")
    judge.set_defaults(run=_evaluate)
    ensemble = commands.add_parser("ensemble", help="judge the folds together on images that none has learnt from")
    ensemble.add_argument("model", help="a shipped network whose folds were kept")
    ensemble.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    ensemble.add_argument("--out", type=Path, help="JSON file of the figures")
    ensemble.set_defaults(run=_ensemble)
    own_source = commands.add_parser("own-source", help="lay every drawn infarct beside its own healed slice")
    own_source.add_argument("model", help="a shipped network whose folds were kept")
    own_source.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    own_source.add_argument("--ship", action="store_true", help="write the figures and what they limit into its card")
    own_source.set_defaults(run=_own_source)
    figures = commands.add_parser("figures", help="print a shipped network's figures as a table")
    figures.add_argument("model")
    figures.set_defaults(run=_figures)
    card = commands.add_parser("card", help="add to a shipped network's card what its predictions and files tell")
    card.add_argument("model")
    card.add_argument("--manifest", type=Path, help="of the images: adds slice numbers and lesion sizes")
    card.set_defaults(run=_card)
    methods = commands.add_parser("methods", help="print the paper's methods section, filled in")
    methods.add_argument("models", nargs="*", metavar="MODEL", help="shipped networks (all of them)")
    methods.set_defaults(run=_methods)
    report = commands.add_parser("report", help="write a shipped network's goals, figures, card and methods section")
    report.add_argument("model")
    report.add_argument("--out", type=Path, default=Path("reports"), help="folder for MODEL.md and MODEL.json")
    report.set_defaults(run=_report)
    explained = commands.add_parser("explanations", help="measure explanations out of fold against drawn lesions")
    explained.add_argument(
        "run_folder", type=Path, metavar="RUN", nargs="?",
        help="folder of a finished run; without it the report at --out is summed up again from its own files",
    )  # fmt: skip
    explained.add_argument("--out", type=Path, default=Path("reports/explanations"), help="no suffix (%(default)s)")
    explained.add_argument("--limit", type=int, default=100, help="images per finding for cheap methods (%(default)s)")
    explained.add_argument("--costly-limit", type=int, default=30, help="for the other methods (%(default)s)")
    explained.add_argument("--methods", nargs="*", default=[], help="only these; what is known of others is kept")
    explained.add_argument("--ship", type=Path, help="folder of the shipped network that gets the result too")
    explained.set_defaults(run=_explanations)
    phantom = commands.add_parser("phantom", help="write the synthetic demonstration studies")
    cli.add_arguments(phantom)
    phantom.set_defaults(run=cli.run)
    studies = commands.add_parser("study-level", help="compare ways to read a study from its slices")
    study_level.add_arguments(studies)
    studies.set_defaults(run=study_level.run)
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
