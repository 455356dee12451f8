"""Train every fold and the final network of a recipe, and keep what each says of images it never saw."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional

from model_training import distributed
from model_training.dataset import BatchSource
from model_training.duplicates import merge_groups
from model_training.early_stopping import final_recipe, validation_fold, validation_loss
from model_training.image_store import ImageStore, build_store
from model_training.init import PART, PRETRAINED
from model_training.known_copies import check_known_copies
from model_training.loop import build_network, run_steps, train
from model_training.manifest import read_manifest
from model_training.predict import StorePredictions, predict_store
from model_training.progress import RunClock
from model_training.recipe import Recipe
from model_training.runs import read_rows
from model_training.splits import patient_folds
from strokeapp.errors import RecipeError
from strokeapp.models.slice_network import FINDINGS, SliceNetwork

FINAL = "final"


def recipe_rows(recipe: Recipe, manifest: Path) -> pd.DataFrame:
    """Return the manifest's rows that the recipe uses, with a ``fold`` (-1: external, never learnt from)."""
    table = read_manifest(manifest)
    keep = table["dataset"].isin(recipe.datasets) & (table["modality"] == recipe.modality.value)
    table = table[keep & table["sequence"].isin(recipe.sequences)].reset_index(drop=True)
    check_known_copies(table, folder=manifest.parent)
    return deal_folds(table, recipe)


