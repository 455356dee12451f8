"""Train one network: steps, moving average, early stopping, checkpoints that resume, in one process or several."""

from __future__ import annotations

import copy
import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model_training import distributed
from model_training.dataset import BatchSource
from model_training.init import initialize
from model_training.loss import Targets, total_loss
from model_training.progress import RunClock, TrainingLog
from model_training.recipe import Recipe
from model_training.schedule import Phase, parameter_groups, phases, rate, steps_per_epoch
from strokeapp.errors import RecipeError
from strokeapp.models.slice_network import SliceNetwork

Validation = Callable[[SliceNetwork], float]
"""Returns the loss of a network on images that it does not learn from."""


@dataclass
class Best:
    """Hold the averaged network with the lowest validation loss so far.

    Args:
        loss: Its validation loss.
        epoch: Epochs done when it was reached; 0 before the first.
        waited: Epochs since, in this cycle.
        average: Its weights.
    """

    loss: float = float("inf")
    epoch: int = 0
    waited: int = 0
    average: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class TrainingState:
    """Hold everything that changes while training.

    Args:
        network: That learns.
        average: Moving average of its weights.
        optimizer: Of the network.
        epoch, step: Done so far.
        seconds: Spent so far.
        best: Kept where a validation is given.
        mixed: Whether the first weights have been averaged in.
    """

    network: SliceNetwork
    average: SliceNetwork
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: Best = field(default_factory=Best)
    mixed: bool = False


def best_device() -> torch.device:
    """Return this process's CUDA device, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def build_network(recipe: Recipe) -> SliceNetwork:
    """Return an untrained network as the recipe describes it."""
    return SliceNetwork(
        pooled=recipe.pooled, top_share=recipe.top_share, dropout=recipe.dropout, backbone=recipe.backbone
    )


def start(recipe: Recipe, device: torch.device, *, part: str = "") -> TrainingState:
    """Return the state before the first step."""
    torch.manual_seed(recipe.seed)
    network = build_network(recipe)
    initialize(network, recipe.init, part=part)
    network = distributed.shared_layers(network).to(device, memory_format=torch.channels_last)
    groups = parameter_groups(network, encoder_rate=recipe.encoder_rate, layer_decay=recipe.layer_decay)
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    return TrainingState(network, average, optimizer)


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
        "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "epoch": state.epoch,
        "step": state.step,
        "seconds": state.seconds,
        "best": dataclasses.asdict(state.best),
        "mixed": state.mixed,
    }
    unfinished = path.with_suffix(".part")
    torch.save(parts, unfinished)
    unfinished.replace(path)


def load_checkpoint(state: TrainingState, path: Path) -> None:
    """Continue from a checkpoint.

    Raises:
        RecipeError: It is of another network or optimizer than the recipe's.
    """
    parts = torch.load(path, weights_only=True, map_location="cpu")
    try:
        state.network.load_state_dict(parts["network"])
        state.average.load_state_dict(parts["average"])
        state.optimizer.load_state_dict(parts["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise RecipeError(
            f"The checkpoint in {path.parent} is of another network than the recipe's. Give another folder (--out).",
            detail=str(error),
        ) from error
    torch.set_rng_state(parts["random"])
    cuda = parts.get("cuda_random", [])
    if cuda and len(cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(cuda)
    state.epoch, state.step, state.seconds = parts["epoch"], parts["step"], parts["seconds"]
    state.best, state.mixed = Best(**parts.get("best", {})), parts.get("mixed", False)


@torch.no_grad()
def mix_start(recipe: Recipe, average: nn.Module, *, part: str) -> None:
    """Average the weights that training began with into the result, in place.

    What fine-tuning gains outside is kept and what it forgets inside comes back, at no cost when reading.
    Source: Wortsman et al., Robust fine-tuning of zero-shot models (CVPR 2022).

    Args:
        recipe: Names the first weights and their share.
        average: The trained network.
        part: Of the run.
    """
    first = build_network(recipe)
    initialize(first, recipe.init, part=part)
    for mine, theirs in zip(average.state_dict().values(), first.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs.to(mine.device), recipe.start_share)


def run_steps(recipe: Recipe) -> int:
    """Return the steps of one training without early stopping."""
    return phases(recipe)[-1].last * steps_per_epoch(recipe)


def train(
    recipe: Recipe,
    source: BatchSource,
    folder: Path,
    *,
    label: str,
    validate: Validation | None = None,
    clock: RunClock | None = None,
) -> TrainingState:
    """Train to the end, from the last checkpoint in ``folder`` if there is one.

    Args:
        recipe: Settings.
        source: Batches.
        folder: For ``checkpoint.pt``, ``log.jsonl`` and TensorBoard's events.
        label: Shown beside the progress bar; stands for ``{part}`` in the recipe's ``init``.
        validate: Judges the averaged network after every epoch; a cycle ends when the recipe's ``patience`` is
            over, and the best averaged network is the result. None: every epoch is trained, the last counts.
        clock: Of the whole run that this training is a part of; of this training alone unless given.

    Returns:
        The final state; ``average`` is the network to use.

    Raises:
        RecipeError: The folder's checkpoint is of another network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state, checkpoint = start(recipe, best_device(), part=label), folder / "checkpoint.pt"
    if checkpoint.is_file():
        load_checkpoint(state, checkpoint)
    clock = clock or RunClock(run_steps(recipe))
    clock.skip(state.epoch * steps_per_epoch(recipe))
    with TrainingLog(folder, step=state.step, silent=not distributed.is_main()) as log:
        trainer = Trainer(recipe, state, _forward(recipe, state.network), log, clock, label)
        for phase in phases(recipe):
            _phase(trainer, phase, source, checkpoint, validate)
    if state.best.average and not state.mixed:
        state.average.load_state_dict(state.best.average)
        _save(state, checkpoint)
    if recipe.start_share > 0 and not state.mixed:
        mix_start(recipe, state.average, part=label)
        state.mixed = True
        _save(state, checkpoint)
    return state


