"""Lay a shipped network out as the run it came from, without training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from model_training.cross_validation import (
    FINAL,
    held_out,
    load_store,
    part_names,
    recipe_rows,
    save_predictions,
    write_recipe,
)
from model_training.image_store import ImageStore
from model_training.loop import best_device, build_network
from model_training.out_of_fold import fold_number, stored_folds
from model_training.recipe import Recipe
from model_training.runs import CHECKPOINT
from strokeapp.errors import RecipeError
from strokeapp.models.registry import Card, load_network

RESTORED = "restored.json"


def restore(card: Card, recipe: Recipe, manifest: Path, out: Path) -> Path:
    """Write the folder of a run from a shipped network, so that every command that takes a run can be repeated.

    The weights are those that ship, with convolutions at half precision; they read, but training cannot go on
    from the middle of them.

    Args:
        card: Of the network; the weights of its folds must have been kept.
        recipe: It was trained with.
        manifest: Table of the images it learnt from; paths are relative to its folder.
        out: Folder for the run; what an interrupted call left there is kept.

    Returns:
        ``out``.

    Raises:
        RecipeError: The recipe is of another version or has other images, or ``out`` holds another run.
        WeightsMissingError, WeightsHashError: A fold's weights were not kept, are not there, or are not the card's.
        PerformanceError: The stored predictions are missing or damaged.
    """
    if (recipe.name, recipe.version) != (card.name, card.version):
        raise RecipeError(
            f"{card.name} {card.version} was not trained with this recipe, which makes {recipe.name} "
            f"{recipe.version}. Give its own with --recipe."
        )
    table = _with_folds(recipe_rows(recipe, manifest), card)
    _claim(out, card)
    write_recipe(recipe, out)
    table.to_csv(out / "rows.csv", index=False)
    store, fold = load_store(recipe, table, manifest.parent, out), table["fold"].to_numpy(np.int64)
    for part in part_names(recipe):
        _restore_part(card, recipe, out / part, held_out(fold, part), store)
    return out


def _with_folds(table: pd.DataFrame, card: Card) -> pd.DataFrame:
    """Return the rows with the folds that the network was trained with."""
    stored = stored_folds(card)
    if set(stored) != set(table["path"]):
        raise RecipeError(
            f"The manifest does not hold the {len(stored):,} images that {card.name} {card.version} was trained and "
            f"judged on, but {len(set(stored) & set(table['path'])):,} of them and "
            f"{len(set(table['path']) - set(stored)):,} others. Give the manifest of its training."
        )
    numbers = [fold_number(stored[path]) for path in table["path"]]
    return table.assign(fold=[-1 if number is None else number for number in numbers])


def _claim(out: Path, card: Card) -> None:
    """Mark a folder as the restored run of one network."""
    mine = {"name": card.name, "version": card.version, "sha256": card.weights_hash}
    path = out / RESTORED
    known = path.is_file() and json.loads(path.read_text(encoding="utf-8")) == mine
    if not known and out.is_dir() and any(out.iterdir()):
        raise RecipeError(f"{out} is not empty and holds no restored {card.name} {card.version}. Give another folder.")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(mine), encoding="utf-8")


def _restore_part(card: Card, recipe: Recipe, folder: Path, held: NDArray[np.int64], store: ImageStore) -> None:
    """Write one part's weights, facts and predictions."""
    if (folder / "predictions.npz").is_file():
        return
    part, training = folder.name, card.raw["training"]
    folder.mkdir(exist_ok=True)
    shipped = load_network(card, None if part == FINAL else int(part.removeprefix("fold"))).state_dict()
    torch.save({"average": shipped}, folder / CHECKPOINT)
    facts = {"training_seconds": training["seconds"].get(part, 0), "epochs": training["epochs"]}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    network = build_network(recipe)
    network.load_state_dict(shipped)
    network.eval().to(best_device(), memory_format=torch.channels_last)
    save_predictions(folder, network, store, held, recipe)
