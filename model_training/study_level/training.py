"""Train sequence networks on volumes and let them read volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model_training.study_level.recipe import StudyRecipe
from model_training.study_level.volumes import Volume, batches
from strokeapp.errors import RecipeError
from strokeapp.models.slice_sequence import SequenceOutput, SliceSequence

WARMUP = 0.1
LARGEST_GRADIENT = 1.0


def fit(volumes: Sequence[Volume], recipe: StudyRecipe, *, seed: int) -> SliceSequence:
    """Train one network; the same seed gives the same network.

    Raises:
        RecipeError: The slices' labels are all alike or not known.
    """
    labels = np.concatenate([volume.labels for volume in volumes]) if volumes else np.zeros(0)
    if not {0.0, 1.0} <= set(labels[~np.isnan(labels)]):
        raise RecipeError("A sequence network needs slices with and without the finding to learn from.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(volumes, recipe)
        optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, recipe.steps))
        for batch in batches(volumes, recipe, seed=seed):
            output = network(batch.features, noise=recipe.noise)
            loss = known_loss(output.slices, batch.labels)
            loss = loss + recipe.study_weight * known_loss(output.studies, batch.studies)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
    return network.eval().requires_grad_(False)


def _network(volumes: Sequence[Volume], recipe: StudyRecipe) -> SliceSequence:
    network = SliceSequence(
        recipe.kind,
        inputs=volumes[0].features.shape[1],
        hidden=recipe.hidden,
        dropout=recipe.dropout,
        input_dropout=recipe.input_dropout,
    )
    network.standardize(torch.from_numpy(np.concatenate([volume.features for volume in volumes])))
    return network.train()


def _rate(step: int, steps: int) -> float:
    """Return the share of the learning rate: linear warm-up, then half a cosine to zero."""
    warm = max(1, round(WARMUP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def known_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy over known labels; 0 where none is known."""
    known = ~torch.isnan(labels)
    losses = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)


@torch.inference_mode()
def read_volume(networks: Sequence[SliceSequence], features: NDArray[np.float32]) -> tuple[NDArray, float]:
    """Return (slices,) logits and the study's logit, averaged over networks and over both directions of reading.

    Args:
        networks: One per seed.
        features: (slices, inputs) of one volume in order.
    """
    x = torch.from_numpy(np.stack([features, features[::-1]]))
    outputs: list[SequenceOutput] = [network(x) for network in networks]
    slices = torch.stack([(output.slices[0] + output.slices[1].flip(0)) / 2 for output in outputs]).mean(0)
    return slices.numpy(), float(torch.stack([output.studies.mean() for output in outputs]).mean())
