"""Make networks with stored predictions, as the performance page sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from strokeapp.performance.abstaining import COVERAGE, doubts, error_at_coverage
from strokeapp.performance.predictions import known
from strokeapp.performance.summary import to_records

POINTS = {"high_sensitivity": 0.20004, "balanced": 0.45006, "high_specificity": 0.7}


@dataclass(frozen=True)
class FakeCard:
    """Stand in for a card of the registry."""

    name: str
    version: str
    title: str
    folder: Path
    raw: dict


def predictions(*, size: int = 300, seed: int = 0, noise: float = 0.18) -> pd.DataFrame:
    """Make slices of two sources: in one both hemorrhage labels, in the other infarcts only.

    Args:
        size: Number of slices, five to a patient.
        seed: Of the noise of the probabilities; labels do not depend on it.
        noise: Its standard deviation.
    """
    generator = np.random.default_rng(seed)
    index = np.arange(size)
    trauma = index < size * 2 // 3
    bleeds = (trauma & (index % 4 == 0)).astype(int)
    error = generator.normal(0, noise, (2, size))
    columns = {
        "path": [f"slice-{i}" for i in index],
        "patient": [f"patient-{i // 5}" for i in index],
        "dataset": np.where(trauma, "trauma", "infarcts"),
        "fold": (index // 5) % 3,
        "ischemic": (~trauma).astype(int),
        "hemorrhagic": bleeds,
        "presumed": np.where(trauma, "ischemic", "hemorrhagic"),
        "epidural": bleeds,
        "hemorrhagic_probability": np.clip(0.3 + 0.35 * bleeds + error[0], 0, 1),
        "ischemic_probability": np.clip(0.3 + 0.35 * ~trauma + error[1], 0, 1),
        "lesion_dice": np.where(trauma, np.nan, generator.random(size)),
    }
    return pd.DataFrame(columns)


def network(folder: Path, table: pd.DataFrame | None, *, name: str = "both", **settings: object) -> FakeCard:
    """Write a network's folder and return its card.

    Args:
        folder: In which to make it.
        table: Predictions; None leaves them out.
        name: Of the network.
        settings: Added to the card's entry of either finding.
    """
    folder = folder / name
    folder.mkdir()
    if table is not None:
        table.to_csv(folder / "predictions.csv", index=False)
    entry = {"threshold": POINTS["balanced"], "operating_points": POINTS, **settings}
    weights = {"sha256": "ab" * 32}
    raw = {"name": name, "findings": {"hemorrhagic": entry, "ischemic": entry}, "weights": weights}
    return FakeCard(name, "1.0", f"Network {name}", folder, raw)


def abstaining(card: FakeCard, table: pd.DataFrame) -> dict:
    """Write beside a card what abstaining from its predictions is worth, distances being chance; return it.

    Args:
        card: Of the network.
        table: Its predictions.
    """
    distances, errors = np.random.default_rng(0).random(len(table)), []
    for finding in ("hemorrhagic", "ischemic"):
        sample = known(table, finding)
        for rule, doubt in doubts(sample.scores, POINTS["balanced"], distances, 0.99).items():
            found = error_at_coverage(sample, POINTS["balanced"], doubt, n=50)
            errors += to_records(found.assign(finding=finding, rule=rule))
    unlike = [
        {"kind": "noise alone", "images": 40, "familiarity": 1.0, "flags": 0.975, "either": 1.0},
        {"kind": "MR FLAIR", "images": 40, "familiarity": 0.9, "flags": 0.125, "either": 0.95},
    ]
    content = {"network": card.name, "version": card.version, "threshold": 0.99, "quantile": 0.995, "study_share": 0.5}
    content |= {"held_out": {"images": 300, "patients": 60, "stopped": 0.01}, "unlike": unlike, "errors": errors}
    content |= {"studies": {"studies": 60, "stopped": 1, "highest": 0.6}}
    (card.folder / COVERAGE).write_text(json.dumps(content), encoding="utf-8")
    return content