@dataclass
class Trainer:
    """Hold what one training uses.

    Args:
        recipe, state: Of the training.
        forward: The state's network, compiled or spread over processes.
        log, clock, label: Where and how progress is told.
    """

    recipe: Recipe
    state: TrainingState
    forward: nn.Module
    log: TrainingLog
    clock: RunClock
    label: str


def _forward(recipe: Recipe, network: SliceNetwork) -> nn.Module:
    spread = distributed.parallel(network)
    if not recipe.compile:
        return spread
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        raise RecipeError("compile = true needs a C++ compiler, e.g. Debian's package g++; or set compile = false.")
    return torch.compile(spread)


def _save(state: TrainingState, checkpoint: Path) -> None:
    if distributed.is_main():
        save_checkpoint(state, checkpoint)


def _phase(trainer: Trainer, phase: Phase, source: BatchSource, checkpoint: Path, validate: Validation | None) -> None:
    """Train one cycle from where the state stands in it."""
    recipe, state = trainer.recipe, trainer.state
    if state.epoch >= phase.last:
        return
    if state.epoch == phase.first:
        state.best.waited = 0
    changed = dataclasses.replace(recipe, augmentation=phase.augmentation)
    drawn = dataclasses.replace(source, recipe=changed, size=phase.size)
    while state.epoch < phase.last:
        line = _epoch(trainer, phase, drawn)
        state.epoch += 1
        if validate is not None:
            line["validation_loss"] = _judge(state, validate)
        trainer.log.epoch(state.step, line)
        if recipe.patience and validate is not None and state.best.waited >= recipe.patience:
            trainer.clock.skip((phase.last - state.epoch) * steps_per_epoch(recipe))
            state.epoch = phase.last
        _save(state, checkpoint)


def _judge(state: TrainingState, validate: Validation) -> float:
    """Validate the averaged network and remember it if it is the best so far."""
    device = next(state.average.parameters()).device
    mine = validate(state.average) if distributed.is_main() else 0.0
    loss, best = distributed.agreed(mine, device), state.best
    if loss < best.loss:
        average = {name: value.detach().clone() for name, value in state.average.state_dict().items()}
        state.best = Best(loss, state.epoch, 0, average)
    else:
        best.waited += 1
    return loss


def _epoch(trainer: Trainer, phase: Phase, source: BatchSource) -> dict[str, float]:
    """Train one epoch; return its line of the log."""
    recipe, state, clock = trainer.recipe, trainer.state, trainer.clock
    per_epoch = steps_per_epoch(recipe)
    steps, before = per_epoch * (phase.last - phase.first), per_epoch * (state.epoch - phase.first)
    begun, total = time.perf_counter(), 0.0
    trainer.forward.train()
    clock.start()
    title, silent = f"{trainer.label} epoch {state.epoch + 1}", not distributed.is_main()
    bar = tqdm(source.epoch(state.epoch), total=per_epoch, desc=title, mininterval=10, disable=silent)
    count, learning_rate = 0, 0.0
    for count, (pictures, targets) in enumerate(bar, 1):
        learning_rate = phase.rate * rate(before + count - 1, steps, recipe)
        loss = _step(trainer, pictures, targets, learning_rate)
        clock.step()
        total += loss
        trainer.log.scalars(state.step, **{"step/loss": loss, "step/rate": learning_rate})
        bar.set_postfix(loss=f"{total / count:.3f}", run_left=clock.time_left(), refresh=False)
    seconds = time.perf_counter() - begun
    state.seconds += seconds
    return {
        "epoch": state.epoch,
        "loss": total / max(1, count),
        "rate": learning_rate,
        "seconds": round(seconds, 1),
        "images_per_second": round(count * recipe.batch / seconds, 1),
    }


def _step(trainer: Trainer, pictures: Tensor, targets: Targets, learning_rate: float) -> float:
    recipe, state = trainer.recipe, trainer.state
    device = next(state.network.parameters()).device
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate * group["rate"]
    pictures = pictures[distributed.my_slice(len(pictures))].to(device, memory_format=torch.channels_last)
    targets = Targets(*(getattr(targets, name).to(device) for name in Targets.__dataclass_fields__))
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        output = trainer.forward(pictures)
    output = type(output)(*(getattr(output, name).float() for name in type(output).__dataclass_fields__))
    output = distributed.gathered(output)
    loss = total_loss(output, targets, dense_weight=recipe.dense_weight, subtype_weight=recipe.subtype_weight)
    state.optimizer.zero_grad(set_to_none=True)
    (loss * distributed.loss_scale()).backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    follow(state.average, state.network, decay=recipe.ema, step=state.step)
    state.step += 1
    return loss.item()
