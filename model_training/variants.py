"""Train variants of one recipe on the same folds and lay their figures side by side.

What a backbone, first weights or a setting is worth shows only where everything else is the same: images, folds,
seed, epochs, and the machine.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_training.calibrate import heard
from model_training.cross_validation import load_store, recipe_rows, run_recipe
from model_training.loop import build_network
from model_training.predict import dice
from model_training.recipe import Recipe, read_recipe, recipe_from
from model_training.runs import load_recipe, read_rows, unfinished
from model_training.settings import read_toml
from model_training.sources_left_out import STORE, share_store
from strokeapp.errors import PerformanceError, RecipeError
from strokeapp.inference.slices import sigmoid
from strokeapp.models.slice_network import FINDINGS
from strokeapp.performance.comparison import compare
from strokeapp.performance.predictions import known
from strokeapp.performance.summary import counts, ranking_figures, to_records

FIGURES = "variants.json"
KEYS = {"base", "folds", "settings", "variant"}
ALL = "all"
INPUT = ("size", "margin", "modality", "sequences", "datasets", "mask_kinds")
"""What decides the stored images: variants that agree in it share one store."""


@dataclass(frozen=True)
class Variants:
    """Hold the recipes to compare; the first is what the others are tested against.

    Args:
        recipes: By name, in the order of the file.
        folds: Which are trained and judged.
    """

    recipes: dict[str, Recipe]
    folds: tuple[int, ...]


def read_variants(path: Path) -> Variants:
    """Return the recipes that a TOML file describes: ``base``, ``folds``, ``[settings]`` and ``[[variant]]`` tables.

    ``base`` is a recipe beside the file; ``settings`` differ from it in every variant; each variant has a ``name``,
    and every other value in it is a setting in which it alone differs.

    Raises:
        RecipeError: The file or its base is not there, or something in it is unknown or impossible.
    """
    raw = read_toml(path, shipped="Shipped ones lie in model_training/recipes/variants.")
    unknown = sorted(set(raw) - KEYS)
    tables = raw.get("variant", [])
    if unknown or not raw.get("base") or len(tables) < 2:
        raise RecipeError(
            f"{path.name} needs base and at least two [[variant]] tables, and may have folds and [settings]; "
            f"unknown: {', '.join(unknown) or 'nothing'}."
        )
    names = [table.get("name", "") for table in tables]
    if not all(_usable(name) for name in names) or len(set(names)) < len(names):
        raise RecipeError(f"{path.name}: every variant needs a name of its own that can be a folder's.")
    base = asdict(read_recipe(path.parent / raw["base"]))
    recipes = {name: _recipe(base, raw, table, path) for name, table in zip(names, tables, strict=True)}
    first = next(iter(recipes.values()))
    folds = tuple(raw.get("folds", range(first.folds)))
    if not folds or any(not 0 <= fold < recipe.folds for fold in folds for recipe in recipes.values()):
        raise RecipeError(f"{path.name}: folds must name some of 0 to {first.folds - 1}.")
    return Variants(recipes, folds)


def _usable(name: Any) -> bool:
    return isinstance(name, str) and name != "" and all(letter.isalnum() or letter in "_-" for letter in name)


def _recipe(base: dict, raw: dict, table: dict, path: Path) -> Recipe:
    own = {key: value for key, value in table.items() if key != "name"}
    return recipe_from({**base, **raw.get("settings", {}), **own, "name": table["name"]}, path.name)


def run_variants(variants: Variants, manifest: Path, out: Path) -> pd.DataFrame:
    """Train what is missing of every variant, one after the other; write and return their figures.

    Args:
        variants: From ``read_variants``.
        manifest: Table of labelled images; paths are relative to its folder.
        out: Folder with one run per variant; continued if it holds a part of them already.

    Raises:
        RecipeError: A variant cannot be trained.
    """
    stores: dict[str, Path] = {}
    for name, recipe in variants.recipes.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        kind = json.dumps([getattr(recipe, field) for field in INPUT], default=str)
        if kind in stores:
            share_store(stores[kind], folder / STORE)
        else:
            load_store(recipe, recipe_rows(recipe, manifest), manifest.parent, folder)
            stores[kind] = folder / STORE
        run_recipe(recipe, manifest, folder, folds=list(variants.folds))
    return write_figures(variants, out)


def held_predictions(folder: Path, folds: tuple[int, ...]) -> pd.DataFrame:
    """Return what a variant says of images that it never learnt from.

    An external image is judged by every fold's network; its logits are averaged.

    Args:
        folder: Of its run.
        folds: That were trained.

    Returns:
        The manifest's columns, <finding>_probability (not calibrated), <finding>_dice (nan where nothing is drawn).

    Raises:
        RecipeError: A fold is not finished.
    """
    table, recipe = read_rows(folder), load_recipe(folder)
    logits, overlap = np.zeros((len(table), len(FINDINGS))), np.full((len(table), len(FINDINGS), 3), np.nan)
    judged = np.zeros(len(table), np.int64)
    for fold in folds:
        part = folder / f"fold{fold}" / "predictions.npz"
        if not part.is_file():
            raise unfinished(folder, f"fold{fold}")
        with np.load(part) as values:
            rows = values["rows"]
            logits[rows] += values["findings"]
            overlap[rows] = values["overlap"]
            judged[rows] += 1
    kept = judged > 0
    table, logits = table[kept].reset_index(drop=True), logits[kept] / judged[kept, None]
    scores = dice(overlap[kept].astype(np.float32))
    for channel, finding in enumerate(FINDINGS):
        weight = recipe.neighbor_weight.get(finding.value, 0.0)
        table[f"{finding.value}_probability"] = sigmoid(heard(table, logits[:, channel], weight))
        table[f"{finding.value}_dice"] = scores[:, channel]
    return table


def write_figures(variants: Variants, out: Path) -> pd.DataFrame:
    """Write ``variants.json`` and return its rows.

    Returns:
        Per variant, finding and dataset (and ``all``): images, patients, positives, auc with its 95 % interval over
        patients, difference to the first variant with DeLong's p over patients, mean Dice of drawn
        lesions with their number, parameters, and training seconds per image. Selections of one class have no row,
        but the lesions of a dataset are told in any case.
    """
    rows: list[dict[str, Any]] = []
    reference: pd.DataFrame | None = None
    for name, recipe in variants.recipes.items():
        predictions = held_predictions(out / name, variants.folds)
        reference = predictions if reference is None else reference
        shared = {"variant": name, "parameters": _parameters(recipe), "seconds_per_image": _pace(recipe, out / name)}
        for finding in recipe.findings:
            for dataset in (*sorted(predictions["dataset"].unique()), ALL):
                row = _figures(predictions, reference, finding, dataset)
                if row:
                    rows.append({**shared, "finding": finding, "dataset": dataset, **row})
    figures = pd.DataFrame(rows)
    (out / FIGURES).write_text(json.dumps(to_records(figures), indent=1) + "\n", encoding="utf-8")
    return figures


def _figures(predictions: pd.DataFrame, reference: pd.DataFrame, finding: str, dataset: str) -> dict[str, Any]:
    chosen, beside = (
        table if dataset == ALL else table[table["dataset"] == dataset] for table in (predictions, reference)
    )
    sample, drawn = known(chosen, finding), chosen[f"{finding}_dice"].dropna()
    if not sample.two_classes and drawn.empty:
        return {}
    row = {**counts(sample), "dice": drawn.mean(), "lesions": len(drawn), "difference": np.nan, "p": np.nan}
    row |= {key: value for key, value in ranking_figures(sample).items() if key.startswith("auc")}
    try:
        areas = compare(chosen, beside, finding, (0.5, 0.5)).areas
    except PerformanceError:  # other images or labels than the first variant's: nothing to pair
        areas = None
    return row if areas is None else {**row, "difference": areas.difference, "p": areas.p}


def _parameters(recipe: Recipe) -> int:
    return sum(values.numel() for values in build_network(recipe).parameters())


def _pace(recipe: Recipe, folder: Path) -> float:
    spent = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("fold*/facts.json"))]
    images = sum(item["epochs"] for item in spent) * recipe.images_per_epoch
    return sum(item["training_seconds"] for item in spent) / images


def table_text(figures: pd.DataFrame) -> str:
    """Return the figures as a Markdown table."""
    head = (
        "variant",
        "finding",
        "images of",
        "n (positive, patients)",
        "AUC",
        "against the first (p)",
        "mean Dice (n)",
    )
    lines = ["| " + " | ".join((*head, "parameters", "s per 1,000 images")) + " |", "|---" * 9 + "|"]
    for row in figures.to_dict("records"):
        size = f"{row['images']} ({row['positives']}, {row['patients']})"
        area = _number(row["auc"], f"{row['auc']:.3f} ({row['auc_low']:.3f}–{row['auc_high']:.3f})")
        against = _number(row["p"], f"{row['difference']:+.3f} ({row['p']:.2g})")
        overlap = _number(row["dice"], f"{row['dice']:.3f} ({row['lesions']})")
        cost = f"{row['parameters'] / 1e6:.1f} M | {1000 * row['seconds_per_image']:.0f}"
        cells = (row["variant"], row["finding"], row["dataset"], size, area, against, overlap, cost)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float, text: str) -> str:
    return text if np.isfinite(value) else "–"
