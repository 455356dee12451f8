"""Fill in a model card: what a paper must state, from the run's own record."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from model_training.sources import SOURCES, TERMS
from strokeapp import __version__
from strokeapp.models.registry import FindingSettings
from strokeapp.types import Finding

if TYPE_CHECKING:
    from model_training.package import RunResults

LIMITS = (
    "Research and demonstration only; not a medical device. Not flagged is not normal.",
    "Every infarct on CT comes from two sources and the infarct-free slices from others; lesion masks, transplants "
    "and one level of gray loosen the tie between source and finding but cannot prove it cut.",
    "Absence of infarction in trauma and bleed patients, and of bleeding in the ministry's infarct class, is presumed "
    "from how those sets were collected.",
    "Probabilities are calibrated to the mix of these sets, not to the prevalence of an emergency department.",
    "Study-level infarct figures compare scan sessions of a few infarct slices with whole volumes of other patients.",
    "Slices are judged one by one; a study's probability is the mean of its two highest slices.",
)


def build_card(
    results: RunResults, settings: Mapping[Finding, FindingSettings], *, weights: Mapping[str, Any], hardware: str
) -> dict[str, Any]:
    """Return the card as plain values.

    Args:
        results: Of the run.
        settings: Calibration and operating points.
        weights: sha256, bytes, parameters.
        hardware: What the run took place on.
    """
    recipe, table = results.recipe, results.table
    inner = table[table["fold"] >= 0]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "title": recipe.title,
        "modality": recipe.modality.value,
        "sequences": list(recipe.sequences),
        "license": TERMS,
        "input": {"size": recipe.size, "margin": recipe.margin, "window": "brain, width 80, level 40"},
        "network": {
            "kind": "U-Net on EfficientNet-Lite0",
            "pooled": list(recipe.pooled),
            "top_share": recipe.top_share,
            "recurrent_layers": 0,
        },
        "weights": {"file": "weights.safetensors", **weights},
        "findings": {finding.value: dataclasses.asdict(values) for finding, values in settings.items()},
        "map_cut": 0.5,
        "training": {
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
            "images_per_epoch": recipe.images_per_epoch,
            "init": recipe.init,
            "augmentation": dataclasses.asdict(recipe.augmentation),
            "ema": recipe.ema,
            "seed": recipe.seed,
            "seconds": results.seconds,
            "hardware": hardware,
            "framework": f"PyTorch {torch.__version__}, Python {platform.python_version()}, StrokeApp {__version__}",
        },
        "sources": [SOURCES[name] for name in recipe.datasets if name in SOURCES],
        "limits": list(LIMITS),
    }
