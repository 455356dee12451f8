"""Fit a network's familiarity, compare the measures, and say what abstaining by it is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from model_training.cross_validation import FINAL, load_store
from model_training.image_store import ImageStore
from model_training.package import collect
from model_training.recipe import Recipe
from model_training.runs import trained_network
from strokeapp.errors import ModelError
from strokeapp.inference.familiarity import FAMILIARITY, Familiarity, Measure, save_values
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.performance.curves import auc

COVERAGE = "coverage.json"
MEASURE = Measure.NEIGHBORS
"""Of the two: on one held-out fold of a CT network, neighbors noticed unlike inputs that Mahalanobis let through, and
the error fell among the most familiar slices."""
KEPT = 48
"""Principal directions kept of a few hundred; more fit noise of as few training slices."""
PROTOTYPES = 400
NEIGHBORS = 5
QUANTILE = 0.99
SHARES = (1.0, 0.99, 0.95, 0.9, 0.8, 0.7, 0.5)


@torch.no_grad()
def embed(
    network: SliceNetwork, store: ImageStore, rows: NDArray[np.int64], recipe: Recipe, *, batch: int = 48
) -> NDArray[np.float32]:
    """Return (rows, channels) embeddings of images of a store, prepared as ``predict_store`` does."""
    device, parts = next(network.parameters()).device, []
    network.eval()
    for first in range(0, len(rows), batch):
        chosen = rows[first : first + batch]
        pictures = store.network_batch(chosen, recipe.modality, device)
        parts.append(network(pictures).embedding.float().cpu().numpy())
    return np.concatenate(parts)


def fit_features(
    features: NDArray[np.float32],
    held: NDArray[np.float32],
    *,
    measure: Measure = MEASURE,
    kept: int = KEPT,
    prototypes: int = PROTOTYPES,
    neighbors: int = NEIGHBORS,
    quantile: float = QUANTILE,
    seed: int = 0,
) -> Familiarity:
    """Return the familiarity of training features, its threshold set on held-out ones.

    Args:
        features: (training slices, channels).
        held: (held-out slices, channels) of the same network and other patients.
        measure: See ``strokeapp.inference.familiarity``.
        kept: Principal directions.
        prototypes: Training slices stored for the neighbor measure, drawn at random.
        neighbors: See ``Familiarity``.
        quantile: Share of the held-out slices within the threshold.
        seed: Of the draw.

    Raises:
        ModelError: There are fewer training slices than directions to keep, or no held-out ones.
    """
    if len(features) <= kept or not len(held):
        raise ModelError(
            f"Familiarity needs more than {kept} training slices and at least one held out; give more rows.",
            detail=f"{len(features)} training, {len(held)} held out",
        )
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    _, singular, directions = np.linalg.svd(values - mean, full_matrices=False)
    directions, variance = directions[:kept].T, singular[:kept] ** 2 / (len(values) - 1)
    if measure is Measure.MAHALANOBIS:
        directions = directions / np.sqrt(shrunk_variances((values - mean) @ directions, variance))
    empty = np.zeros((0, directions.shape[1]), np.float32)
    fitted = Familiarity(measure, mean.astype(np.float32), directions.astype(np.float32), empty, neighbors, np.inf)
    stored = empty
    if measure is Measure.NEIGHBORS:
        picked = np.random.default_rng(seed).permutation(len(features))[:prototypes]
        stored = fitted.project(features[np.sort(picked)]).astype(np.float16).astype(np.float32)
    fitted = Familiarity(measure, fitted.mean, fitted.directions, stored, neighbors, np.inf)
    threshold = float(np.quantile(fitted.unfamiliarity(held), quantile))
    return Familiarity(measure, fitted.mean, fitted.directions, stored, neighbors, threshold)


def shrunk_variances(coordinates: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shrink variances along principal directions toward their mean.

    Source: Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004); in the
    eigenbasis the shrunk covariance stays diagonal.

    Args:
        coordinates: (slices, kept) centered.
        variance: (kept,) along each direction.

    Returns:
        (kept,) shrunk variances, all positive.
    """
    count = len(coordinates)
    center = variance.mean()
    spread = float(((variance - center) ** 2).sum())
    norms = (coordinates**2).sum(axis=1)
    noise = float((norms**2).sum() / count - (variance**2).sum()) / count
    share = min(1.0, max(0.0, noise / spread)) if spread > 0 else 1.0
    return np.maximum((1 - share) * variance + share * center, 1e-12)


def detection_auc(
    familiarity: Familiarity, held: NDArray[np.float32], unlike: Mapping[str, NDArray[np.float32]]
) -> dict[str, dict[str, float]]:
    """Return per kind of unlike input its AUC against held-out slices and the share beyond the threshold.

    Args:
        familiarity: Fitted on other rows.
        held: (slices, channels) of patients it was not fitted on.
        unlike: Kind to (slices, channels).
    """
    inside, result = familiarity.unfamiliarity(held), {}
    for kind, features in unlike.items():
        outside = familiarity.unfamiliarity(features)
        labels = np.repeat([0, 1], [len(inside), len(outside)])
        result[kind] = {
            "images": len(outside),
            "auc": round(auc(labels, np.concatenate([inside, outside])), 4),
            "beyond": round(float((outside > familiarity.threshold).mean()), 4),
        }
    return result


