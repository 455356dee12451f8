"""Run a network over images of a store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model_training.image_store import ImageStore
from model_training.recipe import Recipe
from strokeapp.models.slice_network import SliceNetwork


@dataclass(frozen=True)
class StorePredictions:
    """Hold raw outputs for some images.

    Args:
        findings, map_findings: (images, 2) logits.
        subtypes: (images, 5) logits.
        overlap: (images, 2, 3) per finding: pixels of map ∧ mask, of map, of mask, at network resolution,
            the map cut at ``cut``; nan where the mask is not known.
    """

    findings: NDArray[np.float32]
    map_findings: NDArray[np.float32]
    subtypes: NDArray[np.float32]
    overlap: NDArray[np.float32]


@torch.no_grad()
def predict_store(
    network: SliceNetwork,
    store: ImageStore,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    cut: float = 0.5,
    batch: int = 48,
) -> StorePredictions:
    """Return logits and lesion overlaps of the given rows, in their order."""
    if not len(rows):
        return StorePredictions(*(np.zeros((0, *shape), np.float32) for shape in ((2,), (2,), (5,), (2, 3))))
    device = next(network.parameters()).device
    network.eval()
    parts: list[tuple[NDArray, ...]] = []
    for begin in range(0, len(rows), batch):
        chosen = rows[begin : begin + batch]
        pictures = store.network_batch(chosen, recipe.modality, device)
        output = network(pictures)
        maps = torch.nn.functional.interpolate(output.maps, size=pictures.shape[-2:], mode="bilinear").sigmoid() > cut
        overlap = _overlap(maps.cpu().numpy(), store.masks[chosen], store.mask_known[chosen])
        logits = (output.findings, output.map_findings, output.subtypes)
        parts.append((*(value.float().cpu().numpy() for value in logits), overlap))
    return StorePredictions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _overlap(maps: NDArray[np.bool_], masks: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    counts = np.stack([(maps & masks).sum((2, 3)), maps.sum((2, 3)), masks.sum((2, 3))], -1).astype(np.float32)
    counts[~known] = np.nan
    return counts


def dice(overlap: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (images, findings) Dice of map and mask; nan where no lesion is drawn."""
    both, predicted, drawn = np.moveaxis(overlap, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(drawn > 0, 2 * both / (predicted + drawn), np.nan).astype(np.float32)