def deal_folds(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the table with a ``fold`` per row; -1 for external datasets."""
    inside = ~table["dataset"].isin(recipe.external)
    table = table.assign(fold=-1)
    table.loc[inside, "fold"] = patient_folds(table[inside].reset_index(drop=True), recipe.folds, seed=recipe.seed)
    return table


def settled_folds(recipe: Recipe, table: pd.DataFrame, store: ImageStore, path: Path) -> pd.DataFrame:
    """Return the table with near-identical images of different patients in one fold, and write it.

    A run that has begun keeps the folds it began with; one that goes on from another run's parts takes that run's.

    Args:
        recipe: Settings.
        table: From ``recipe_rows``.
        store: Its images, same order.
        path: ``rows.csv`` of the run.
    """
    if path.is_file():
        begun = pd.read_csv(path, dtype={"path": str}, usecols=["path", "fold"], keep_default_na=False)
        if begun["path"].tolist() == table["path"].tolist():
            return table.assign(fold=begun["fold"].to_numpy())
    inherited = inherited_folds(recipe, table)
    if inherited is not None:
        table = table.assign(fold=inherited)
    elif recipe.merge_duplicates:
        merged, report = merge_groups(table, _reduced(store.gray))
        if report.joined:
            print(f"{len(report.pairs)} near-identical pairs of different patients; each pair shares a fold.")
        table = deal_folds(merged, recipe)
    table.to_csv(path, index=False)
    return table


def inherited_folds(recipe: Recipe, table: pd.DataFrame) -> NDArray[np.int64] | None:
    """Return the folds of the run that a recipe goes on from, part by part; None where it begins anew.

    Raises:
        RecipeError: That run has other images or another number of folds, so that a part would be judged on
            patients that its first weights have learnt from.
    """
    before, found, _ = recipe.init.removeprefix(PRETRAINED).partition(PART)
    if not (recipe.init.startswith(PRETRAINED) and found):
        return None
    if not (Path(before) / "rows.csv").is_file():
        raise RecipeError(f"{recipe.name} goes on from the run {before}, which is not there. Train that first.")
    rows = read_rows(Path(before))
    folds = table["path"].map(dict(zip(rows["path"], rows["fold"], strict=True)))
    external = table["dataset"].isin(recipe.external)
    if folds.isna().any() or rows["fold"].max() + 1 != recipe.folds or ((folds < 0) != external).any():
        raise RecipeError(
            f"{recipe.name} goes on from the folds of {before}, which was trained on other images or folds. "
            "Give both recipes the same datasets, external and folds."
        )
    return folds.to_numpy(np.int64)


def _reduced(gray: NDArray[np.uint8], *, side: int = 64, chunk: int = 512) -> NDArray[np.uint8]:
    """Average (images, size, size) down to the side at which images are compared."""
    parts = [
        functional.adaptive_avg_pool2d(torch.from_numpy(gray[first : first + chunk]).float(), side).round().byte()
        for first in range(0, len(gray), chunk)
    ]
    return torch.cat(parts).numpy()


def load_store(recipe: Recipe, table: pd.DataFrame, images: Path, out: Path, *, masks: bool = True) -> ImageStore:
    """Build the image store, or read it back from the run's folder.

    Args:
        recipe: Of the run.
        table: Its rows.
        images: Folder that their paths are relative to.
        out: The run's folder.
        masks: False leaves the masks unread, which take two thirds of the memory; they are then empty.
    """
    path = out / "store.npz"
    if path.is_file():
        with np.load(path) as parts:
            if len(parts["level"]) == len(table):
                left_out = {} if masks else {"masks": np.zeros((0, len(FINDINGS), 0, 0), bool)}
                read = {name: parts[name] for name in parts.files if name not in left_out}
                return ImageStore(**read, **left_out)
    store = build_store(table, images, recipe)
    np.savez(path, gray=store.gray, level=store.level, masks=store.masks, mask_known=store.mask_known)
    return store


def run_recipe(recipe: Recipe, manifest: Path, out: Path, *, folds: list[int] | None = None) -> None:
    """Train what is missing of a recipe's folds and its final network.

    Args:
        recipe: Settings.
        manifest: Table of labelled images; paths are relative to its folder.
        out: Folder of the run; continued if it holds a part of it already.
        folds: Only these folds, and no final network.

    Raises:
        RecipeError: The batch cannot be shared out over the processes, or a part is of another network.
        ModelError: There is no such backbone.
    """
    distributed.my_slice(recipe.batch)
    build_network(recipe)  # what cannot be trained is refused before minutes go into decoding
    table = recipe_rows(recipe, manifest)
    table, store = distributed.main_first(lambda: _prepare(recipe, table, manifest.parent, out))
    fold, numbers = table["fold"].to_numpy(), list(range(recipe.folds) if folds is None else folds)
    parts = [f"fold{number}" for number in numbers] + ([FINAL] if folds is None else [])
    clock = RunClock(run_steps(recipe) * sum(not _finished(out / part) for part in parts))
    for number in numbers:
        judged_on = validation_fold(recipe, number)
        learn = np.flatnonzero((fold >= 0) & (fold != number) & (fold != judged_on))
        judges = np.flatnonzero(fold == judged_on) if judged_on is not None else None
        held = held_out(fold, f"fold{number}")
        _run_one(recipe, store, table, learn, held, out / f"fold{number}", judges=judges, clock=clock)
    if folds is None:
        last = final_recipe(recipe, [_facts(out / f"fold{number}").get("epochs", recipe.epochs) for number in numbers])
        learn, held = np.flatnonzero(fold >= 0), held_out(fold, FINAL)
        _run_one(last, store, table, learn, held, out / FINAL, clock=clock)


def part_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the parts of a whole run: fold0, …, final."""
    return (*(f"fold{number}" for number in range(recipe.folds)), FINAL)


def write_recipe(recipe: Recipe, out: Path) -> None:
    """Keep in a run's folder the recipe it is made with."""
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")


def held_out(fold: NDArray[np.int64], part: str) -> NDArray[np.int64]:
    """Return the rows that a part of a run did not learn from: its own fold, and what is external.

    Args:
        fold: (rows,) number of each row's fold, -1 for external rows.
        part: fold0, … or final.
    """
    own = (fold == int(part.removeprefix("fold"))) if part != FINAL else np.zeros(len(fold), bool)
    return np.flatnonzero(own | (fold < 0))


def _prepare(recipe: Recipe, table: pd.DataFrame, images: Path, out: Path) -> tuple[pd.DataFrame, ImageStore]:
    """Write what the run is made with (the main process does) and return its rows and images."""
    if distributed.is_main():
        out.mkdir(parents=True, exist_ok=True)
        write_recipe(recipe, out)
    store = load_store(recipe, table, images, out)
    return settled_folds(recipe, table, store, out / "rows.csv"), store


def _finished(folder: Path) -> bool:
    return (folder / "predictions.npz").is_file()


def _facts(folder: Path) -> dict:
    return json.loads((folder / "facts.json").read_text(encoding="utf-8"))


def _run_one(
    recipe: Recipe,
    store: ImageStore,
    table: pd.DataFrame,
    learn: NDArray[np.int64],
    held: NDArray[np.int64],
    folder: Path,
    *,
    judges: NDArray[np.int64] | None = None,
    clock: RunClock | None = None,
) -> None:
    if _finished(folder):
        return
    source = BatchSource(recipe, store, table, learn)
    validate = None if judges is None else validation_loss(source, judges)
    state = train(recipe, source, folder, label=folder.name, validate=validate, clock=clock)
    if distributed.is_main():
        facts = {"training_seconds": round(state.seconds), "epochs": state.best.epoch or state.epoch}
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        save_predictions(folder, state.average, store, held, recipe)
    distributed.wait()


def save_predictions(
    folder: Path, network: SliceNetwork, store: ImageStore, held: NDArray[np.int64], recipe: Recipe
) -> None:
    """Write what a part's network says of the rows it did not learn from; the part is then finished.

    Args:
        folder: Of the part.
        network: Its averaged network.
        store: All images of the run.
        held: (rows,) positions in it.
        recipe: Of the run.
    """
    predictions = predict_store(network, store, held, recipe, cut=recipe.map_cut)
    arrays = {name: getattr(predictions, name) for name in StorePredictions.__dataclass_fields__}
    np.savez(folder / "predictions.npz", rows=held, **arrays)
