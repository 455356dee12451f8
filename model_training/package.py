"""Turn a finished run into a shipped network: weights, card, out-of-fold predictions."""

from __future__ import annotations

import dataclasses
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from model_training.calibrate import STORED_DECIMALS, heard, settle
from model_training.card import build_card, complete_card, write_card
from model_training.cross_validation import FINAL, part_names
from model_training.manifest import SUBTYPES
from model_training.predict import dice
from model_training.recipe import Recipe
from model_training.runs import averaged_weights, load_recipe, read_rows, unfinished
from strokeapp.errors import RecipeError
from strokeapp.inference.familiarity import FAMILIARITY
from strokeapp.inference.slices import calibrated
from strokeapp.models.registry import FOLDS, PREDICTIONS, WEIGHTS, FindingSettings, fold_file, sha256
from strokeapp.models.slice_network import FINDINGS
from strokeapp.performance.abstaining import COVERAGE
from strokeapp.types import Finding


@dataclasses.dataclass(frozen=True)
class RunResults:
    """Hold what every row got from a network that had not seen it.

    Args:
        recipe: Of the run.
        table: Manifest rows with ``fold`` (-1: external).
        logits: (rows, 2) in the order of ``FINDINGS``.
        dice: (rows, 2) lesion Dice at network resolution, nan where no lesion is drawn.
        seconds: Training time of every part of the run.
    """

    recipe: Recipe
    table: pd.DataFrame
    logits: NDArray[np.float32]
    dice: NDArray[np.float32]
    seconds: dict[str, int]


def collect(run: Path, *, pooled: tuple[str, ...] | None = None) -> RunResults:
    """Put the parts of a finished run together.

    Args:
        run: Its folder.
        pooled: Findings into which the pooled classifier is averaged, where that shall differ from the recipe's
            ``read_pooled``: both logits are known out of fold, so the choice needs no other training.

    Inner rows take the logits of the fold they were held out of; external rows, which no network of the run
    learnt from, take those of the final network.

    Raises:
        RecipeError: A part of the run is missing, or the classifier did not learn what is asked of it.
    """
    recipe = load_recipe(run)
    if pooled is not None:
        if not set(pooled) <= set(recipe.pooled):
            raise RecipeError(f"The classifier learnt of {', '.join(recipe.pooled) or 'nothing'}: name none but that.")
        recipe = dataclasses.replace(recipe, read_pooled=pooled)
    averaged = np.array([finding.value in recipe.reading_pooled for finding in FINDINGS])
    table = read_rows(run)
    logits = np.full((len(table), len(FINDINGS)), np.nan, np.float32)
    overlap_dice, seconds = logits.copy(), {}
    fold = table["fold"].to_numpy()
    for part in part_names(recipe):
        path = run / part / "predictions.npz"
        if not path.is_file():
            raise unfinished(run, part)
        with np.load(path) as values:
            rows = values["rows"]
            mine = fold[rows] == (int(part.removeprefix("fold")) if part != FINAL else -1)
            logits[rows[mine]] = np.where(averaged, values["findings"][mine], values["map_findings"][mine])
            overlap_dice[rows[mine]] = dice(values["overlap"])[mine]
        seconds[part] = json.loads((run / part / "facts.json").read_text(encoding="utf-8"))["training_seconds"]
    return RunResults(recipe, table, logits, overlap_dice, seconds)


def settle_all(results: RunResults) -> dict[Finding, FindingSettings]:
    """Return calibration and operating points of every finding of the recipe."""
    inner, weights = (results.table["fold"] >= 0).to_numpy(), results.recipe.neighbor_weight
    table = results.table[inner].reset_index(drop=True)
    return {
        finding: settle(
            table,
            finding,
            results.logits[inner, FINDINGS.index(finding)],
            neighbor_weight=weights.get(finding.value, 0.0),
            neighbor_reach_mm=results.recipe.neighbor_reach_mm.get(finding.value),
        )
        for finding in FINDINGS
        if finding.value in results.recipe.findings
    }


