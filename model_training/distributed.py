"""Train one network in several processes, with the result that one process would give.

Start them with ``torchrun --nproc-per-node N -m model_training train RECIPE``. Every process draws the same
global batch and takes its slice of it. Losses are means over what is known of the whole batch, so outputs are
gathered before the loss; batch normalization and dropout see the whole batch too. Gradients are then those of
one process, up to rounding.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from strokeapp.errors import RecipeError

PATIENCE = timedelta(hours=2)
"""How long a process waits for another, which may be decoding every image of the run."""

Value = TypeVar("Value")
Network = TypeVar("Network", bound=nn.Module)


def world() -> int:
    """Return the number of processes; 1 where training is not distributed."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Return this process's number."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_main() -> bool:
    """Tell whether this process writes files and shows progress."""
    return rank() == 0


@contextmanager
def processes() -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the block runs; alone, do nothing.

    They talk by NCCL where each has a CUDA device, else by gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def wait() -> None:
    """Wait until all processes have come here."""
    if world() > 1:
        distributed.barrier()


def main_first(action: Callable[[], Value]) -> Value:
    """Let the main process act first (and write what the others then read); return the result."""
    if not is_main():
        wait()
    result = action()
    if is_main():
        wait()
    return result


def agreed(value: float, device: torch.device) -> float:
    """Return the main process's value in every process, so that all decide alike."""
    if world() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.broadcast(shared, 0)
    return shared.item()


def my_slice(batch: int) -> slice:
    """Return which part of a global batch is this process's.

    Raises:
        RecipeError: The batch cannot be shared out evenly.
    """
    if batch % world():
        raise RecipeError(f"A batch of {batch} cannot be shared out over {world()} processes; change batch.")
    share = batch // world()
    return slice(rank() * share, (rank() + 1) * share)


def gathered(output: Value) -> Value:
    """Return a dataclass of (batch, …) tensors with the slices of all processes, in order.

    Gradients flow into this process's slice only; every process has the loss of the whole batch, and
    DistributedDataParallel averages gradients, so ``loss_scale`` makes up for the others' slices.
    """
    if world() == 1:
        return output
    fields = (field.name for field in dataclasses.fields(output))
    return type(output)(**{name: _gather(getattr(output, name)) for name in fields})


def loss_scale() -> float:
    """Return by what the loss is multiplied before the backward pass."""
    return float(world())


def _gather(mine: Tensor) -> Tensor:
    parts = [torch.empty_like(mine, memory_format=torch.contiguous_format) for _ in range(world())]
    distributed.all_gather(parts, mine.detach().contiguous())
    parts[rank()] = mine
    return torch.cat(parts)


class _Sum(torch.autograd.Function):
    """Add up a tensor over processes; every process's loss hears of every summand, so gradients add up too."""

    @staticmethod
    def forward(_context, mine: Tensor) -> Tensor:
        total = mine.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


def summed(mine: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; gradients pass through it."""
    return _Sum.apply(mine)


def shared_layers(network: Network) -> Network:
    """Replace, in place, layers whose result depends on the whole batch; parameters and names stay.

    Call before parameters are handed to an optimizer. Alone, nothing is replaced.
    """
    if world() > 1:
        _replace(network)
    return network


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, SharedBatchNorm2d.like(child))
        elif type(child) is nn.Dropout:
            setattr(module, name, SharedDropout(child.p))
        else:
            _replace(child)


def parallel(network: nn.Module) -> nn.Module:
    """Wrap a network so that gradients are averaged over processes."""
    if world() == 1:
        return network
    device = next(network.parameters()).device
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Normalize by the statistics of the whole batch, on any device (torch's SyncBatchNorm needs CUDA).

    Sums of values and squares are taken about the running mean, which keeps the variance from cancellation,
    and added up over processes in one message that gradients pass too.
    Source of the shift: Chan, Golub & LeVeque, American Statistician 37 (1983).
    """

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> SharedBatchNorm2d:
        """Return a layer that shares a layer's parameters and buffers."""
        new = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        new.weight, new.bias, new.training = norm.weight, norm.bias, norm.training
        new.running_mean, new.running_var = norm.running_mean, norm.running_var
        new.num_batches_tracked = norm.num_batches_tracked
        return new

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, rows, columns) normalized; evaluation is the ordinary layer's."""
        if not self.training or world() == 1:
            return super().forward(x)
        count = x.numel() // x.shape[1] * world()
        origin = self.running_mean.clone().view(1, -1, 1, 1)
        moved = x.to(origin.dtype) - origin
        sums = torch.stack([moved.sum((0, 2, 3)), moved.square().sum((0, 2, 3))])
        mean, square = summed(sums) / count
        variance = square - mean.square()
        self._remember(mean.detach() + origin.view(-1), variance.detach() * (count / (count - 1)))
        scale = (variance + self.eps).rsqrt() * self.weight
        result = moved * scale.view(1, -1, 1, 1) + (self.bias - mean * scale).view(1, -1, 1, 1)
        return result.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class SharedDropout(nn.Dropout):
    """Draw the mask of the whole batch in every process and use this process's part of it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x with elements dropped; processes must have drawn the same random numbers so far."""
        if not self.training or world() == 1:
            return super().forward(x)
        whole = x.new_empty((len(x) * world(), *x.shape[1:])).bernoulli_(1 - self.p)
        return x * whole[my_slice(len(whole))] / (1 - self.p)
