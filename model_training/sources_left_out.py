"""Train without one source at a time and judge it, as a hospital that the network has never seen.

Every run also holds back one fold of the other sources, so that a source of one class only (all infarcts, or no
bleed at all) can be judged against images that the same network has not seen either.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from model_training.calibrate import heard
from model_training.cross_validation import load_store, recipe_rows, run_recipe
from model_training.experiments import LEFT_OUT
from model_training.recipe import Recipe
from model_training.runs import load_recipe, read_rows
from strokeapp.errors import RecipeError
from strokeapp.inference.slices import sigmoid
from strokeapp.models.slice_network import FINDINGS
from strokeapp.performance.predictions import Sample, known
from strokeapp.performance.summary import counts, ranking_figures, to_records
from strokeapp.types import Finding

HELD_FOLD = 0
FIGURES = "left_out.json"
STORE = "store.npz"
COLUMNS = (
    "left_out",
    "finding",
    "against",
    "presumed",
    "images",
    "patients",
    "positives",
    "auc",
    "auc_low",
    "auc_high",
)


def without(recipe: Recipe, dataset: str) -> Recipe:
    """Return the recipe that never learns from one of its datasets: it becomes external.

    Raises:
        RecipeError: The recipe does not learn from it, or from nothing else.
    """
    learnt = [name for name in recipe.datasets if name not in recipe.external]
    if dataset not in learnt:
        raise RecipeError(f"{recipe.name} does not learn from {dataset}. It learns from {', '.join(learnt)}.")
    strata = tuple(stratum for stratum in recipe.strata if stratum.dataset != dataset)
    if not strata:
        raise RecipeError(f"{recipe.name} learns from {dataset} only; nothing is left to learn from without it.")
    return dataclasses.replace(recipe, external=(*recipe.external, dataset), strata=strata)


def sources_left_out(recipe: Recipe, manifest: Path, out: Path, *, datasets: list[str] | None = None) -> pd.DataFrame:
    """Train once per source without it, and write what each network says of it; return the figures.

    Args:
        recipe: Settings.
        manifest: Table of labelled images; paths are relative to its folder.
        out: Folder with one run per source; continued if it holds a part of them already.
        datasets: Sources to leave out, one at a time; all that the recipe learns from unless given.

    Raises:
        RecipeError: As ``without``.
    """
    chosen = datasets or [name for name in recipe.datasets if name not in recipe.external]
    reduced = {name: without(recipe, name) for name in chosen}
    out.mkdir(parents=True, exist_ok=True)
    load_store(recipe, recipe_rows(recipe, manifest), manifest.parent, out)
    for name, smaller in reduced.items():
        (out / name).mkdir(exist_ok=True)
        share_store(out / STORE, out / name / STORE)
        run_recipe(smaller, manifest, out / name, folds=[HELD_FOLD])
    return write_figures(out, list(reduced))


def share_store(source: Path, target: Path) -> None:
    """Let the run use the images decoded once: a link where the file system has them, else a copy."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def left_out_predictions(folder: Path, dataset: str) -> pd.DataFrame:
    """Return what the network that never saw a source says of it and of the held fold of the others.

    Args:
        folder: Of the run without the source.
        dataset: The source.

    Returns:
        The manifest's columns, <finding>_probability (not calibrated: only their order counts), and kind:
        "left out", or "others" for the held fold. Rows of other external datasets are dropped.

    Raises:
        RecipeError: The run is missing or not finished.
    """
    part = folder / f"fold{HELD_FOLD}" / "predictions.npz"
    if not part.is_file():
        raise RecipeError(f"The run without {dataset} is not finished. Start leave-one-out again; it continues.")
    table, recipe = read_rows(folder), load_recipe(folder)
    with np.load(part) as values:
        rows, logits = values["rows"], values["findings"].astype(np.float64)
    table = table.iloc[rows].reset_index(drop=True)
    for channel, finding in enumerate(FINDINGS):
        weight = recipe.neighbor_weight.get(finding.value, 0.0)
        table[f"{finding.value}_probability"] = sigmoid(heard(table, logits[:, channel], weight))
    table["kind"] = np.where(table["dataset"] == dataset, "left out", np.where(table["fold"] >= 0, "others", ""))
    return table[table["kind"] != ""].reset_index(drop=True)


def write_figures(out: Path, datasets: list[str]) -> pd.DataFrame:
    """Write ``left_out.json`` for the sources given and return its rows.

    Returns:
        Columns left_out, finding, against ("itself", or "others": its one class against the other class of the held
        fold), presumed (whether presumed labels are counted), images, patients, positives, and the figures of
        ``ranking_figures`` with 95 % intervals over patients. Findings for which the network learnt no positive
        image, and selections of one class, have no row.
    """
    rows = [row for name in datasets for row in _figures(out / name, name)]
    figures = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS))
    (out / FIGURES).write_text(json.dumps(to_records(figures), indent=1) + "\n", encoding="utf-8")
    return figures


def as_experiments(figures: pd.DataFrame, recipe: Recipe) -> list[dict]:
    """Return the figures as rows of ``experiments.json``, presumed labels counted.

    A source of one class is judged against the other class of the held fold of the others.
    """
    rows = []
    for row in to_records(figures[figures["presumed"]]):
        beside = "" if row["against"] == "itself" else ", against held-out images of the others"
        rows.append({
            "name": f"{LEFT_OUT}:{row['finding']}:{row['left_out']}",
            "what": f"{row['finding']} AUC on {row['left_out']} by a network that never saw it{beside} "
            f"({recipe.name}, {recipe.size} px, {recipe.epochs} epochs of {recipe.images_per_epoch:,})",
            "figure": row["auc"], "low": row["auc_low"], "high": row["auc_high"], "n": row["images"],
        })  # fmt: skip
    return rows


def _figures(folder: Path, dataset: str) -> Iterator[dict]:
    predictions, learnt = left_out_predictions(folder, dataset), _learnt(folder)
    for finding in FINDINGS:
        if not (learnt[finding.value] == 1).any():
            continue
        for presumed in (True, False):
            for against, sample in _samples(predictions, finding, presumed):
                if sample.two_classes:
                    row = {"left_out": dataset, "finding": finding.value, "against": against, "presumed": presumed}
                    yield row | counts(sample) | ranking_figures(sample)


def _learnt(folder: Path) -> pd.DataFrame:
    table = read_rows(folder)
    return table[(table["fold"] >= 0) & (table["fold"] != HELD_FOLD)]


def _samples(predictions: pd.DataFrame, finding: Finding, presumed: bool) -> Iterator[tuple[str, Sample]]:
    """Yield the source by itself, and where it has one class only, against the other class of the held fold."""
    source = predictions[predictions["kind"] == "left out"]
    alone = known(source, finding, presumed=presumed)
    yield "itself", alone
    if alone.labels.size and not alone.two_classes:
        others = predictions[(predictions["kind"] == "others") & (predictions[finding.value] != alone.labels[0])]
        yield "others", known(pd.concat([source, others], ignore_index=True), finding, presumed=presumed)


def table_text(figures: pd.DataFrame) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| left out | finding | against | presumed labels | n (positive, patients) | AUC |", "|---" * 6 + "|"]
    for row in figures.to_dict("records"):
        area = f"{row['auc']:.3f} ({row['auc_low']:.3f}–{row['auc_high']:.3f})"
        size = f"{row['images']} ({row['positives']}, {row['patients']})"
        used = "counted" if row["presumed"] else "left out"
        lines.append(f"| {row['left_out']} | {row['finding']} | {row['against']} | {used} | {size} | {area} |")
    return "\n".join(lines)
