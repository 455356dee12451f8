"""Train every fold and the final network of a recipe, and keep what each says of images it never saw."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_training.dataset import BatchSource
from model_training.image_store import ImageStore, build_store
from model_training.loop import TrainingState, train
from model_training.manifest import read_manifest
from model_training.predict import StorePredictions, predict_store
from model_training.recipe import Recipe
from model_training.splits import patient_folds

FINAL = "final"


def recipe_rows(recipe: Recipe, manifest: Path) -> pd.DataFrame:
    """Return the manifest's rows that the recipe uses, with a ``fold`` (-1: external, never learnt from)."""
    table = read_manifest(manifest)
    keep = table["dataset"].isin(recipe.datasets) & (table["modality"] == recipe.modality.value)
    table = table[keep & table["sequence"].isin(recipe.sequences)].reset_index(drop=True)
    inside = ~table["dataset"].isin(recipe.external)
    table["fold"] = -1
    table.loc[inside, "fold"] = patient_folds(table[inside].reset_index(drop=True), recipe.folds, seed=recipe.seed)
    return table


def load_store(recipe: Recipe, table: pd.DataFrame, images: Path, out: Path) -> ImageStore:
    """Build the image store, or read it back from the run's folder."""
    path = out / "store.npz"
    if path.is_file():
        with np.load(path) as parts:
            if len(parts["level"]) == len(table):
                return ImageStore(**{name: parts[name] for name in parts.files})
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
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")
    table = recipe_rows(recipe, manifest)
    table.to_csv(out / "rows.csv", index=False)
    store = load_store(recipe, table, manifest.parent, out)
    fold = table["fold"].to_numpy()
    for number in range(recipe.folds) if folds is None else folds:
        learn, held = np.flatnonzero((fold >= 0) & (fold != number)), np.flatnonzero((fold == number) | (fold < 0))
        _run_one(recipe, store, table, learn, held, out / f"fold{number}")
    if folds is None:
        _run_one(recipe, store, table, np.flatnonzero(fold >= 0), np.flatnonzero(fold < 0), out / FINAL)


def _run_one(
    recipe: Recipe,
    store: ImageStore,
    table: pd.DataFrame,
    learn: NDArray[np.int64],
    held: NDArray[np.int64],
    folder: Path,
) -> None:
    if (folder / "predictions.npz").is_file():
        return
    state = train(recipe, BatchSource(recipe, store, table, learn), folder, label=folder.name)
    begun = time.perf_counter()
    predictions = predict_store(state.average, store, held, recipe)
    _save(folder, state, held, predictions, time.perf_counter() - begun)


def _save(folder: Path, state: TrainingState, held, predictions: StorePredictions, seconds: float) -> None:
    facts = {"training_seconds": round(state.seconds), "images": len(held), "prediction_seconds": round(seconds, 1)}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    arrays = {name: getattr(predictions, name) for name in StorePredictions.__dataclass_fields__}
    np.savez(folder / "predictions.npz", rows=held, **arrays)
