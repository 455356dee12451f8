"""Fit a network's familiarity, and measure out of fold what abstaining by it, and by confidence, is worth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor
from tqdm import tqdm

from model_training.cross_validation import FINAL, load_store, part_names
from model_training.early_stopping import validation_fold
from model_training.image_store import ImageStore
from model_training.manifest import read_manifest, volume_names
from model_training.recipe import Recipe
from model_training.runs import CHECKPOINT, load_recipe, read_rows, trained_network
from model_training.unlike import ALTERED, Picture, altered, other_pictures, unsuited
from strokeapp.errors import ModelError, RecipeError
from strokeapp.imaging.network_input import network_batch, slice_input
from strokeapp.inference.familiarity import FAMILIARITY, UNLIKE_SHARE, Familiarity, save_values
from strokeapp.models.registry import Card
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.performance.abstaining import COVERAGE, doubts, error_at_coverage
from strokeapp.performance.crossed import crossed_thresholds
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.predictions import known, known_rows, read_predictions
from strokeapp.performance.summary import to_records

KEPT = 16
"""Principal directions of a few hundred features; more fit noise of as few training slices."""
QUANTILE = 0.995
TRAINING, HELD, PER_KIND = 400, 300, 8
"""Slices of each network that are looked at: learnt from, held out, and of each kind of unlike input."""
CANDIDATES = 5
"""Times as many slices are examined as are altered: a single slice of the base or the vertex often shows no whole
skull, so that the examination would stop it whatever was done to it."""
FEWEST = 5
"""Slices of a volume that were drawn, from which on it counts as a study."""
BATCH = 8
UNALTERED = "held-out slices as they are"


@torch.no_grad()
def embed(network: SliceNetwork, batches: Iterable[Tensor]) -> NDArray[np.float32]:
    """Return the (slices, features) embeddings of batches of network input."""
    return np.concatenate([network(batch).embedding.float().cpu().numpy() for batch in batches])


def stored(store: ImageStore, rows: NDArray[np.int64], recipe: Recipe) -> Iterator[Tensor]:
    """Yield network input of images of a store."""
    for first in range(0, len(rows), BATCH):
        yield store.network_batch(rows[first : first + BATCH], recipe.modality, torch.device("cpu"))


def prepared(pictures: list[Picture], recipe: Recipe) -> Iterator[Tensor]:
    """Yield network input of pictures, made as the application makes it."""
    for first in range(0, len(pictures), BATCH):
        some = pictures[first : first + BATCH]
        inputs = [slice_input(one, recipe.modality, size=recipe.size, margin=recipe.margin) for one in some]
        yield torch.from_numpy(network_batch(inputs, recipe.modality)).to(memory_format=torch.channels_last)


def fit_features(features: NDArray[np.float32], *, kept: int = KEPT) -> Familiarity:
    """Return the familiarity of training features, its threshold not yet set (infinite).

    Source: Tipping & Bishop, Probabilistic principal component analysis (1999): what the kept directions leave is
    spread evenly over all others.

    Args:
        features: (training slices, features).
        kept: Principal directions.

    Raises:
        ModelError: There are no more training slices than directions, or all features but these are constant.
    """
    if min(features.shape) <= kept + 1:
        message = f"Familiarity needs more than {kept + 1} training slices and features; give the run more rows."
        raise ModelError(message, detail=f"{features.shape}")
    values = features.astype(np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.maximum(scale, 1e-3 * np.median(scale))  # a channel that never moved says nothing by moving a little
    _, singular, directions = np.linalg.svd((values - mean) / scale, full_matrices=False)
    variances = singular**2 / (len(values) - 1)
    rest = variances[kept:].sum() / (values.shape[1] - kept)
    single = (array.astype(np.float32) for array in (mean, scale, directions[:kept].T, np.sqrt(variances[:kept])))
    return Familiarity(*single, float(np.sqrt(rest)), float("inf"))


@dataclass(frozen=True)
class FoldMeasures:
    """Hold distances that one fold's network measured on patients it had not learnt from.

    Args:
        rows: (held,) of the run's table.
        distances: (held,) of them from its training slices.
        kinds: Kind of input to (pictures,) distances and whether each is stopped before reading.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    kinds: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Run:
    """Hold what all networks of a run share: its folder, recipe, rows (with ``fold``) and images."""

    folder: Path
    recipe: Recipe
    table: pd.DataFrame
    store: ImageStore

    def familiarity(self, part: str, learnt: NDArray[np.int64]) -> tuple[SliceNetwork, Familiarity]:
        """Return a part's network and the familiarity of some of the rows it learnt from."""
        network = trained_network(self.folder, part, self.recipe)
        return network, fit_features(embed(network, stored(self.store, drawn(learnt, TRAINING), self.recipe)))

    def pictures(self, rows: NDArray[np.int64], *, seed: int) -> list[Picture]:
        """Return some images as gray in [0, 1], cut to the head: such as pass the examination, as far as there are."""
        some = [self.store.gray[row] / np.float32(255) for row in drawn(rows, CANDIDATES * PER_KIND, seed=seed)]
        return sorted(some, key=lambda picture: unsuited(picture, self.recipe))[:PER_KIND]


