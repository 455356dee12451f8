"""Gather what a slice network says of one slice into a short row of numbers, for a sequence network to read.

Training and the app share this code. Only outputs are gathered, no encoder features: outputs mean the same
whichever fold's network gave them, features do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import SUBTYPES

LOWEST, HIGHEST = 1e-4, 1 - 1e-3
"""Map probabilities are kept as float16, which tells no finer from 1."""
TOP_SHARES = (0.0005, 0.0045, 0.04)
"""Of the map: a spot, the share that gives the slice its logit, a large lesion."""
CUTS = (0.1, 0.5)
MAP_NAMES = ("top_spot", "top_lesion", "top_large", "area_10", "area_50", "row", "column")
EVIDENCE = (
    *(f"{finding.value}_logit" for finding in FINDINGS),
    *(f"{name}_logit" for name in SUBTYPES),
    *(f"{finding.value}_{name}" for finding in FINDINGS for name in MAP_NAMES),
)
"""Names of the numbers, in order."""


def slice_evidence(
    logits: NDArray[np.floating], subtypes: NDArray[np.floating], maps: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return (slices, ``len(EVIDENCE)``) numbers.

    Args:
        logits: (slices, 2) in the order of ``FINDINGS``, not calibrated.
        subtypes: (slices, 5) logits in the order of ``SUBTYPES``.
        maps: (slices, 2, rows, columns) lesion probabilities.
    """
    parts = [np.asarray(logits, np.float32), np.asarray(subtypes, np.float32)]
    parts += [map_statistics(maps[:, channel]) for channel in range(len(FINDINGS))]
    return np.concatenate(parts, axis=1)


def map_statistics(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Measure lesion maps: how bright, how large, where.

    Args:
        maps: (slices, rows, columns) probabilities of one finding.

    Returns:
        (slices, ``len(MAP_NAMES)``): mean logit of the highest pixels by ``TOP_SHARES``, log10 of the share of
        pixels above ``CUTS``, and the center of gravity from -1 (top, left) to 1.
    """
    values = np.clip(np.asarray(maps, np.float32), LOWEST, HIGHEST)
    flat = values.reshape(len(values), -1)
    ordered = np.sort(flat, axis=1)[:, ::-1]
    logits = np.log(ordered / (1 - ordered))
    counts = [max(1, round(flat.shape[1] * share)) for share in TOP_SHARES]
    tops = [logits[:, :count].mean(1) for count in counts]
    areas = [np.log10((flat >= cut).mean(1) + 1 / flat.shape[1]) for cut in CUTS]
    return np.stack([*tops, *areas, *_centers(values)], axis=1).astype(np.float32)


def _centers(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return row and column of each map's center of gravity; squares keep the faint rest from pulling."""
    weight = values**2
    total = weight.sum((1, 2))
    row, column = (np.linspace(-1, 1, n, dtype=np.float32) for n in values.shape[1:])
    return [(weight.sum(2) @ row) / total, (weight.sum(1) @ column) / total]
