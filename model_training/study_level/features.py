"""Let every fold's network say what it sees on every slice of every volume, once, and keep it beside the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from model_training.image_store import ImageStore
from model_training.loop import best_device
from model_training.recipe import Recipe
from model_training.runs import CHECKPOINT, trained_network
from strokeapp.errors import RecipeError
from strokeapp.inference.evidence import EVIDENCE, slice_evidence
from strokeapp.models.slice_network import SliceNetwork

FOLDER = "study_level"
LEAST_SLICES = 5
"""Fewer ordered slices are no volume."""


@dataclass(frozen=True)
class FoldFeatures:
    """Hold what one fold's network says of the slices of all volumes.

    Args:
        rows: (slices,) positions in the run's table.
        evidence: (slices, ``len(EVIDENCE)``) float32, see ``strokeapp.inference.evidence``.
        pooled: (slices, 640) float16, mean and maximum of the encoder's last features.
    """

    rows: NDArray[np.int64]
    evidence: NDArray[np.float32]
    pooled: NDArray[np.float16]


def volume_rows(table: pd.DataFrame, datasets: tuple[str, ...], *, least: int = LEAST_SLICES) -> list[NDArray]:
    """Return the rows of each volume, in the order of its slices.

    Args:
        table: Rows of the run with dataset, group, slice, fold.
        datasets: Whose patients are whole volumes, slice by slice.
        least: Patients with fewer slices are left out.

    Raises:
        RecipeError: There is no volume, or a slice of one has no number or the number of another.
    """
    inside = table[table["dataset"].isin(datasets) & (table["fold"] >= 0)]
    volumes = []
    for (dataset, _), part in inside.groupby(["dataset", "group"], sort=True):
        number = pd.to_numeric(part["slice"], errors="coerce")
        if number.isna().any() or number.duplicated().any():
            raise RecipeError(f"A patient of {dataset} has slices without a number or with the same one: no order.")
        if len(part) >= least:
            volumes.append(part.index.to_numpy()[np.argsort(number.to_numpy())])
    if not volumes:
        raise RecipeError(f"The run holds no ordered volume of {', '.join(datasets)}.")
    return volumes


def fold_network(run: Path, recipe: Recipe, fold: int) -> SliceNetwork:
    """Return a fold's averaged network, in evaluation mode.

    Raises:
        RecipeError: The fold was not trained.
    """
    if not (run / f"fold{fold}" / CHECKPOINT).is_file():
        raise RecipeError(f"Fold {fold} of the run is not trained. Train again; it continues where it stopped.")
    return trained_network(run, f"fold{fold}", recipe)


def fold_features(
    run: Path, recipe: Recipe, store: Callable[[], ImageStore], rows: NDArray[np.int64], fold: int, *, part: str
) -> FoldFeatures:
    """Return a fold network's features of the given rows, from the run's folder if they lie there.

    Args:
        run: Folder of the run; features are kept in its ``study_level`` folder.
        recipe: Of the run.
        store: Gives all images of the run; asked only where there is something to run.
        rows: Slices wanted.
        fold: Whose network.
        part: Names the file: what the rows are to that network, e.g. "held" out of its training.
    """
    path = run / FOLDER / f"fold{fold}_{part}.npz"
    if path.is_file():
        with np.load(path) as parts:
            kept = FoldFeatures(**{name: parts[name] for name in parts.files})
        if np.array_equal(kept.rows, rows) and kept.evidence.shape[1] == len(EVIDENCE):
            return kept
    network = fold_network(run, recipe, fold).to(best_device(), memory_format=torch.channels_last)
    found = extract(network, store(), rows, recipe, label=f"fold {fold} {part}")
    path.parent.mkdir(exist_ok=True)
    np.savez(path, rows=found.rows, evidence=found.evidence, pooled=found.pooled)
    return found


@torch.no_grad()
def extract(
    network: SliceNetwork, store: ImageStore, rows: NDArray[np.int64], recipe: Recipe, *, label: str, batch: int = 48
) -> FoldFeatures:
    """Run a network over some rows of a store; label is shown beside the progress bar."""
    device = next(network.parameters()).device
    evidence, pooled = [], []
    with _classifier_input(network) as seen:
        for begin in tqdm(range(0, len(rows), batch), desc=label, unit="batch", mininterval=5):
            chosen = rows[begin : begin + batch]
            pictures = store.network_batch(chosen, recipe.modality, device)
            output = network(pictures)
            # Half precision, as the app keeps its maps: the numbers must be the same on both sides.
            maps = output.maps.sigmoid().half().cpu().numpy()
            evidence.append(slice_evidence(output.findings.cpu().numpy(), output.subtypes.cpu().numpy(), maps))
            pooled.append(seen.pop().half().cpu().numpy())
    return FoldFeatures(rows, np.concatenate(evidence), np.concatenate(pooled))


@contextmanager
def _classifier_input(network: SliceNetwork) -> Iterator[list[Tensor]]:
    """Collect what the pooled classifier is given, while the block runs."""
    seen: list[Tensor] = []
    hook = network.classifier.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    try:
        yield seen
    finally:
        hook.remove()
