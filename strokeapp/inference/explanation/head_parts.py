"""Feature ablation over parts of the head: how much the logit falls where one part is smoothed away.

The parts lie in the head's own frame, whatever its size and turn: left or right of the midline, deep to superficial,
from front to back. Every part has its mirror image on the other side, so that the sides can be compared. No atlas is
laid in: a part is about the same place of every head, not a structure. Captum's FeatureAblation does the rest.
"""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import FeatureAblation
from numpy.typing import NDArray
from torch import Tensor

from strokeapp.inference.explanation.baselines import heads, smoothed
from strokeapp.inference.explanation.target import FindingLogits, channel, fast_view, pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

RINGS = ((0.25, 2), (0.45, 4), (0.65, 6), (0.85, 9), (np.inf, 11))
"""Outer edge of each ring, as a share of the way from the middle to the head's outline, and its sectors per side: about
the ventricles, deep gray matter, white matter, cortex, skull; a part is about 17 mm wide."""
ROUND = 1.08
"""Length over width up to which a head has no long axis to go by, and is taken for upright."""
MOST_TURNED = np.deg2rad(45)
AT_ONCE = 16


def part_numbers(head: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (rows, columns): 0 outside the head, 1, 2, … for its parts; odd and even numbers are mirror images.

    Args:
        head: (rows, columns), its front toward the first row.
    """
    result = np.zeros(head.shape, np.int64)
    places = np.argwhere(head).astype(np.float64)
    if len(places) < 2:
        return result
    along, across, spread = _own_frame(places)
    radius = np.hypot(along / spread[0], across / spread[1])
    angle = np.arctan2(np.abs(across), along) / np.pi
    ring = np.searchsorted([edge for edge, _ in RINGS[:-1]], radius, side="right")
    sectors = np.array([count for _, count in RINGS])
    sector = np.minimum((angle * sectors[ring]).astype(np.int64), sectors[ring] - 1)
    before = np.concatenate([[0], np.cumsum(sectors)[:-1]])
    part = 1 + 2 * (before[ring] + sector) + (across > 0)
    result[head] = part
    return result


def _own_frame(
    places: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return distances toward the front and toward the right of the picture from the middle, and the half axes.

    Args:
        places: (pixels, 2) rows and columns of a head.
    """
    centered = places - places.mean(axis=0)
    values, vectors = np.linalg.eigh(centered.T @ centered / len(places))
    front = vectors[:, 1] * np.sign(-vectors[0, 1] or 1.0)
    long = values[1] > values[0] * ROUND**2
    if not long or -front[0] < np.cos(MOST_TURNED):
        front = np.array([-1.0, 0.0])
    right = np.array([front[1], -front[0]])
    along, across = centered @ front, centered @ right
    # The standard deviation of an even ellipse is half its half axis.
    spread = 2 * np.maximum([along.std(), across.std()], 0.5)
    return along, across, spread


@torch.no_grad()
def attribute(network: SliceNetwork, batch: Tensor, finding: Finding) -> Tensor:
    """Return (n, rows, columns) fall of the logit, signed, even within a part; what lies outside the head is one more.

    Slices are explained one by one, for each head has parts of its own; the parts of one go through together.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
    """
    method = FeatureAblation(FindingLogits(fast_view(network)))
    parts = [
        method.attribute(
            piece,
            baselines=smoothed(piece),
            target=channel(finding),
            feature_mask=_dense(part_numbers(heads(piece)[0].numpy()))[None, None],
            perturbations_per_eval=AT_ONCE,
        )
        for piece in pieces(batch, 1)
    ]
    return torch.cat(parts)[:, 0]


def _dense(numbers: NDArray[np.int64]) -> Tensor:
    """Number anew without gaps: Captum runs every number up to the highest."""
    return torch.from_numpy(np.unique(numbers, return_inverse=True)[1].reshape(numbers.shape))
