"""Tell how far a slice lies from what a network learnt from, by the network's own features.

Features are the channel means of the encoder's last level (``SliceOutputs.embedding``). Two measures are offered:
the Mahalanobis distance in a reduced space (Lee et al., NeurIPS 2018, here over all classes together; shrunk as
Ledoit & Wolf 2004) and the distance to the nearest of a few hundred stored training slices (Sun et al., ICML
2022). Both are fitted by ``model_training.familiarity``, whose comparison says which one a network ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from strokeapp.errors import ModelError
from strokeapp.types import Abstention

FAMILIARITY = "familiarity.safetensors"
UNLIKE_SHARE = 0.5
"""A study is abstained from when more than this share of its slices lies beyond the threshold."""


class Measure(StrEnum):
    """Name a way to measure unfamiliarity."""

    MAHALANOBIS = "mahalanobis"
    NEIGHBORS = "neighbors"


@dataclass(frozen=True)
class Familiarity:
    """Hold what is known of a network's training features.

    Args:
        measure: In use.
        mean: (features,) of the training slices.
        directions: (features, kept) principal directions; under the Mahalanobis measure scaled by one over the
            square root of the shrunk variance along each, so that distances are Euclidean.
        prototypes: (prototypes, kept) stored training slices, length 1 each; empty under the other measure.
        neighbors: Distance to the how many-th nearest prototype.
        threshold: Unfamiliarity beyond which a slice counts as unlike training.
    """

    measure: Measure
    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    prototypes: NDArray[np.float32]
    neighbors: int
    threshold: float

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (slices, kept) coordinates in the reduced space; of length 1 under the neighbor measure.

        Raises:
            ModelError: The features have another length or are not finite.
        """
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != len(self.mean) or not np.isfinite(features).all():
            raise ModelError(
                "The familiarity file does not belong to this network. Reinstall the application.",
                detail=f"features {features.shape}, file ({len(self.mean)},)",
            )
        reduced = (features - self.mean) @ self.directions
        if self.measure is Measure.MAHALANOBIS:
            return reduced
        return reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)

    def unfamiliarity(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (slices,) distances from the training slices; larger is less familiar.

        Args:
            features: (slices, features) embeddings.

        Raises:
            ModelError: As ``project``.
        """
        reduced = self.project(features)
        if self.measure is Measure.MAHALANOBIS:
            return np.linalg.norm(reduced, axis=1)
        squared = np.maximum(2 - 2 * reduced @ self.prototypes.T.astype(np.float64), 0)
        nearest = min(self.neighbors, squared.shape[1]) - 1
        return np.sqrt(np.partition(squared, nearest, axis=1)[:, nearest])

    def unlike(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return (slices,) whether each lies beyond the threshold."""
        return self.unfamiliarity(features) > self.threshold


def judge(
    familiarity: Familiarity | None, features: NDArray[np.float32], *, share: float = UNLIKE_SHARE
) -> Abstention | None:
    """Return why a study is too unlike the training images to be read, or None.

    Args:
        familiarity: Of the network; None (none is shipped with it) abstains from nothing.
        features: (slices, features) embeddings of the study.
        share: Of slices that may lie beyond the threshold.
    """
    if familiarity is None:
        return None
    beyond = familiarity.unlike(features)
    if beyond.mean() <= share:
        return None
    return Abstention(
        "unlike_training",
        f"{int(beyond.sum())} of {len(beyond)} slices are unlike the images this network learnt from, so what it says "
        "of them cannot be trusted. Read the scan without it.",
    )


def save_values(familiarity: Familiarity) -> dict[str, NDArray]:
    """Return the tensors of the file, the inverse of ``load_familiarity``."""
    numbers = [list(Measure).index(familiarity.measure), familiarity.neighbors, familiarity.threshold]
    return {
        "mean": familiarity.mean.astype(np.float32),
        "directions": familiarity.directions.astype(np.float32),
        "prototypes": familiarity.prototypes.astype(np.float16),
        "numbers": np.array(numbers, np.float64),
    }


def load_familiarity(folder: Path) -> Familiarity | None:
    """Return the familiarity of the network in a folder, or None where it ships none; kept in memory.

    Raises:
        ModelError: The file is damaged.
    """
    path = folder / FAMILIARITY
    return _load(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=8)
def _load(path: Path, _modified: int) -> Familiarity:
    try:
        return _from_values(load_file(path))
    except (SafetensorError, KeyError, ValueError, IndexError) as error:
        message = f"The familiarity file of {path.parent.name} is damaged. Reinstall the application."
        raise ModelError(message, detail=repr(error)) from error


def _from_values(values: Mapping[str, NDArray]) -> Familiarity:
    index, neighbors, threshold = (float(v) for v in values["numbers"])
    mean, directions = values["mean"], values["directions"]
    if mean.ndim != 1 or directions.ndim != 2 or len(mean) != len(directions) or not np.isfinite(threshold):
        raise ValueError(f"shapes {mean.shape}, {directions.shape}, threshold {threshold}")
    prototypes = values["prototypes"].astype(np.float32)
    measure = list(Measure)[int(index)]
    if measure is Measure.NEIGHBORS and (prototypes.ndim != 2 or prototypes.shape[1:] != directions.shape[1:]):
        raise ValueError(f"prototypes {prototypes.shape}")
    return Familiarity(measure, mean, directions, prototypes, int(neighbors), threshold)
