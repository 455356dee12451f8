"""Fill in a model card: what a paper must state, from the run's own record and its stored predictions."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from model_training.calibrate import fit_calibration
from model_training.claim import claim_items
from model_training.experiments import read_experiments
from model_training.goals import Evidence, goal_rows, slice_logits
from model_training.init import PRETRAINED
from model_training.lesion_sizes import add_manifest_columns
from model_training.limits import INTENDED_USE, leaning_on_source, limits_of, weak_sources
from model_training.recipe import Recipe
from model_training.runs import earlier_training
from model_training.sources import SOURCES, TERMS
from strokeapp import __version__
from strokeapp.inference.explanation.measured import measured
from strokeapp.inference.slices import sigmoid
from strokeapp.models.backbones import LITE0
from strokeapp.models.layers import count_layers
from strokeapp.models.registry import CARD, Card, FindingSettings, load_network, read_card
from strokeapp.performance.calibration_change import calibration_error
from strokeapp.performance.crossed import EXTERNAL
from strokeapp.performance.gallery import worst_mistakes
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.predictions import known, known_rows, patient_groups, read_predictions
from strokeapp.performance.subgroups import subgroup_table, unknown_attributes
from strokeapp.performance.summary import to_records
from strokeapp.types import Finding, Modality

if TYPE_CHECKING:
    from model_training.package import RunResults

GRAY_WINDOWS = {
    Modality.CT: "brain, width 80, level 40",
    Modality.MR: "each slice's own range, tissue brought to one median gray",
}
SHARE_ALIKE = (
    "Weights learnt from sets under Creative Commons terms, the strictest of them CC BY-SA 4.0: shared under "
    "CC BY-SA 4.0. The code is Apache-2.0."
)


def build_card(
    results: RunResults, settings: Mapping[Finding, FindingSettings], *, weights: Mapping[str, Any], hardware: str
) -> dict[str, Any]:
    """Return what the run itself tells for the card, as plain values; ``complete_card`` adds what was measured.

    Args:
        results: Of the run.
        settings: Calibration and operating points.
        weights: sha256, bytes, parameters.
        hardware: What the run took place on.
    """
    recipe, table = results.recipe, results.table
    sources = _sources(recipe.datasets, table)
    return {
        "name": recipe.name,
        "version": recipe.version,
        "title": recipe.title,
        "modality": recipe.modality.value,
        "sequences": list(recipe.sequences),
        "license": _license(sources, recipe),
        "input": {
            "size": recipe.size,
            "margin": recipe.margin,
            "window": GRAY_WINDOWS.get(recipe.modality, "as given"),
        },
        "network": {
            "kind": "U-Net on EfficientNet-Lite0" if recipe.backbone == LITE0 else f"U-Net on {recipe.backbone}",
            "backbone": recipe.backbone,
            "pooled": list(recipe.reading_pooled),
            "top_share": recipe.top_share,
            "recurrent_layers": 0,
        },
        "weights": {"file": "weights.safetensors", **weights},
        "findings": {finding.value: dataclasses.asdict(values) for finding, values in settings.items()},
        "map_cut": recipe.map_cut,
        "training": _training(results, hardware),
        "sources": sources,
        "intended_use": dict(INTENDED_USE),
        "limits": limits_of(recipe.sequences),
    }


def _training(results: RunResults, hardware: str) -> dict[str, Any]:
    recipe, table = results.recipe, results.table
    inner = table[table["fold"] >= 0]
    return {
        "images": len(inner),
        "patients": int(inner.groupby(["dataset", "group"]).ngroups),
        "external_images": int((table["fold"] < 0).sum()),
        "per_dataset": {name: int(count) for name, count in inner["dataset"].value_counts().sort_index().items()},
        "split": f"{recipe.folds} folds by patient; the final network learns from all of them",
        "loss": "binary cross-entropy over known labels; lesion maps: cross-entropy and Dice",
        "optimizer": f"AdamW, weight decay {recipe.weight_decay}, gradient norm clipped at 5",
        "learning_rate": recipe.learning_rate,
        "schedule": "linear warm-up, half a cosine to zero",
        "batch": recipe.batch,
        "epochs": recipe.epochs,
        "refinement": dataclasses.asdict(recipe.refinement) if recipe.refinement else None,
        "images_per_epoch": recipe.images_per_epoch,
        "first_size": recipe.first_size,
        "init": recipe.init,
        "earlier": earlier_training(recipe),
        "start_share": recipe.start_share,
        "pooled": list(recipe.pooled),
        "encoder_rate": recipe.encoder_rate,
        "layer_decay": recipe.layer_decay,
        "patience": recipe.patience,
        "augmentation": dataclasses.asdict(recipe.augmentation),
        "ema": recipe.ema,
        "seed": recipe.seed,
        "seconds": results.seconds,
        "hardware": hardware,
        "framework": f"PyTorch {torch.__version__}, Python {platform.python_version()}, StrokeApp {__version__}",
    }


def _sources(datasets: Sequence[str], table: pd.DataFrame) -> list[dict[str, Any]]:
    """Credit every dataset, those of a hospital's own too."""
    unknown = {"citation": "not stated", "terms": "not stated"}
    counts = table["dataset"].value_counts()
    return [
        {"dataset": name, "images": int(counts.get(name, 0)), **SOURCES.get(name, {"name": name, **unknown})}
        for name in datasets
    ]


