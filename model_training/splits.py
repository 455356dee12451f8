"""Split images into folds so that no patient stands on both sides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from strokeapp.errors import ManifestError


def patient_folds(table: pd.DataFrame, folds: int, *, seed: int) -> np.ndarray:
    """Assign every row a fold; rows of one group share it.

    Within each dataset, groups are dealt in the order of their share of positive images (ties shuffled), each
    to the fold that holds the fewest images of that dataset so far, so that folds are alike in size and mix.
    Where ``merge_groups`` has added ``split_group``, that is what is kept together, over all datasets.

    Args:
        table: With columns dataset, group, ischemic, hemorrhagic, and split_group where images were compared.
        folds: At least 2.
        seed: Of the shuffle.

    Returns:
        (rows,) int64 in [0, folds).
    """
    if folds < 2:
        raise ManifestError("A split needs at least two folds.")
    fold = np.full(len(table), -1, dtype=np.int64)
    positive = table[["ischemic", "hemorrhagic"]].max(axis=1).fillna(0).to_numpy()
    together = "split_group" in table
    units = table["split_group" if together else "group"].to_numpy()
    settled: dict[str, int] = {}
    rng = np.random.default_rng(seed)
    for _, index in table.groupby("dataset", sort=True).indices.items():
        groups = pd.Series(index).groupby(units[index]).apply(lambda rows: rows.to_numpy())
        settled = _deal(groups, positive, fold, folds, rng, settled if together else {})
    check_patients_apart(table, fold)
    return fold


def _deal(
    groups: pd.Series,
    positive: np.ndarray,
    fold: np.ndarray,
    folds: int,
    rng: np.random.Generator,
    settled: dict[str, int],
) -> dict[str, int]:
    """Deal one dataset's groups (``fold`` in place), those settled by another dataset first; return where each went."""
    order = rng.permutation(len(groups))
    order = sorted(order, key=lambda i: (-round(positive[groups.iloc[i]].mean(), 1), -len(groups.iloc[i])))
    order = sorted(order, key=lambda i: groups.index[i] not in settled)
    load, went = np.zeros(folds), dict(settled)
    for i in order:
        target = settled.get(groups.index[i])
        if target is None:
            target = int(np.lexsort((rng.random(folds), load))[0])
        fold[groups.iloc[i]] = went[groups.index[i]] = target
        load[target] += len(groups.iloc[i])
    return went


def check_patients_apart(table: pd.DataFrame, fold: np.ndarray) -> None:
    """Refuse a split in which a patient, or patients who share near-identical images, stand in two folds.

    Raises:
        ManifestError: Names the first such patient's dataset.
    """
    spread = pd.DataFrame({"dataset": table["dataset"], "group": table["group"], "fold": fold})
    counts = spread.groupby(["dataset", "group"])["fold"].nunique()
    if (counts > 1).any():
        dataset = counts[counts > 1].index[0][0]
        raise ManifestError(f"A patient of {dataset} stands in more than one fold; figures would be inflated.")
    if "split_group" in table and (spread.groupby(table["split_group"].to_numpy())["fold"].nunique() > 1).any():
        raise ManifestError(
            "Near-identical images of two patients stand in different folds; figures would be inflated."
        )
