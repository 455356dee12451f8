"""Split images into folds so that no patient stands on both sides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from strokeapp.errors import ManifestError


def patient_folds(table: pd.DataFrame, folds: int, *, seed: int) -> np.ndarray:
    """Assign every row a fold; rows of one group share it.

    Within each dataset, groups are dealt in the order of their share of positive images (ties shuffled), each
    to the fold that holds the fewest images of that dataset so far, so that folds are alike in size and mix.

    Args:
        table: With columns dataset, group, ischemic, hemorrhagic.
        folds: At least 2.
        seed: Of the shuffle.

    Returns:
        (rows,) int64 in [0, folds).
    """
    if folds < 2:
        raise ManifestError("A split needs at least two folds.")
    fold = np.full(len(table), -1, dtype=np.int64)
    positive = table[["ischemic", "hemorrhagic"]].max(axis=1).fillna(0).to_numpy()
    rng = np.random.default_rng(seed)
    for _, index in table.groupby("dataset", sort=True).indices.items():
        groups = pd.Series(index).groupby(table["group"].to_numpy()[index]).apply(lambda rows: rows.to_numpy())
        order = rng.permutation(len(groups))
        order = sorted(order, key=lambda i: (-round(positive[groups.iloc[i]].mean(), 1), -len(groups.iloc[i])))
        load = np.zeros(folds)
        for i in order:
            target = int(np.lexsort((rng.random(folds), load))[0])
            fold[groups.iloc[i]] = target
            load[target] += len(groups.iloc[i])
    check_patients_apart(table, fold)
    return fold


def check_patients_apart(table: pd.DataFrame, fold: np.ndarray) -> None:
    """Refuse a split in which a patient stands in two folds.

    Raises:
        ManifestError: Names the first such patient's dataset.
    """
    spread = pd.DataFrame({"dataset": table["dataset"], "group": table["group"], "fold": fold})
    counts = spread.groupby(["dataset", "group"])["fold"].nunique()
    if (counts > 1).any():
        dataset = counts[counts > 1].index[0][0]
        raise ManifestError(f"A patient of {dataset} stands in more than one fold; figures would be inflated.")
