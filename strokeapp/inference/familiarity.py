"""Tell how far a slice lies from what a network learnt from, by the network's own features.

Features are means of the channels of the encoder's finer levels (``SliceOutputs.embedding``). Their distance
is Mahalanobis' under a probabilistic principal component analysis (Tipping & Bishop, 1999): along a few principal
directions of the training slices in standard deviations, and beside those directions in the standard deviation that is
left there. ``model_training.familiarity`` fits it and measures what it stops.

One unusual slice does not stop a study: metal, the vertex or a tilted head make some slices unfamiliar in many studies
that are read well. A study is stopped when more than ``UNLIKE_SHARE`` of its slices lie beyond the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from strokeapp.errors import ModelError
from strokeapp.types import Abstention

FAMILIARITY = "familiarity.safetensors"
ARRAYS = ("mean", "scale", "directions", "spreads")
"""Of what is fitted, as stored."""
UNLIKE_SHARE = 0.5
"""A study is abstained from when more than this share of its slices lies beyond the threshold."""


@dataclass(frozen=True)
class Familiarity:
    """Hold what is known of a network's training features.

    Args:
        mean, scale: (features,) mean and standard deviation over the training slices.
        directions: (features, kept) principal directions of the features so standardized, of length 1 each.
        spreads: (kept,) standard deviation along each.
        rest: Standard deviation along every direction beside them.
        threshold: Distance beyond which a slice counts as unlike training.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    directions: NDArray[np.float32]
    spreads: NDArray[np.float32]
    rest: float
    threshold: float

    def unfamiliarity(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (slices,) distances from the training slices; about 1 for those, larger is less familiar.

        Args:
            features: (slices, features) embeddings.

        Raises:
            ModelError: The features have another length or are not finite.
        """
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != len(self.mean) or not np.isfinite(features).all():
            raise ModelError(
                "The familiarity file does not belong to this network. Reinstall the application.",
                detail=f"features {features.shape}, file ({len(self.mean)},)",
            )
        standard = (features - self.mean) / self.scale
        along = standard @ self.directions
        beside = np.maximum((standard**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        squared = ((along / self.spreads) ** 2).sum(axis=1) + beside / self.rest**2
        return np.sqrt(squared / len(self.mean))

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
    arrays = {name: getattr(familiarity, name).astype(np.float32) for name in ARRAYS}
    return arrays | {"numbers": np.array([familiarity.rest, familiarity.threshold], np.float64)}


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
    except (SafetensorError, KeyError, ValueError) as error:
        message = f"The familiarity file of {path.parent.name} is damaged. Reinstall the application."
        raise ModelError(message, detail=repr(error)) from error


def _from_values(values: Mapping[str, NDArray]) -> Familiarity:
    mean, scale, directions, spreads = (values[name] for name in ARRAYS)
    rest, threshold = (float(value) for value in values["numbers"])
    shapes = mean.shape == scale.shape and directions.shape == (*mean.shape, *spreads.shape) and mean.ndim == 1
    divisors = np.array([rest, threshold, *scale.ravel(), *spreads.ravel()])
    if not shapes or not np.isfinite(divisors).all() or not (divisors > 0).all():
        raise ValueError(f"shapes {mean.shape}, {directions.shape}, rest {rest}, threshold {threshold}")
    return Familiarity(mean, scale, directions, spreads, rest, threshold)