def predictions_table(results: RunResults, settings: dict[Finding, FindingSettings]) -> pd.DataFrame:
    """Return the stored predictions in the documented form."""
    table = results.table
    out = table[["path", "patient", "dataset"]].copy()
    out["fold"] = np.where(table["fold"] >= 0, table["fold"].astype(str), "external")
    for name in ("ischemic", "hemorrhagic", *SUBTYPES):
        out[name] = table[name].astype("Int8")
    for name in ("presumed", "age", "sex"):
        out[name] = table[name]
    for finding, values in settings.items():
        logits = heard(table, results.logits[:, FINDINGS.index(finding)], values.neighbor_weight)
        out[f"{finding.value}_probability"] = np.round(calibrated(logits, values), STORED_DECIMALS)
    drawn = results.recipe.mask_kinds
    channel_of = {name: FINDINGS.index(Finding(kind)) for name, kind in drawn.items() if kind in list(Finding)}
    columns = table["dataset"].map(channel_of)
    picked = [np.nan if np.isnan(c) else results.dice[i, int(c)] for i, c in enumerate(columns)]
    out["lesion_dice"] = np.round(picked, 4)
    return out


def write_network(
    run: Path,
    folder: Path,
    *,
    hardware: str = "",
    pooled: tuple[str, ...] | None = None,
    manifest: Path | None = None,
    folds: bool = True,
) -> Path:
    """Write weights, card and predictions of a finished run into ``folder / NAME``; return that folder.

    The weights of the folds go beside the folder of shipped networks (``fold_file``), where no reading needs them.

    Args:
        run: Folder of the run.
        folder: Of shipped networks.
        hardware: For the card; what Python tells of this machine unless given.
        pooled: See ``collect``.
        manifest: From which lesion sizes are added to the card, where it is at hand.
        folds: Whether the weights of the folds are kept too; without them nobody can judge the network out of fold.
    """
    results = collect(run, pooled=pooled)
    settings = settle_all(results)
    target = folder / results.recipe.name
    target.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = _write_weights(run, FINAL, target / WEIGHTS)
    predictions_table(results, settings).to_csv(target / PREDICTIONS, index=False)
    facts[FOLDS] = _write_folds(run, target, results.recipe.folds if folds else 0)
    card = build_card(results, settings, weights=facts, hardware=hardware or _machine())
    write_card(target, card)
    for name in (FAMILIARITY, COVERAGE):  # of the weights that lay here before
        (target / name).unlink(missing_ok=True)
    complete_card(target, manifest=manifest)
    return target


def _write_weights(run: Path, part: str, path: Path) -> dict[str, Any]:
    """Write a part's averaged weights; return their sha256, bytes and number of parameters."""
    state = averaged_weights(run, part)
    tensors = {name: _half(name, value) for name, value in state.items() if not name.endswith("num_batches_tracked")}
    save_file(tensors, path)
    path.chmod(0o644)
    parameters = int(sum(value.numel() for value in tensors.values()))
    return {"sha256": sha256(path), "bytes": path.stat().st_size, "parameters": parameters}


def _write_folds(run: Path, target: Path, count: int) -> list[dict[str, Any]]:
    """Write the weights of the folds in place of those of an earlier run; return file, sha256 and bytes of each."""
    folder = fold_file(target, 0).parent
    for old in folder.glob("fold*.safetensors"):
        old.unlink()
    if count:
        folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for number in range(count):
        path = fold_file(target, number)
        facts = _write_weights(run, f"fold{number}", path)
        kept.append({"file": path.name, "sha256": facts["sha256"], "bytes": facts["bytes"]})
    return kept


def _half(name: str, value: torch.Tensor) -> torch.Tensor:
    """Halve convolution weights; keep what batch normalization divides by at full precision."""
    wide = "running_" in name or value.dim() < 2
    return value.contiguous() if wide else value.half().contiguous()


def _machine() -> str:
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU cores"
    return f"{device}, {platform.machine()}"
