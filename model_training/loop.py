"""Train one network: optimizer, schedule, moving average, checkpoints that resume, a log."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from model_training.dataset import BatchSource
from model_training.init import initialize
from model_training.loss import Targets, total_loss
from model_training.recipe import Augmentation, Recipe
from strokeapp.models.slice_network import SliceNetwork


@dataclass
class TrainingState:
    """Hold everything that changes while training."""

    network: SliceNetwork
    average: SliceNetwork
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0


def best_device() -> torch.device:
    """Return the first CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def build_network(recipe: Recipe) -> SliceNetwork:
    """Return an untrained network as the recipe describes it."""
    return SliceNetwork(pooled=recipe.pooled, top_share=recipe.top_share, dropout=recipe.dropout)


def start(recipe: Recipe, device: torch.device, *, part: str = "") -> TrainingState:
    """Return the state before the first step."""
    torch.manual_seed(recipe.seed)
    network = build_network(recipe)
    initialize(network, recipe.init, part=part)
    network = network.to(device, memory_format=torch.channels_last)
    encoder = set(network.encoder.parameters())
    groups = [
        {"params": list(network.encoder.parameters()), "rate": recipe.encoder_rate},
        {"params": [p for p in network.parameters() if p not in encoder], "rate": 1.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    return TrainingState(network, average, optimizer)


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """Return the learning rate: linear warm-up, then half a cosine to zero."""
    warm = max(1, round(recipe.warmup * steps))
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, *, decay: float, step: int) -> None:
    """Move the averaged network toward the trained one; the decay grows from 0 over the first steps."""
    keep = min(decay, (1 + step) / (10 + step))
    for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)


def save_checkpoint(state: TrainingState, path: Path) -> None:
    """Write the state whole or not at all."""
    parts = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "epoch": state.epoch,
        "step": state.step,
        "seconds": state.seconds,
    }
    unfinished = path.with_suffix(".part")
    torch.save(parts, unfinished)
    unfinished.replace(path)


def load_checkpoint(state: TrainingState, path: Path) -> None:
    """Continue from a checkpoint."""
    parts = torch.load(path, weights_only=True, map_location="cpu")
    state.network.load_state_dict(parts["network"])
    state.average.load_state_dict(parts["average"])
    state.optimizer.load_state_dict(parts["optimizer"])
    torch.set_rng_state(parts["random"])
    state.epoch, state.step, state.seconds = parts["epoch"], parts["step"], parts["seconds"]


def train(recipe: Recipe, source: BatchSource, folder: Path, *, label: str) -> TrainingState:
    """Train to the end, from the last checkpoint in ``folder`` if there is one.

    Args:
        recipe: Settings.
        source: Batches.
        folder: For ``checkpoint.pt`` and ``log.jsonl``.
        label: Shown beside the progress bar.

    Returns:
        The final state; ``average`` is the network to use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = best_device()
    state, checkpoint = start(recipe, device, part=label), folder / "checkpoint.pt"
    if checkpoint.is_file():
        load_checkpoint(state, checkpoint)
    for phase in phases(recipe):
        if state.epoch >= phase.last:
            continue
        drawn = dataclasses.replace(source, recipe=dataclasses.replace(recipe, augmentation=phase.augmentation))
        while state.epoch < phase.last:
            _epoch(recipe, phase, drawn, state, folder, label)
            state.epoch += 1
            save_checkpoint(state, checkpoint)
    return state


@dataclass(frozen=True)
class Phase:
    """Name one cycle of training.

    Args:
        first, last: Epochs, last excluded.
        rate: Peak learning rate as a share of the recipe's.
        augmentation: Of the cycle.
    """

    first: int
    last: int
    rate: float
    augmentation: Augmentation


def phases(recipe: Recipe) -> list[Phase]:
    """Return the recipe's cycles: the main one and, where there is one, the refinement."""
    cycles, more = [Phase(0, recipe.epochs, 1.0, recipe.augmentation)], recipe.refinement
    if more is not None:
        changed = dataclasses.replace(recipe.augmentation, **more.augmentation)
        cycles.append(Phase(recipe.epochs, recipe.epochs + more.epochs, more.rate, changed))
    return cycles


def _epoch(recipe: Recipe, phase: Phase, source: BatchSource, state: TrainingState, folder: Path, label: str) -> None:
    per_epoch = recipe.images_per_epoch // recipe.batch
    steps, begun, total = per_epoch * (phase.last - phase.first), time.perf_counter(), 0.0
    done = state.step
    state.network.train()
    bar = tqdm(source.epoch(state.epoch), total=per_epoch, desc=f"{label} epoch {state.epoch + 1}", mininterval=10)
    count = 0
    for count, (pictures, targets) in enumerate(bar, 1):
        step = (state.epoch - phase.first) * per_epoch + state.step - done
        total += _step(recipe, state, pictures, targets, phase.rate * rate(step, steps, recipe))
        bar.set_postfix(loss=f"{total / count:.3f}", refresh=False)
    state.seconds += time.perf_counter() - begun
    line = {"epoch": state.epoch, "loss": total / max(1, count), "seconds": round(time.perf_counter() - begun, 1)}
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _step(recipe: Recipe, state: TrainingState, pictures, targets: Targets, learning_rate: float) -> float:
    device = next(state.network.parameters()).device
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate * group["rate"]
    pictures = pictures.to(device, memory_format=torch.channels_last)
    targets = Targets(*(getattr(targets, name).to(device) for name in Targets.__dataclass_fields__))
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        output = state.network(pictures)
    output = type(output)(*(getattr(output, name).float() for name in type(output).__dataclass_fields__))
    loss = total_loss(output, targets, dense_weight=recipe.dense_weight, subtype_weight=recipe.subtype_weight)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    follow(state.average, state.network, decay=recipe.ema, step=state.step)
    state.step += 1
    return loss.item()