def drawn(rows: NDArray[np.int64], most: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Return at most so many of the rows, in order."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def measure_fold(run: Run, number: int, others: dict[str, list[Picture]]) -> FoldMeasures:
    """Fit one fold's network on what it learnt from, and measure what it did not.

    Args:
        run: With that fold finished.
        number: Of the fold.
        others: Kind to pictures of what the network must not read.
    """
    fold, recipe = run.table["fold"].to_numpy(), run.recipe
    judged_on = validation_fold(recipe, number)
    learnt = (fold >= 0) & (fold != number) & (fold != (number if judged_on is None else judged_on))
    network, familiarity = run.familiarity(f"fold{number}", np.flatnonzero(learnt))
    rows = drawn(np.flatnonzero(fold == number), HELD)
    distances = familiarity.unfamiliarity(embed(network, stored(run.store, rows, recipe)))
    base = run.pictures(rows, seed=1)
    kinds = {UNALTERED: base, **_external(run, seed=number)}
    kinds |= {kind: altered(base, kind, seed=number) for kind in ALTERED} | others
    return FoldMeasures(
        rows, distances, {kind: _kind(network, familiarity, some, recipe) for kind, some in kinds.items()}
    )


def _external(run: Run, *, seed: int) -> dict[str, list[Picture]]:
    """Return pictures of each source that no network of the run learnt from, which should be read."""
    outside = run.table["dataset"].where(run.table["fold"] < 0)
    return {
        f"never learnt from: {name}": run.pictures(np.flatnonzero(outside == name), seed=seed)
        for name in outside.dropna().unique()
    }


def _kind(
    network: SliceNetwork, familiarity: Familiarity, pictures: list[Picture], recipe: Recipe
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    distances = familiarity.unfamiliarity(embed(network, prepared(pictures, recipe)))
    return distances, np.array([unsuited(picture, recipe) for picture in pictures])


def crossed_limits(folds: list[FoldMeasures]) -> list[float]:
    """Return per fold the distance that the quantile of the other folds' held-out slices sets."""
    parts = [fold.distances for fold in folds]
    rest = [[part for other, part in enumerate(parts) if other != k] for k in range(len(parts))]
    return [float(np.quantile(np.concatenate(some), QUANTILE)) for some in rest]


def unlike_table(folds: list[FoldMeasures], limits: list[float]) -> pd.DataFrame:
    """Return per kind of input its images and the share stopped by familiarity, by the flags, by either.

    Args:
        folds: Of all networks.
        limits: Threshold of each.
    """
    rows = []
    for kind in folds[0].kinds:
        measured = [(*fold.kinds[kind], limit) for fold, limit in zip(folds, limits, strict=True) if kind in fold.kinds]
        far = np.concatenate([distances > limit for distances, _, limit in measured])
        flags = np.concatenate([flags for _, flags, _ in measured])
        shares = {"familiarity": far.mean(), "flags": flags.mean(), "either": (far | flags).mean()}
        rows.append({"kind": kind, "images": len(far)} | {name: float(share) for name, share in shares.items()})
    return pd.DataFrame(rows)


def study_figures(table: pd.DataFrame, rows: NDArray[np.int64], far: NDArray[np.bool_]) -> dict[str, float]:
    """Return how many held-out volumes would be stopped, and the most slices of one that are unfamiliar.

    Args:
        table: Rows of the run.
        rows: (held,) that were measured.
        far: (held,) whether each lies beyond the threshold.
    """
    shares = pd.Series(far).groupby(volume_names(table.iloc[rows]).to_numpy()).agg(["mean", "size"])
    shares = shares.loc[shares["size"] >= FEWEST, "mean"]
    highest = float(shares.max()) if len(shares) else 0.0
    return {"studies": len(shares), "stopped": int((shares > UNLIKE_SHARE).sum()), "highest": highest}


def error_table(
    card: Card, paths: pd.Series, distances: NDArray[np.float64], limits: NDArray[np.float64], *, n: int = RESAMPLES
) -> pd.DataFrame:
    """Return error against coverage of every finding by every rule of ``strokeapp.performance.abstaining``.

    Args:
        card: Of the network, with its out-of-fold predictions.
        paths: (held,) of the images that were measured.
        distances, limits: (held,) of each and the threshold it is held against.
        n: Resamples of patients.

    Raises:
        ModelError: The predictions are of other images.
    """
    table = read_predictions(card.predictions)
    places = pd.Series(np.arange(len(table)), index=table["path"]).reindex(paths)
    if places.isna().any():
        raise ModelError(f"The predictions of {card.name} are not of this run's images. Package the run first.")
    chosen = places.to_numpy(np.int64)
    parts = []
    for finding, settings in card.findings.items():
        points, rows = crossed_thresholds(table, finding, settings.threshold)[chosen], table.iloc[chosen]
        told = known_rows(rows, finding)
        sample, points = known(rows, finding), points[told]
        for rule, doubt in doubts(sample.scores, points, distances[told], limits[told]).items():
            found = error_at_coverage(sample, points, doubt, n=n)
            parts.append(found.assign(finding=finding.value, rule=rule))
    return pd.concat(parts, ignore_index=True)


def fit_run(folder: Path, card: Card, manifest: Path) -> tuple[Path, Path]:
    """Write the familiarity of a run's final network, and ``coverage.json``, beside its card; return both paths.

    The final network, which learnt from everybody, takes the threshold from what the fold networks measured on
    patients they had not seen: distances are counted in standard deviations of each network's own features.

    Args:
        folder: Of a finished run.
        card: Of the network that was packaged from it.
        manifest: Of the run's images and of others, which the network must not read.

    Raises:
        RecipeError: A part of the run is missing, or it is the run of another network.
    """
    run = _open_run(folder, card, manifest)
    numbers, final = range(run.recipe.folds), run.table["fold"].to_numpy() >= 0
    others = dict(other_pictures(read_manifest(manifest), run.recipe, manifest.parent, most=PER_KIND * len(numbers)))
    shared = [
        {kind: some[k :: len(numbers)] for kind, some in others.items() if some[k :: len(numbers)]} for k in numbers
    ]
    folds = [measure_fold(run, number, shared[number]) for number in tqdm(numbers, desc="familiarity", unit="fold")]
    threshold = float(np.quantile(np.concatenate([fold.distances for fold in folds]), QUANTILE))
    network, familiarity = run.familiarity(FINAL, np.flatnonzero(final))
    return _write(replace(familiarity, threshold=threshold), card.folder), _write_coverage(run, card, folds, threshold)


def _open_run(folder: Path, card: Card, manifest: Path) -> Run:
    recipe = load_recipe(folder)
    if (recipe.name, recipe.version) != (card.name, card.version):
        raise RecipeError(
            f"{folder} is the run of {recipe.name} {recipe.version}, not of the installed {card.name} {card.version}. "
            "Package the run first, or give the folder of the network's own run."
        )
    parts = part_names(recipe)
    needed = [f"{part}/{name}" for part in parts for name in (CHECKPOINT, "predictions.npz")]
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise RecipeError(
            f"Familiarity of {card.name} needs every fold's network and the final one. {folder} lacks "
            f"{', '.join(missing)}: train again, it continues where it stopped. A network whose run is lost must be "
            "trained anew to get one."
        )
    table = read_rows(folder)
    return Run(folder, recipe, table, load_store(recipe, table, manifest.parent, folder, masks=False))


def _write(familiarity: Familiarity, folder: Path) -> Path:
    path = folder / FAMILIARITY
    save_file({name: np.ascontiguousarray(value) for name, value in save_values(familiarity).items()}, path)
    path.chmod(0o644)
    return path


def coverage_content(run: Run, card: Card, folds: list[FoldMeasures], threshold: float) -> dict[str, Any]:
    """Return what ``coverage.json`` holds of a run's folds.

    Every held-out slice, and every unlike one, is held against the threshold that the other folds set, so that the
    shares are not those of the slices that the threshold was taken from.
    """
    limits = crossed_limits(folds)
    rows = np.concatenate([fold.rows for fold in folds])
    distances = np.concatenate([fold.distances for fold in folds])
    limit = np.concatenate([np.full(len(fold.rows), own) for fold, own in zip(folds, limits, strict=True)])
    far, table = distances > limit, run.table.iloc[rows]
    held = {"images": len(rows), "patients": int(table["group"].nunique()), "stopped": float(far.mean())}
    errors = error_table(card, table["path"], distances, limit)
    return {
        "network": card.name,
        "version": card.version,
        "threshold": threshold,
        "quantile": QUANTILE,
        "study_share": UNLIKE_SHARE,
        "held_out": held,
        "studies": study_figures(run.table, rows, far),
        "unlike": to_records(unlike_table(folds, limits)),
        "errors": to_records(errors),
    }


def _write_coverage(run: Run, card: Card, folds: list[FoldMeasures], threshold: float) -> Path:
    path = card.folder / COVERAGE
    content = coverage_content(run, card, folds, threshold)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path
