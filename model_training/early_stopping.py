"""Judge a network while it learns, on a fold that it neither learns from nor is tested on."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from model_training.dataset import BatchSource
from model_training.loop import Validation
from model_training.loss import Targets, total_loss
from model_training.recipe import Recipe
from strokeapp.models.slice_network import SliceNetwork


def validation_fold(recipe: Recipe, number: int) -> int | None:
    """Return the fold that decides when the training of fold ``number`` stops, or None: it is not stopped early.

    It is the next fold, never the held-out one: stopping where the held-out fold looks best would flatter the
    figures that are then measured on it.
    """
    return (number + 1) % recipe.folds if recipe.patience else None


def final_recipe(recipe: Recipe, epochs: list[int]) -> Recipe:
    """Return the recipe of the final network, which learns from every fold and so has none to stop it.

    Args:
        recipe: Of the run.
        epochs: After which each fold's network was at its best; their mean is what the final network gets,
            refinement left as it is.
    """
    if not recipe.patience or not epochs:
        return recipe
    refined = recipe.refinement.epochs if recipe.refinement else 0
    main = round(float(np.mean(epochs))) - refined
    return dataclasses.replace(recipe, epochs=min(max(1, main), recipe.epochs), patience=0)


def validation_loss(source: BatchSource, rows: NDArray[np.int64], *, batch: int = 48) -> Validation:
    """Return a function that gives a network's loss over rows as they are, without augmentation.

    Args:
        source: Holds pictures and labels.
        rows: To judge on.
        batch: Pictures at a time.
    """

    @torch.no_grad()
    def judge(network: SliceNetwork) -> float:
        network.eval()
        losses = [_loss(network, source, chosen) * len(chosen) for chosen in _chunks(rows, batch)]
        return sum(losses) / max(1, len(rows))

    return judge


def _chunks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[begin : begin + size] for begin in range(0, len(rows), size)]


def _loss(network: SliceNetwork, source: BatchSource, rows: NDArray[np.int64]) -> float:
    store, recipe = source.store, source.recipe
    device = next(network.parameters()).device
    pictures = store.network_batch(rows, recipe.modality, device)
    known = (source.findings[rows], source.subtypes[rows], store.masks[rows].astype(np.float32), store.mask_known[rows])
    targets = Targets(*(torch.from_numpy(values).to(device) for values in known))
    weights = {"dense_weight": recipe.dense_weight, "subtype_weight": recipe.subtype_weight}
    return total_loss(network(pictures), targets, **weights).item()
