"""Learn from slices without labels: hide squares of a slice and fill them in.

Source: Xie et al., SimMIM (CVPR 2022), masked image modeling with a plain reconstruction loss, which convolutional
networks profit from too; before it Pathak et al., Context encoders (CVPR 2016). The slice network's encoder and
decoder do the filling in; its weights become the first weights of a training (``init = "pretrained:FILE"``).
"""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from model_training.augmentation import random_affine
from model_training.image_store import open_picture
from model_training.init import initialize
from model_training.loop import best_device, follow
from model_training.manifest import read_manifest
from model_training.pretrain_recipe import PretrainRecipe
from model_training.recipe import Augmentation
from model_training.schedule import rate
from strokeapp.errors import ManifestError
from strokeapp.imaging.network_input import leveled, slice_input
from strokeapp.imaging.normalize import standardize
from strokeapp.models.slice_network import DECODER_CHANNELS, SliceNetwork
from strokeapp.types import Modality

POSE = Augmentation(rotation_degrees=20, translation=0.06, scale=0.15, flip=0.5)
UNSEEN_COLUMNS = ("path", "dataset", "modality")
"""All that pretraining reads of a manifest: neither labels nor masks nor patients."""


@dataclass(frozen=True)
class Batch:
    """Hold pictures with squares hidden, and what is to be found there.

    Args:
        pictures: (batch, 1, size, size) standardized; hidden pixels are 0.
        wanted: (batch, 1, size / 2, size / 2) the whole pictures at the decoder's resolution.
        hidden: (batch, 1, size / 2, size / 2) 1 where hidden.
    """

    pictures: Tensor
    wanted: Tensor
    hidden: Tensor


