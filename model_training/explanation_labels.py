"""Train a network on shuffled labels, to see whether an explanation notices that nothing was learnt.

Source: Adebayo et al., Sanity checks for saliency maps (NeurIPS 2018), data randomization. Outputs and decoder begin
shuffled over the encoder as it was trained; labels are permuted among a few of the network's own images, and it learns
them by heart.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_training.loss import known_cross_entropy
from model_training.recipe import Recipe
from model_training.runs import read_rows
from strokeapp.inference.explanation.randomize import measure_norms, shuffled
from strokeapp.inference.explanation.target import pieces
from strokeapp.models.slice_network import FINDINGS, SliceNetwork

IMAGES = 24
EPOCHS = 16
RATE = 2e-3
BATCH = 8
SEED = 20181204
LEARNT = 0.95
"""Share of the shuffled labels from which they count as learnt, and learning ends."""


def shuffled_labels(
    run: Path, recipe: Recipe, fold: int, *, images: int = IMAGES, seed: int = SEED
) -> tuple[NDArray[np.int64], Tensor]:
    """Draw images a fold's network learnt from, as many with every finding as without, and permute their labels.

    Args:
        run: Folder of the run.
        recipe: Of the run.
        fold: Whose network did not see its images.
        images: Most images.
        seed: Of the drawing and the permutation.

    Returns:
        (n,) rows of the run, and (n, 2) labels in the order of ``FINDINGS``; nan where not known.
    """
    table, rng = read_rows(run), np.random.default_rng(seed)
    labels = table[[finding.value for finding in FINDINGS]].to_numpy(np.float32)
    unread = [finding.value not in recipe.findings for finding in FINDINGS]
    labels[:, unread] = np.nan
    learnt = ((table["fold"] >= 0) & (table["fold"] != fold)).to_numpy()
    groups = [np.flatnonzero(learnt & (labels[:, c] == v)) for c in np.flatnonzero(~np.array(unread)) for v in (0, 1)]
    groups = [rng.permutation(rows) for rows in groups if len(rows)]
    share = -(-images // max(1, len(groups)))
    rows = np.unique(np.concatenate([rows[:share] for rows in groups]))[:images] if groups else np.zeros(0, np.int64)
    return rows, torch.from_numpy(labels[rng.permutation(rows)])


def train_on(
    network: SliceNetwork, pictures: Tensor, labels: Tensor, *, epochs: int = EPOCHS, seed: int = SEED
) -> tuple[SliceNetwork, float]:
    """Return a network that learnt the labels, and the share of them that it gives back.

    Args:
        network: Trained; stays as it is.
        pictures: (n, 1, rows, columns) network input.
        labels: (n, 2), nan where not known.
        epochs: Most passes over the pictures.
        seed: Of their order.
    """
    learner = copy.deepcopy(shuffled(network, "decoder", pictures)).requires_grad_(True)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=RATE, weight_decay=0.0)
    generator, share = torch.Generator().manual_seed(seed), 0.0
    for epoch in range(epochs):
        _pass(learner, optimizer, pictures, labels, generator)
        if epoch % 4 == 3 or epoch == epochs - 1:
            share = learnt_share(settled(learner, pictures), pictures, labels)
            if share >= LEARNT:
                break
    return settled(learner, pictures), share


def _pass(
    learner: SliceNetwork, optimizer: torch.optim.Optimizer, pictures: Tensor, labels: Tensor, order: torch.Generator
) -> None:
    """Learn every picture once."""
    learner.train()
    for rows in torch.randperm(len(pictures), generator=order).split(BATCH):
        if len(rows) < 2:
            continue  # a normalization over one picture has nothing to learn from
        output = learner(pictures[rows].contiguous(memory_format=torch.channels_last))
        loss = known_cross_entropy(output.findings, labels[rows])
        loss = loss + 0.5 * known_cross_entropy(output.map_findings, labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def settled(learner: SliceNetwork, pictures: Tensor) -> SliceNetwork:
    """Return a copy in evaluation mode, its normalizations measured on all pictures."""
    result = copy.deepcopy(learner).requires_grad_(False)
    measure_norms(result, ("",), pictures)
    return result.eval()


@torch.no_grad()
def learnt_share(network: SliceNetwork, pictures: Tensor, labels: Tensor) -> float:
    """Return the share of known labels on whose side of one half a network is."""
    logits = torch.cat([network(piece).findings for piece in pieces(pictures)])
    known = ~torch.isnan(labels)
    return float(((logits[known] > 0) == (labels[known] > 0.5)).float().mean())