def coverage_table(
    unfamiliarity: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    labels: NDArray[np.float64],
    threshold: float,
    *,
    shares: tuple[float, ...] = SHARES,
) -> pd.DataFrame:
    """Return the error of a finding among the most familiar images.

    Source: risk-coverage curves, Geifman & El-Yaniv, Selective classification for deep neural networks (2017).

    Args:
        unfamiliarity: (images,).
        probabilities: (images,) out-of-fold.
        labels: (images,) 1, 0, or nan (not known: left out).
        threshold: Operating point.
        shares: Coverages asked for.

    Returns:
        Columns coverage, images, unfamiliarity (largest among them), error, recall, specificity; nan where no image
        of that class is left.
    """
    known = np.isfinite(labels)
    order = np.argsort(unfamiliarity[known], kind="stable")
    distance, truth = unfamiliarity[known][order], labels[known][order] == 1
    flagged = probabilities[known][order] >= threshold
    rows = []
    for share in shares:
        count = round(share * len(order))
        if not count:
            continue
        right, positive = flagged[:count] == truth[:count], truth[:count]
        rows.append(
            {"coverage": share, "images": count, "unfamiliarity": distance[count - 1], "error": 1 - right.mean()}
            | {"recall": _mean(right[positive]), "specificity": _mean(right[~positive])}
        )
    columns = ["coverage", "images", "unfamiliarity", "error", "recall", "specificity"]
    return pd.DataFrame(rows, columns=columns)


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else float("nan")


def fit_familiarity(
    network: SliceNetwork,
    store: ImageStore,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    held: NDArray[np.int64],
    measure: Measure = MEASURE,
    most: int = 2000,
    seed: int = 0,
) -> Familiarity:
    """Return the familiarity of one network.

    Args:
        network: In use.
        store: Images of the recipe.
        rows: Training images of the network.
        recipe: Of the network.
        held: Images of patients that the network did not learn from; they set the threshold. A final network, which
            learns from everybody, has none: give it the threshold of the fold networks (``with_threshold``).
        measure: See ``strokeapp.inference.familiarity``.
        most: Images of each kind that are looked at, drawn evenly over the rows.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    chosen = [np.sort(rng.permutation(part)[:most]) for part in (rows, held)]
    features, outside = (embed(network, store, part, recipe) for part in chosen)
    return fit_features(features, outside, measure=measure, seed=seed)


def with_threshold(familiarity: Familiarity, folds: list[Familiarity]) -> Familiarity:
    """Give a final network's familiarity the mean threshold of the fold networks, each set on patients not seen.

    Unfamiliarity is measured relative to each network's own training features, so that thresholds compare roughly.

    Raises:
        ModelError: There are no folds, or they use another measure.
    """
    if not folds or any(fold.measure is not familiarity.measure for fold in folds):
        raise ModelError("The threshold needs fold networks with the same measure of familiarity.")
    threshold = float(np.mean([fold.threshold for fold in folds]))
    values = (familiarity.mean, familiarity.directions, familiarity.prototypes, familiarity.neighbors)
    return Familiarity(familiarity.measure, *values, threshold)


def write_familiarity(
    familiarity: Familiarity, folder: Path, *, coverage: Mapping[str, pd.DataFrame] | None = None
) -> Path:
    """Write the file that ships with a network and, where given, ``coverage.json``; return the former.

    Args:
        familiarity: With its threshold.
        folder: Of the network.
        coverage: Finding to its ``coverage_table``.
    """
    path = folder / FAMILIARITY
    save_file({name: np.ascontiguousarray(value) for name, value in save_values(familiarity).items()}, path)
    if coverage is not None:
        plain = {
            name: table.round(4).astype(object).where(table.notna(), None).to_dict("records")
            for name, table in coverage.items()
        }
        content = {"measure": familiarity.measure.value, "threshold": familiarity.threshold, "coverage": plain}
        (folder / COVERAGE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def fit_run(run: Path, folder: Path, images: Path, *, most: int = 600) -> Path:
    """Fit the familiarity of a run's final network, with the folds' threshold, and write it.

    Args:
        run: Of a finished run.
        folder: Of the packaged network.
        images: Folder that the manifest's paths are relative to, for a run whose image store is gone.
        most: Images looked at per network and kind.

    Raises:
        RecipeError: The run is not finished.
    """
    results = collect(run)
    recipe, fold = results.recipe, results.table["fold"].to_numpy()
    store = load_store(recipe, results.table, images, run)
    folds = [
        fit_familiarity(
            trained_network(run, f"fold{number}", recipe),
            store,
            np.flatnonzero((fold >= 0) & (fold != number)),
            recipe,
            held=np.flatnonzero(fold == number),
            most=most,
        )
        for number in range(recipe.folds)
    ]
    inner = np.flatnonzero(fold >= 0)
    final = fit_familiarity(trained_network(run, FINAL, recipe), store, inner, recipe, held=inner, most=most)
    write_familiarity(with_threshold(final, folds), folder)
    return folder / FAMILIARITY