class FillingNetwork(nn.Module):
    """Put a head that paints gray on the slice network's decoder.

    Args:
        network: Whose encoder and decoder learn.
    """

    def __init__(self, network: SliceNetwork) -> None:
        super().__init__()
        self.network = network
        self.paint = nn.Conv2d(DECODER_CHANNELS[-1], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, 1, rows / 2, columns / 2) standardized gray."""
        return self.paint(self.network.decoded(x)[1])


def unlabelled_rows(recipe: PretrainRecipe, manifest: Path) -> pd.DataFrame:
    """Return path, dataset and modality of the slices to learn from; nothing else of the manifest passes.

    Raises:
        ManifestError: No row is left, or the manifest is not as documented.
    """
    table = read_manifest(manifest)[list(UNSEEN_COLUMNS)]
    keep = table["modality"].isin(recipe.modalities) & ~table["dataset"].isin(recipe.external)
    if recipe.datasets:
        keep &= table["dataset"].isin(recipe.datasets)
    if not keep.any():
        raise ManifestError("No slice of the recipe's modalities and datasets is in the manifest.")
    return table[keep].reset_index(drop=True)


def decode_slices(
    table: pd.DataFrame, folder: Path, recipe: PretrainRecipe, *, workers: int = 2
) -> NDArray[np.float16]:
    """Return (slices, size, size) leveled gray, cut to the head as the app does it."""

    def one(row) -> NDArray[np.float16]:
        modality = Modality(row.modality)
        item = slice_input(open_picture(folder / row.path), modality, size=recipe.size, margin=recipe.margin)
        return leveled(item.gray, item.level, modality).astype(np.float16)

    rows = list(table.itertuples(index=False))
    with ThreadPoolExecutor(workers) as pool:
        slices = tqdm(pool.map(one, rows), total=len(rows), desc="decode", unit="img", mininterval=5)
        return np.stack(list(slices))


def batches(slices: NDArray[np.float16], recipe: PretrainRecipe, number: int) -> Iterator[Batch]:
    """Yield one epoch's batches; the same number gives the same batches."""
    rng = np.random.default_rng((recipe.seed, number))
    generator = torch.Generator().manual_seed(recipe.seed * 1000 + number)
    rounds = -(-recipe.images_per_epoch // len(slices))
    order = np.concatenate([rng.permutation(len(slices)) for _ in range(rounds)])
    for index in range(recipe.images_per_epoch // recipe.batch):
        chosen = order[index * recipe.batch : (index + 1) * recipe.batch]
        yield hide(_moved(torch.from_numpy(slices[chosen].astype(np.float32))[:, None], generator), recipe, generator)


def _moved(gray: Tensor, generator: torch.Generator) -> Tensor:
    grid = functional.affine_grid(random_affine(len(gray), POSE, generator), list(gray.shape), align_corners=False)
    return functional.grid_sample(gray, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def hide(gray: Tensor, recipe: PretrainRecipe, generator: torch.Generator) -> Batch:
    """Hide squares of leveled pictures, the same share of each, and lay noise over the rest.

    Args:
        gray: (batch, 1, size, size).
        recipe: Gives size of the squares, their share, and the noise.
        generator: Of the random numbers.
    """
    count, side = len(gray), recipe.size // recipe.patch
    ranks = torch.rand(count, side * side, generator=generator).argsort(1).argsort(1)
    squares = (ranks < round(recipe.hidden * side * side)).float().view(count, 1, side, side)
    strength = torch.rand(count, 1, 1, 1, generator=generator) * recipe.noise
    noisy = gray + torch.randn(gray.shape, generator=generator) * strength
    visible = 1 - functional.interpolate(squares, size=recipe.size, mode="nearest")
    wanted = standardize(functional.avg_pool2d(gray, 2))
    hidden = functional.interpolate(squares, size=recipe.size // 2, mode="nearest")
    return Batch(standardize(noisy) * visible, wanted, hidden)


def filling_loss(painted: Tensor, batch: Batch) -> Tensor:
    """Return the mean absolute error over hidden pixels."""
    return ((painted - batch.wanted).abs() * batch.hidden).sum() / batch.hidden.sum().clamp(min=1)


def start(recipe: PretrainRecipe) -> FillingNetwork:
    """Return the network before the first step."""
    torch.manual_seed(recipe.seed)
    network = SliceNetwork(backbone=recipe.backbone)
    initialize(network, recipe.init)
    return FillingNetwork(network)


def pretrain(recipe: PretrainRecipe, slices: NDArray[np.float16], log: Path | None = None) -> FillingNetwork:
    """Train the filling network; return its moving average.

    Args:
        recipe: Settings.
        slices: From ``decode_slices``.
        log: JSON lines, one an epoch.
    """
    device = best_device()
    filling = start(recipe).to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(filling).requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(filling.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    per_epoch, begun, step = recipe.images_per_epoch // recipe.batch, time.perf_counter(), 0
    for epoch in range(recipe.epochs):
        bar, total = (
            tqdm(batches(slices, recipe, epoch), total=per_epoch, desc=f"epoch {epoch + 1}", mininterval=5),
            0.0,
        )
        for count, batch in enumerate(bar, 1):
            for group in optimizer.param_groups:
                group["lr"] = rate(step, per_epoch * recipe.epochs, recipe)
            total += _step(filling, optimizer, batch, device)
            follow(average, filling, decay=recipe.ema, step=step)
            step += 1
            bar.set_postfix(loss=f"{total / count:.3f}", refresh=False)
        _write(log, {"epoch": epoch, "loss": total / max(1, per_epoch), "seconds": round(time.perf_counter() - begun)})
    return average


def _step(filling: FillingNetwork, optimizer: torch.optim.Optimizer, batch: Batch, device: torch.device) -> float:
    filling.train()
    batch = Batch(*(getattr(batch, field.name).to(device) for field in dataclasses.fields(Batch)))
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        painted = filling(batch.pictures.contiguous(memory_format=torch.channels_last))
    loss = filling_loss(painted.float(), batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(filling.parameters(), 5.0)
    optimizer.step()
    return loss.item()


def _write(log: Path | None, line: dict) -> None:
    if log is not None:
        with log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


def save_pretrained(filling: FillingNetwork, path: Path, recipe: PretrainRecipe, *, slices: int) -> None:
    """Write encoder and decoder under the slice network's names; heads are left to the training that follows."""
    state = filling.network.state_dict()
    learnt = {n: v.cpu().contiguous() for n, v in state.items() if n.startswith(("encoder.", "decoder."))}
    floats = {name: value for name, value in learnt.items() if not name.endswith("num_batches_tracked")}
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = json.dumps(dataclasses.asdict(recipe))
    save_file(floats, path, metadata={"recipe": settings, "backbone": recipe.backbone, "slices": str(slices)})


def run_pretraining(recipe: PretrainRecipe, manifest: Path, out: Path) -> Path:
    """Pretrain on a manifest's slices and write the weights to ``out`` (safetensors), a log beside it.

    Args:
        recipe: Settings.
        manifest: Paths are relative to its folder.
        out: File to write, ending in ``.safetensors``.

    Raises:
        RecipeError: The first weights cannot be had.
        ModelError: There is no such backbone.
        ManifestError: No slice is left, or the manifest is not as documented.
    """
    out = out.with_suffix(".safetensors")
    start(recipe)  # what cannot be trained is refused before minutes go into decoding
    out.parent.mkdir(parents=True, exist_ok=True)
    table = unlabelled_rows(recipe, manifest)
    slices = decode_slices(table, manifest.parent, recipe)
    log = out.with_suffix(".jsonl")
    log.unlink(missing_ok=True)
    save_pretrained(pretrain(recipe, slices, log), out, recipe, slices=len(slices))
    return out
