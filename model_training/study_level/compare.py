"""Compare pooling rules and sequence networks on patients that neither they nor their slice network learnt from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_training.calibrate import Calibration, fit_calibration
from model_training.image_store import ImageStore
from model_training.runs import load_recipe, read_rows
from model_training.study_level.features import FoldFeatures, fold_features, volume_rows
from model_training.study_level.recipe import Design, StudyRecipe
from model_training.study_level.rules import REFERENCE, RULES, smoothed
from model_training.study_level.training import fit, read_volume
from model_training.study_level.volumes import Volume
from strokeapp.errors import RecipeError
from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import Finding

FINDING = Finding.HEMORRHAGIC
Features = Callable[[int, str], FoldFeatures]
"""Takes a fold and "held" or "learnt": what that fold's network says of the volumes held out, or learnt from."""


@dataclass(frozen=True)
class Scores:
    """Hold what one method says of all volumes, each judged by a fit that did not know its patient.

    Args:
        name: Of the method.
        slices: Per volume, (slices,) logits; those of the slice network where the method gives studies only.
        studies: (volumes,) logits.
        seconds: Of fitting and reading.
    """

    name: str
    slices: list[NDArray]
    studies: NDArray[np.float64]
    seconds: float


def run_features(run: Path, datasets: tuple[str, ...]) -> tuple[pd.DataFrame, list[NDArray], Features]:
    """Return a run's table, the rows of its volumes, and access to the features of its folds.

    Args:
        run: Folder of a finished run.
        datasets: Whose patients are whole volumes.

    Raises:
        RecipeError: The run lacks a part, or has no volumes.
    """
    recipe, table = load_recipe(run), read_rows(run)
    volumes = volume_rows(table, datasets)
    rows, fold = np.concatenate(volumes), table["fold"].to_numpy()
    stored: list[ImageStore] = []

    def features(number: int, part: str) -> FoldFeatures:
        chosen = rows[(fold[rows] == number) == (part == "held")]
        return fold_features(run, recipe, lambda: _store(run, stored), chosen, number, part=part)

    return table, volumes, features


def _store(run: Path, kept: list[ImageStore]) -> ImageStore:
    """Read the run's images when they are first needed: cached features need none."""
    if not kept:
        path = run / "store.npz"
        if not path.is_file():
            raise RecipeError(f"{path} is missing. Train again; the run's images are then decoded again.")
        with np.load(path) as parts:
            kept.append(ImageStore(**{name: parts[name] for name in parts.files}))
    return kept[0]


def volumes_of(
    table: pd.DataFrame, rows: Sequence[NDArray], parts: Sequence[FoldFeatures], *, encoder: bool
) -> list[Volume]:
    """Put features and labels of volumes together; volumes that the parts do not hold are left out.

    Args:
        table: Of the run.
        rows: Of each volume, in order.
        parts: Features, each slice in one of them at most.
        encoder: Whether the encoder's features follow the outputs.
    """
    found = {}
    for part in parts:
        wide = [part.evidence, part.pooled.astype(np.float32)] if encoder else [part.evidence]
        found |= dict(zip(part.rows.tolist(), np.concatenate(wide, axis=1), strict=True))
    labels = table[FINDING.value].to_numpy(np.float32)
    volumes = []
    for own in rows:
        if own[0] in found:
            first = table.iloc[own[0]]
            features = np.stack([found[row] for row in own.tolist()])
            volumes.append(Volume(own, features, labels[own], first["dataset"], first["group"], int(first["fold"])))
    return volumes


def rule_scores(volumes: Sequence[Volume]) -> list[Scores]:
    """Apply every pooling rule; noisy-or takes its calibration from the other folds.

    Args:
        volumes: With out-of-fold outputs.
    """
    channel = FINDINGS.index(FINDING)
    logits = [volume.features[:, channel] for volume in volumes]
    calibrations = {fold: _calibration(volumes, fold, channel) for fold in {volume.fold for volume in volumes}}
    scores = []
    for name, rule in RULES.items():
        begun = time.perf_counter()
        studies = [rule(z, calibrations[volume.fold]) for z, volume in zip(logits, volumes, strict=True)]
        slices = [smoothed(z) for z in logits] if name.startswith("neighbors") else logits
        scores.append(Scores(name, slices, np.array(studies), time.perf_counter() - begun))
    return scores


def _calibration(volumes: Sequence[Volume], fold: int, channel: int) -> Calibration:
    others = [volume for volume in volumes if volume.fold != fold]
    logits = np.concatenate([volume.features[:, channel] for volume in others])
    labels = np.concatenate([volume.labels for volume in others])
    known = ~np.isnan(labels)
    return fit_calibration(logits[known], labels[known])


def sequence_scores(
    recipe: StudyRecipe, table: pd.DataFrame, rows: Sequence[NDArray], features: Features, folds: Sequence[int]
) -> Scores:
    """Fit a recipe once per fold and let it read the volumes held out of that fold.

    OUTPUTS learns from the out-of-fold outputs of the other folds' patients; FEATURES from what this fold's
    network says of the same patients, whom it learnt from.
    """
    begun, encoder = time.perf_counter(), recipe.design is Design.FEATURES
    slices: dict[int, NDArray] = {}
    studies: dict[int, float] = {}
    for fold in folds:
        others = [features(fold, "learnt")] if encoder else [features(f, "held") for f in folds if f != fold]
        networks = fit_seeds(recipe, volumes_of(table, rows, others, encoder=encoder))
        for volume in volumes_of(table, rows, [features(fold, "held")], encoder=encoder):
            slices[volume.rows[0]], studies[volume.rows[0]] = read_volume(networks, volume.features)
    order = [own[0] for own in rows]
    seconds = time.perf_counter() - begun
    return Scores(recipe.name, [slices[key] for key in order], np.array([studies[key] for key in order]), seconds)


def fit_seeds(recipe: StudyRecipe, volumes: Sequence[Volume]) -> list:
    """Return one network per seed of the recipe."""
    return [fit(volumes, recipe, seed=seed) for seed in recipe.seeds]


def pooled_by_rule(scores: Scores) -> Scores:
    """Let the shipped rule pool a sequence network's slice logits, in place of its own study logit."""
    rule = RULES[REFERENCE]
    studies = np.array([rule(z, Calibration(1.0, 0.0)) for z in scores.slices])
    return replace(scores, name=f"{scores.name}, slices pooled by {REFERENCE}", studies=studies)


def compare(run: Path, recipes: Sequence[StudyRecipe]) -> tuple[list[Volume], list[Scores]]:
    """Score the volumes of a run with every rule and every recipe.

    Args:
        run: Folder of a finished run.
        recipes: Of one set of datasets.

    Returns:
        The volumes with their out-of-fold outputs, and the scores in the same order.

    Raises:
        RecipeError: A part of the run is missing, or the recipes use different datasets.
    """
    if len({(recipe.datasets, recipe.judged) for recipe in recipes}) != 1:
        raise RecipeError("Compare recipes of the same datasets, judged on the same one; their figures would differ.")
    table, rows, features = run_features(run, recipes[0].datasets)
    folds = sorted({int(table.at[own[0], "fold"]) for own in rows})
    volumes = volumes_of(table, rows, [features(fold, "held") for fold in folds], encoder=False)
    scores = rule_scores(volumes)
    for recipe in recipes:
        own = sequence_scores(recipe, table, rows, features, folds)
        scores += [own, pooled_by_rule(own)]
    return volumes, scores
