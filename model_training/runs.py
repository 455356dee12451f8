"""Read what a run left in its folder: recipe, rows, trained networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from model_training.init import PART, PRETRAINED
from model_training.loop import build_network
from model_training.manifest import LABELS
from model_training.recipe import Recipe, recipe_from
from strokeapp.errors import RecipeError
from strokeapp.models.registry import CARD, WEIGHTS, Card, read_card
from strokeapp.models.slice_network import SliceNetwork

CHECKPOINT = "checkpoint.pt"


def load_recipe(run: Path) -> Recipe:
    """Return the recipe a run was made with.

    Raises:
        RecipeError: The folder holds no run.
    """
    try:
        return recipe_from(json.loads((run / "recipe.json").read_text(encoding="utf-8")), "recipe.json")
    except FileNotFoundError as error:
        raise RecipeError(f"{run} holds no run. Train one first: python -m model_training train RECIPE.") from error


def read_rows(run: Path) -> pd.DataFrame:
    """Return a run's rows: empty labels are not known, and a patient called "NA" stays who they are."""
    text = dict.fromkeys(("path", "patient", "group", "split_group", "mask", "presumed", "age", "sex"), str)
    return pd.read_csv(run / "rows.csv", dtype=text, keep_default_na=False, na_values={name: [""] for name in LABELS})


def earlier_training(recipe: Recipe, *, after: tuple[Path, ...] = ()) -> dict[str, Any] | None:
    """Return what is to be told of the run whose weights a recipe goes on from; None where it begins anew.

    Args:
        recipe: Of the later run.
        after: Runs already told of.

    Returns:
        name, version, size, first_size, epochs, images_per_epoch, refinement_epochs and refinement_augmentation (what
        differs in the second cycle), init, start_share, datasets (learnt from), same_part (whether every part goes on
        from the same part of that run), seconds per finished part, and earlier: the same of the run that one goes on
        from, and so on. None also where the weights are neither those of a shipped network nor a part of a run that
        is still there.

    Raises:
        RecipeError: The runs go on from each other in a circle.
    """
    if not recipe.init.startswith(PRETRAINED):
        return None
    path = Path(recipe.init.removeprefix(PRETRAINED))
    if path.name == WEIGHTS and (path.parent / CARD).is_file():
        return _shipped_training(read_card(path.parent))
    run = path.parent.parent
    if not (run / "recipe.json").is_file():
        return None
    if run.resolve() in after:
        raise RecipeError(f"{run} goes on from itself: {', '.join(map(str, after))}. Train its start again.")
    before = load_recipe(run)
    facts = {
        item.parent.name: json.loads(item.read_text(encoding="utf-8")) for item in sorted(run.glob("*/facts.json"))
    }
    return {
        "name": before.name,
        "version": before.version,
        "size": before.size,
        "first_size": before.first_size,
        "epochs": before.epochs,
        "images_per_epoch": before.images_per_epoch,
        "refinement_epochs": before.refinement.epochs if before.refinement else 0,
        "refinement_augmentation": dict(before.refinement.augmentation) if before.refinement else {},
        "init": before.init,
        "start_share": before.start_share,
        "datasets": [name for name in before.datasets if name not in before.external],
        "same_part": PART in path.parts,
        "seconds": {part: values["training_seconds"] for part, values in facts.items()},
        "earlier": earlier_training(before, after=(*after, run.resolve())),
    }


def _shipped_training(card: Card) -> dict[str, Any]:
    """Return of a shipped network what ``earlier_training`` tells of a run."""
    training = card.raw["training"]
    second = training.get("refinement") or {}
    kept = ("epochs", "images_per_epoch", "init", "seconds")
    return {
        "name": card.name,
        "version": card.version,
        "size": card.size,
        "first_size": training.get("first_size"),
        **{name: training[name] for name in kept},
        "refinement_epochs": second.get("epochs", 0),
        "refinement_augmentation": dict(second.get("augmentation", {})),
        "start_share": training.get("start_share", 0.0),
        "datasets": list(training["per_dataset"]),
        "same_part": False,
        "earlier": training.get("earlier"),
    }


def unfinished(run: Path, part: str) -> RecipeError:
    """Return the error that says which part of a run is missing."""
    return RecipeError(f"{part} of the run in {run} is not finished. Train again; it continues where it stopped.")


def averaged_weights(run: Path, part: str) -> dict[str, Tensor]:
    """Return the state of a part's averaged network.

    Args:
        run: Folder of the run.
        part: fold0, … or final.

    Raises:
        RecipeError: That part is not trained.
    """
    path = run / part / CHECKPOINT
    if not path.is_file():
        raise unfinished(run, part)
    return torch.load(path, weights_only=True, map_location="cpu")["average"]


def trained_network(run: Path, part: str, recipe: Recipe) -> SliceNetwork:
    """Return a part's averaged network as it reads, in evaluation mode and without gradients of its weights.

    Args:
        run: Folder of the run.
        part: fold0, … or final.
        recipe: Of the run.

    Raises:
        RecipeError: That part is not trained.
    """
    network = build_network(replace(recipe, pooled=recipe.reading_pooled))
    network.load_state_dict(averaged_weights(run, part))
    return network.eval().requires_grad_(False)