def _license(sources: Sequence[Mapping[str, Any]], recipe: Recipe) -> str:
    """Return the terms of the weights: the strictest of what they learnt from.

    Weights that go on from a run carry that run's terms too, and those of the runs before it; those that continue
    from any other file may come from any set, and carry the strictest.
    """
    terms, init, before = [item["terms"] for item in sources], recipe.init, earlier_training(recipe)
    while before is not None:
        terms += [SOURCES.get(name, {"terms": "not stated"})["terms"] for name in before["datasets"]]
        init, before = before["init"], before["earlier"]
    if init.startswith(PRETRAINED):
        return TERMS
    return SHARE_ALIKE if all(item.startswith("CC") and "NC" not in item for item in terms) else TERMS


def complete_card(folder: Path, *, manifest: Path | None = None, n: int = RESAMPLES) -> Card:
    """Add to a network's card what its stored predictions and files tell, and return it.

    Writes calibration errors, subgroups, failure gallery, layer counts, experiments, what was measured of its
    explanations, goals beside figures, limits, intended use and the CLAIM checklist; what the run itself recorded
    stays as it is. May be repeated.

    Args:
        folder: Of the network: card, weights, predictions, and ``experiments.json`` where there is one.
        manifest: Of the images; adds slice numbers and lesion sizes to the stored predictions.
        n: Resamples of patients for the intervals.

    Raises:
        StrokeAppError: Card, weights, predictions, experiments or manifest cannot be used.
    """
    card = read_card(folder)
    if manifest is not None:
        add_manifest_columns(card.predictions, manifest)
    table, raw = read_predictions(card.predictions), dict(card.raw)
    layers = count_layers(load_network(card))
    raw["network"] = {**raw["network"], "convolutional_layers": layers.convolutional}
    raw |= measured_parts(card, table, n=n)
    raw["intended_use"] = dict(INTENDED_USE)
    raw["limits"] = measured_limits(raw)
    raw["experiments"], raw["explanations"] = read_experiments(folder), explained(card)
    raw["external"] = external_record(table, card)
    raw["goals"] = [row.record() for row in goal_rows(Evidence(dataclasses.replace(card, raw=raw), table, n))]
    raw["claim"] = claim_items(raw)
    write_card(folder, raw)
    return read_card(folder)


