"""Install networks with made-up predictions and complete their cards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from factories_models import card_values, install_network

from model_training.card import complete_card
from model_training.experiments import EXPERIMENTS
from model_training.sources import TERMS
from strokeapp.models.registry import Card

RESAMPLES = 30
"""Of the intervals: enough to have some."""
TRAINING = {
    "images": 240, "patients": 60, "external_images": 20, "per_dataset": {"ct_ich": 120, "teknofest": 120},
    "split": "2 folds by patient", "loss": "cross-entropy", "optimizer": "AdamW", "learning_rate": 0.001,
    "schedule": "cosine", "batch": 24, "epochs": 2, "refinement": None, "images_per_epoch": 8, "init": "scratch",
    "augmentation": {"flip": 0.5}, "ema": 0.99, "seed": 1, "seconds": {"final": 5}, "hardware": "two cores",
    "framework": "PyTorch 2",
}  # fmt: skip


def predictions(*, size: int = 260, seed: int = 0) -> pd.DataFrame:
    """Make slices of a bleeding source, one of infarcts and one never learnt from, four to a patient."""
    generator, index = np.random.default_rng(seed), np.arange(size)
    dataset = np.where(index < 120, "ct_ich", np.where(index < 240, "teknofest", "aisd"))
    bleeds = ((index < 120) & (index // 4 % 2 == 0)).astype(int)
    infarcts = (index >= 120).astype(int)
    logits = generator.normal(0, 1.5, (2, size)) + 3 * np.stack([bleeds, infarcts]) - 1.5
    return pd.DataFrame(
        {
            "path": [f"{i}.png" for i in index],
            "patient": np.where(index < 240, np.char.add("p", (index // 4).astype(str)), ""),
            "dataset": dataset,
            "fold": np.where(index < 240, (index // 4 % 4 // 2).astype(str), "external"),
            "ischemic": infarcts,
            "hemorrhagic": np.where(index < 240, bleeds.astype(str), ""),
            "presumed": np.where(index < 120, "ischemic", "hemorrhagic"),
            **{f"{name}_probability": np.round(1 / (1 + np.exp(-z)), 6)
               for name, z in zip(("hemorrhagic", "ischemic"), logits, strict=True)},
            "lesion_dice": np.where(infarcts == 1, np.round(generator.random(size), 4), np.nan),
        }
    )  # fmt: skip


def install(folder: Path, **changes):
    """Install a network of random weights with these predictions and an incomplete card."""
    network = {"pooled": ["hemorrhagic"], "top_share": 0.0045, "kind": "U-Net"}
    weights = {"file": "weights.safetensors", "sha256": "0" * 64, "parameters": 1}
    more = {"training": TRAINING, "license": TERMS, "sources": [], "network": network, "weights": weights}
    card = install_network(folder, values=card_values(**(more | changes)))
    predictions().to_csv(card.predictions, index=False)
    return card


def completed(folder: Path) -> Card:
    """Install a network as ``install`` does and complete its card."""
    card = install(folder)
    rows = [
        {"name": "left_out:hemorrhagic:ct_ich", "what": "without it", "figure": 0.71, "low": 0.6, "high": 0.8, "n": 9}
    ]
    (card.folder / EXPERIMENTS).write_text(json.dumps(rows))
    return complete_card(card.folder, n=RESAMPLES)
