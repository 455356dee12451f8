"""Tell what each slice contributes to a study: how the study's logit changes when that slice is left out.

For the shipped networks the study's logit is the mean of the two highest slice logits, each averaged with its
neighbors; the study is pooled again without the slice, so that the change is exact. With no neighbors heard it is
(first - third) / 2 for the highest slice, (second - third) / 2 for the next, and 0 for all others; where neighbors are
heard, leaving out a slice beside the highest also changes what that one hears. Sequence networks (attention, GRU, LSTM)
read the study again without the slice: their recurrent states differ from there on.

Source: leaving one covariate out (Lei et al., Distribution-free predictive inference for regression, JASA 2018), here
one slice of one study. Changes of single slices do not add up to the logit: of two slices that show the same, either
may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from strokeapp.inference.pooling import study_logit
from strokeapp.inference.slices import heard_logits
from strokeapp.models.registry import Card
from strokeapp.models.slice_network import FINDINGS
from strokeapp.models.slice_sequence import SliceSequence
from strokeapp.types import Finding


def left_out(count: int, pool: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return (slices, outputs) the outputs with all slices minus those without one.

    Args:
        count: Number of slices; a single one cannot be left out and contributes nan.
        pool: Takes the (some,) indices of slices that stay, rising; returns (outputs,).
    """
    every = np.arange(count)
    whole = np.asarray(pool(every), np.float64)
    if count < 2:
        return np.full((count, *whole.shape), np.nan)
    return np.stack([whole - pool(np.delete(every, index)) for index in every])


def pooled_contributions(
    logits: NDArray[np.float32], card: Card, positions: ArrayLike, *, places_mm: ArrayLike | None = None
) -> dict[Finding, NDArray[np.float64]]:
    """Return per finding (slices,) changes of the study's calibrated logit, in units of log odds.

    Args:
        logits: (slices, 2) as the network gives them, in the order of ``FINDINGS``.
        card: Of the network.
        positions: (slices,) place of each slice within the study, see ``with_neighbors``.
        places_mm: (slices,) along the slice normal, where it is known.
    """
    positions = np.asarray(positions, np.float64)
    places = None if places_mm is None else np.asarray(places_mm, np.float64)
    channels = [FINDINGS.index(finding) for finding in card.findings]

    def pool(stay: NDArray[np.int64]) -> NDArray[np.float64]:
        near = None if places is None else places[stay]
        heard = heard_logits(logits[stay], card, positions[stay], places_mm=near)
        return np.array([study_logit(heard[:, channel]) for channel in channels])

    changes = left_out(len(logits), pool)
    settings = card.findings.items()
    return {finding: changes[:, k] / given.study_temperature for k, (finding, given) in enumerate(settings)}


@torch.no_grad()
def sequence_contributions(networks: Sequence[SliceSequence], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (slices,) changes of the study logit of sequence networks, the mean over networks and both directions.

    Args:
        networks: One per seed, in evaluation mode.
        features: (slices, inputs) of one study in order.
    """

    def pool(stay: NDArray[np.int64]) -> NDArray[np.float64]:
        some = features[stay]
        both = torch.from_numpy(np.stack([some, some[::-1]]))
        return np.array([np.mean([network(both).studies.double().mean().item() for network in networks])])

    return left_out(len(features), pool)[:, 0]
