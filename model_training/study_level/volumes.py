"""Hold labelled volumes, and draw augmented sub-volumes of equal length from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_training.study_level.recipe import StudyRecipe


@dataclass(frozen=True)
class Volume:
    """Hold the slices of one patient in order.

    Args:
        rows: (slices,) positions in the run's table.
        features: (slices, inputs); the first is the slice network's logit of the finding.
        labels: (slices,) 1, 0 or nan (not known).
        dataset, group: Whose.
        fold: That the patient was held out of.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    dataset: str
    group: str
    fold: int

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class VolumeBatch:
    """Hold sub-volumes: features (batch, slices, inputs), labels (batch, slices), studies (batch,); nan: not known."""

    features: Tensor
    labels: Tensor
    studies: Tensor


def study_label(labels: NDArray[np.float32]) -> float:
    """Return 1 if any slice is positive, 0 if every slice is known not to be, else nan."""
    if np.any(labels == 1):
        return 1.0
    return float("nan") if np.isnan(labels).any() else 0.0


def batches(volumes: Sequence[Volume], recipe: StudyRecipe, *, seed: int) -> Iterator[VolumeBatch]:
    """Yield the batches of one training; the same seed gives the same ones.

    Datasets are drawn equally often. All sub-volumes of a batch have one length, so that none is padded; half of
    the batches have the longest that fits. A sub-volume's study label is its own: a piece without the lesion is
    a negative study, also of a patient who bleeds.
    """
    rng = np.random.default_rng((2026, seed))
    names = sorted({volume.dataset for volume in volumes})
    members = [[volume for volume in volumes if volume.dataset == name] for name in names]
    for _ in range(recipe.steps):
        sources = rng.integers(len(members), size=recipe.batch)
        chosen = [members[source][int(rng.integers(len(members[source])))] for source in sources]
        longest = min(len(volume) for volume in chosen)
        length = longest if rng.random() < 0.5 else int(rng.integers(min(recipe.shortest, longest), longest + 1))
        kept = max(2, length - int(rng.integers(int(recipe.slice_dropout * length) + 1)))
        yield _stack([(volume, pick(len(volume), length, kept, rng)) for volume in chosen])


def pick(slices: int, length: int, kept: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``kept`` positions out of ``length`` neighbors at a random place, from below or from above."""
    first = int(rng.integers(slices - length + 1))
    positions = first + np.sort(rng.permutation(length)[:kept])
    return positions[::-1] if rng.random() < 0.5 else positions


def _stack(parts: list[tuple[Volume, NDArray[np.int64]]]) -> VolumeBatch:
    features = np.stack([volume.features[positions] for volume, positions in parts])
    labels = np.stack([volume.labels[positions] for volume, positions in parts])
    studies = np.array([study_label(row) for row in labels], np.float32)
    return VolumeBatch(torch.from_numpy(features), torch.from_numpy(labels), torch.from_numpy(studies))
