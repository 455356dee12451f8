"""Say how fast which weights learn at which step."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from model_training.recipe import Augmentation, Recipe
from strokeapp.models.backbones import encoder_layers
from strokeapp.models.slice_network import SliceNetwork


@dataclass(frozen=True)
class Phase:
    """Name one cycle of training.

    Args:
        first, last: Epochs, last excluded.
        rate: Peak learning rate as a share of the recipe's.
        augmentation: Of the cycle.
        size: Side of its images.
    """

    first: int
    last: int
    rate: float
    augmentation: Augmentation
    size: int


def phases(recipe: Recipe) -> list[Phase]:
    """Return the recipe's cycles: the main one and, where there is one, the refinement."""
    first, more = recipe.first_size or recipe.size, recipe.refinement
    cycles = [Phase(0, recipe.epochs, 1.0, recipe.augmentation, first)]
    if more is not None:
        changed = dataclasses.replace(recipe.augmentation, **more.augmentation)
        cycles.append(Phase(recipe.epochs, recipe.epochs + more.epochs, more.rate, changed, recipe.size))
    return cycles


def steps_per_epoch(recipe: Recipe) -> int:
    """Return the number of whole batches in an epoch."""
    return recipe.images_per_epoch // recipe.batch


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """Return the learning rate: linear warm-up, then half a cosine to zero.

    Source of the cosine: Loshchilov & Hutter, SGDR (ICLR 2017).
    """
    warm = max(1, round(recipe.warmup * steps))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def parameter_groups(network: SliceNetwork, *, encoder_rate: float, layer_decay: float = 1.0) -> list[dict]:
    """Return the optimizer's groups, each with its ``rate`` as a share of the learning rate.

    With a decay the encoder's last layer learns at ``encoder_rate`` and each layer before it at ``layer_decay``
    times the rate of the next, so that fine-tuning keeps the general first layers.
    Source: Howard & Ruder, Universal language model fine-tuning (ACL 2018), discriminative rates.
    """
    inside = set(network.encoder.parameters())
    rest = {"params": [p for p in network.parameters() if p not in inside], "rate": 1.0}
    if layer_decay == 1.0:
        return [{"params": list(network.encoder.parameters()), "rate": encoder_rate}, rest]
    layers = encoder_layers(network.encoder)
    groups = [
        {"params": list(layer.parameters()), "rate": encoder_rate * layer_decay ** (len(layers) - 1 - depth)}
        for depth, layer in enumerate(layers)
    ]
    return [*groups, rest]
