"""Sum the losses of one batch, leaving out what is not known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from strokeapp.models.slice_network import SliceOutput

PIXEL_WEIGHT = 4.0
"""Lesions fill one pixel in fifty; this keeps their cross-entropy beside the Dice term."""


@dataclass(frozen=True)
class Targets:
    """Hold what is known of a batch.

    Args:
        findings: (batch, 2) 1, 0 or nan.
        subtypes: (batch, 5) 1, 0 or nan.
        masks: (batch, 2, size, size) in [0, 1].
        mask_known: (batch, 2) bool.
    """

    findings: Tensor
    subtypes: Tensor
    masks: Tensor
    mask_known: Tensor


def known_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over known labels; 0 where none is known."""
    known = ~torch.isnan(labels)
    if not known.any():
        return logits.sum() * 0.0
    return functional.binary_cross_entropy_with_logits(logits[known], labels[known])


def lesion_loss(maps: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return pixel cross-entropy over known masks plus the Dice loss over those with a lesion.

    Source of the Dice loss: Milletari, V-Net (3DV 2016).
    """
    target = functional.adaptive_avg_pool2d(masks, maps.shape[-2:])
    if not known.any():
        return maps.sum() * 0.0
    maps, target = maps[known], target[known]
    pixels = functional.binary_cross_entropy_with_logits(maps, target) * PIXEL_WEIGHT
    drawn = target.flatten(1).sum(1) > 1
    if not drawn.any():
        return pixels
    probability, target = maps[drawn].sigmoid().flatten(1), target[drawn].flatten(1)
    overlap = 2 * (probability * target).sum(1) + 1
    dice = 1 - overlap / (probability.square().sum(1) + target.square().sum(1) + 1)
    return pixels + dice.mean()


def total_loss(output: SliceOutput, targets: Targets, *, dense_weight: float, subtype_weight: float) -> Tensor:
    """Return the loss that training descends."""
    return (
        known_cross_entropy(output.findings, targets.findings)
        + 0.5 * known_cross_entropy(output.map_findings, targets.findings)
        + subtype_weight * known_cross_entropy(output.subtypes, targets.subtypes)
        + dense_weight * lesion_loss(output.maps, targets.masks, targets.mask_known)
    )
