"""Shuffle labels by patient and see that nothing can be learnt: the proof that a split does not leak.

With labels dealt to patients at random, an honest patient split leaves nothing to find (AUC .5 on average); a split
by slice lets a classifier recognize patients and "predict" their labels, which is how published figures grew. A
small classifier is enough for that, so that the canary runs in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_training.splits import patient_folds
from strokeapp.errors import ManifestError
from strokeapp.performance.curves import auc

SIDE = 32
HONEST_RANGE = (0.4, 0.6)
Splitter = Callable[[pd.DataFrame, int, int], NDArray[np.int64]]
"""Takes the table, folds and a seed; returns (rows,) fold numbers."""


@dataclass(frozen=True)
class CanaryResult:
    """Hold the AUC of every repetition; each is the mean over its folds.

    Args:
        aucs: (repetitions,).
    """

    aucs: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Return the mean AUC."""
        return float(self.aucs.mean())

    def honest(self, *, allowed: tuple[float, float] = HONEST_RANGE) -> bool:
        """Tell whether the mean AUC is that of guessing."""
        return allowed[0] <= self.mean <= allowed[1]


def split_by_patient(table: pd.DataFrame, folds: int, seed: int) -> NDArray[np.int64]:
    """Split as training does."""
    return patient_folds(table, folds, seed=seed)


def split_by_slice(table: pd.DataFrame, folds: int, seed: int) -> NDArray[np.int64]:
    """Split slices at random, whoever they are from: the mistake that the canary must notice."""
    return np.random.default_rng(seed).permutation(np.arange(len(table)) % folds)


def canary(
    table: pd.DataFrame,
    gray: NDArray[np.uint8],
    *,
    split: Splitter = split_by_patient,
    folds: int = 4,
    repetitions: int = 8,
    side: int = SIDE,
    ridge: float = 1.0,
    seed: int = 0,
) -> CanaryResult:
    """Train a classifier on labels shuffled by patient, repeatedly, and test it on the folds left out.

    Ridge regression on pixels, solved in its dual form (Saunders et al., ICML 1998) so that a thousand pixels cost
    nothing; labels are constant within a patient and balanced over patients.

    Args:
        table: With dataset and group; other labels are not looked at.
        gray: (rows, size, size) of an image store, in the table's order.
        split: How rows are dealt to folds.
        folds: At least 2.
        repetitions: Each with its own shuffle and split.
        side: To which the images are averaged down.
        ridge: Weight of the penalty, in units of the mean squared length of an image.
        seed: Of everything drawn.

    Raises:
        ManifestError: Fewer than four patients, or table and images differ in number.
    """
    patients, codes = np.unique((table["dataset"] + "/" + table["group"]).to_numpy(dtype=str), return_inverse=True)
    if len(table) != len(gray):
        raise ManifestError(f"{len(table)} rows do not belong to {len(gray)} images.")
    if len(patients) < 2 * folds:
        raise ManifestError(f"The canary needs at least {2 * folds} patients for {folds} folds, not {len(patients)}.")
    kernel, rng = _kernel(gray, side), np.random.default_rng(seed)
    aucs = []
    for number in range(repetitions):
        labels = rng.permutation(np.arange(len(patients)) % 2)[codes]
        shuffled = table.assign(ischemic=labels.astype(float), hemorrhagic=np.nan)
        fold = split(shuffled, folds, seed + number)
        aucs.append(_mean_auc(kernel, labels, fold, ridge))
    return CanaryResult(np.array(aucs))


def _kernel(gray: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    """Return (rows, rows) inner products of the reduced images, centered, of mean squared length 1."""
    factor = gray.shape[1] // side
    if not factor or gray.shape[1] % side or gray.shape[1] != gray.shape[2]:
        raise ManifestError(f"The canary's images must be square with a multiple of {side} pixels a side.")
    small = gray.reshape(len(gray), side, factor, side, factor).mean(axis=(2, 4)).reshape(len(gray), -1)
    small -= small.mean(axis=0)
    products = small @ small.T
    return products / max(float(np.diag(products).mean()), 1e-12)


def _mean_auc(kernel: NDArray[np.float64], labels: NDArray[np.int64], fold: NDArray[np.int64], ridge: float) -> float:
    found = []
    for number in np.unique(fold):
        held, learn = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if np.ptp(labels[held]) == 0 or np.ptp(labels[learn]) == 0:
            continue
        target = labels[learn] - labels[learn].mean()
        weights = np.linalg.solve(kernel[np.ix_(learn, learn)] + ridge * np.eye(len(learn)), target)
        found.append(auc(labels[held], kernel[np.ix_(held, learn)] @ weights))
    if not found:
        raise ManifestError("No fold has both of the shuffled labels; give more patients or fewer folds.")
    return float(np.mean(found))