def write_card(folder: Path, raw: Mapping[str, Any]) -> None:
    """Write the card of the network in a folder; what is not finite is refused."""
    text = json.dumps(raw, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")


def measured_limits(raw: Mapping[str, Any]) -> list[str]:
    """Return the limits of a network: those of its kind of image, and those that its card's figures show."""
    shown = (*weak_sources(raw.get("subgroups", ())), *leaning_on_source(raw.get("own_source", ())))
    return [*limits_of(raw["sequences"]), *shown]


def explained(card: Card) -> dict[str, Any] | None:
    """Return how often the default explanation points into known lesions, per finding; None where it is not measured.

    Raises:
        ModelError: The figures of the explanations cannot be read.
    """
    figures = measured(card.folder)
    if figures is None:
        return None
    hits = {f.value: figures.sentence(figures.default, f) for f in card.findings}
    return {"version": figures.version, "default": figures.default, "hits": hits}


def external_record(table: pd.DataFrame, card: Card) -> dict[str, Any] | None:
    """Return what there is of images that no part of the run has learnt from; None where there is nothing.

    Returns:
        images, patients (groups, where the source names none), and per finding with and without it.
    """
    rows = table[table["fold"] == EXTERNAL]
    if rows.empty:
        return None
    counted = {f.value: rows[f.value].value_counts() for f in card.findings}
    return {
        "images": len(rows),
        "patients": len(np.unique(patient_groups(rows))),
        "with": {name: int(count.get(1, 0)) for name, count in counted.items()},
        "without": {name: int(count.get(0, 0)) for name, count in counted.items()},
    }


def measured_parts(card: Card, table: pd.DataFrame, *, n: int = RESAMPLES) -> dict[str, Any]:
    """Return calibration, subgroups and failure gallery of every finding as plain values; nan is None.

    Args:
        card: Of the network.
        table: Its stored predictions.
        n: Resamples of patients.
    """
    read = {f: s for f, s in card.findings.items() if known_rows(table, f).any()}
    subgroups = [subgroup_table(table, finding, settings.threshold, n=n) for finding, settings in read.items()]
    gallery = [worst_mistakes(table, finding, settings.threshold) for finding, settings in read.items()]
    return {
        "calibration": {f.value: calibration_record(table, f, settings, n=n) for f, settings in read.items()},
        "subgroups": [row for part in subgroups for row in to_records(part)],
        "subgroups_unknown": list(unknown_attributes(table)),
        "gallery": [row for part in gallery for row in to_records(part)],
    }


def calibration_record(
    table: pd.DataFrame, finding: Finding, settings: FindingSettings, *, n: int = RESAMPLES
) -> dict[str, Any]:
    """Return the expected calibration error before, after, and after a calibration fitted on other folds.

    The shipped calibration was fitted on the very logits it is judged by; the last figure is the honest one.

    Args:
        table: Stored predictions.
        finding: Which.
        settings: The calibration in use, which is undone for the first figure.
        n: Resamples of patients.
    """
    rows = table[known_rows(table, finding)]
    labels, after, patients = known(rows, finding)
    logits = slice_logits(after, settings)
    scores = {"before": sigmoid(logits), "after": after}
    crossed = cross_fitted(logits, labels, rows["fold"].to_numpy())
    if crossed is not None:
        scores["cross_fitted"] = crossed
    record: dict[str, Any] = {"images": len(rows), "patients": int(patients.max()) + 1}
    for name, values in scores.items():
        error = calibration_error(labels, values, patients, n=n)
        low, high = (end if np.isfinite(end) else None for end in error.interval)
        record[name] = {"ece": error.value, "low": low, "high": high}
    return record


def cross_fitted(logits: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray | None:
    """Return (images,) probabilities of a calibration fitted on the other inner folds; None where one lacks a class.

    Args:
        logits, labels: (images,) of one finding.
        folds: (images,) names; "external" is never fitted on.
    """
    inner, out = folds != EXTERNAL, np.full(len(logits), np.nan)
    for name in np.unique(folds):
        held, fit = folds == name, inner & (folds != name)
        if len(np.unique(labels[fit])) < 2:
            return None
        out[held] = fit_calibration(logits[fit], labels[fit])(logits[held])
    return out
