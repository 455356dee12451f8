"""Run a slice network over network input: the one place where the app, the command line and evaluation do so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from strokeapp.imaging.network_input import SliceInput, network_batch
from strokeapp.inference.engine import ReadingNetwork
from strokeapp.inference.neighbors import spread, with_neighbors
from strokeapp.models.registry import Card, FindingSettings
from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import Finding, Modality

BATCH = 4
"""Larger batches fall out of the processor's cache: measured, 16 slices at once take longer each than 4."""


@dataclass(frozen=True)
class SliceOutputs:
    """Hold what a network says of some slices.

    Args:
        logits: (slices, 2) in the order of ``FINDINGS``, not calibrated.
        maps: (slices, 2, rows, columns) float16 lesion probabilities over each slice's box.
        embedding: (slices, features) of the encoder's levels, by which familiarity is judged.
    """

    logits: NDArray[np.float32]
    maps: NDArray[np.float16]
    embedding: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))


@torch.inference_mode()
def run_slices(
    network: ReadingNetwork,
    inputs: Sequence[SliceInput],
    modality: Modality,
    *,
    batch: int = BATCH,
    progress: Callable[[float], None] | None = None,
) -> SliceOutputs:
    """Return logits and lesion maps of every input, in order.

    Slices that are black throughout are alike, so that only the first of them is run.

    Args:
        network: A slice network, or what ``strokeapp.inference.engine`` makes of it.
        inputs: At least one.
        modality: Of the network.
        batch: Slices run at once.
        progress: Called with the share done.
    """
    logits, maps, embeddings = [], [], []
    distinct, source = _distinct(inputs)
    for first in range(0, len(distinct), batch):
        pictures = torch.from_numpy(network_batch(distinct[first : first + batch], modality))
        output = network(pictures.to(memory_format=torch.channels_last))
        logits.append(output.findings.numpy())
        maps.append(output.maps.sigmoid().half().numpy())
        embeddings.append(output.embedding.numpy())
        if progress is not None:
            progress(min(1.0, (first + batch) / len(distinct)))
    return SliceOutputs(*(np.concatenate(parts)[source] for parts in (logits, maps, embeddings)))


def _distinct(inputs: Sequence[SliceInput]) -> tuple[list[SliceInput], NDArray[np.intp] | slice]:
    """Return the inputs with all black ones but the first left out, and where each input is found among them."""
    black = np.array([not item.gray.any() for item in inputs])
    if black.sum() < 2:
        return list(inputs), slice(None)
    kept = ~black
    kept[np.argmax(black)] = True
    source = np.cumsum(kept) - 1
    source[black] = source[np.argmax(black)]
    return [item for item, keep in zip(inputs, kept, strict=True) if keep], source


def calibrated(logits: NDArray[np.floating], settings: FindingSettings) -> NDArray[np.float64]:
    """Turn a finding's slice logits into probabilities (temperature and shift; Guo et al., ICML 2017)."""
    return sigmoid(logits.astype(np.float64) / settings.temperature + settings.shift)


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-z)) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def slice_probabilities(logits: NDArray[np.floating], card: Card) -> dict[Finding, NDArray[np.float64]]:
    """Return per finding of the card the calibrated probability of every slice.

    Args:
        logits: (slices, 2) as ``heard_logits`` returns them.
        card: Of the network that gave them.
    """
    return {
        finding: calibrated(logits[:, FINDINGS.index(finding)], settings) for finding, settings in card.findings.items()
    }


def heard_logits(
    logits: NDArray[np.float32],
    card: Card,
    positions: ArrayLike,
    *,
    volumes: ArrayLike | None = None,
    places_mm: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return logits in which every slice has heard its neighbors, as far as the card says so.

    Args:
        logits: (slices, 2) as the network gives them, in the order of ``FINDINGS``.
        card: Of the network.
        positions, volumes: See ``with_neighbors``.
        places_mm: (slices,) along the slice normal of one volume in order, where it is known: slices farther apart
            than the card allows are no neighbors.
    """
    result = logits.astype(np.float64)
    for finding, settings in card.findings.items():
        channel = FINDINGS.index(finding)
        places, weight = positions, settings.neighbor_weight
        if places_mm is not None and settings.neighbor_reach_mm is not None:
            places = spread(positions, places_mm, reach_mm=settings.neighbor_reach_mm)
        result[:, channel] = with_neighbors(logits[:, channel], places, weight=weight, volumes=volumes)
    return result
