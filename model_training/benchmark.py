"""Measure how fast batches come: from the image store, and from a plain DataLoader that opens pictures with PIL.

Both deliver (batch, 1, size, size) float tensors of the same images. The plain loader does what a tutorial's does:
open, resize, ToTensor in worker processes, and for the second row torchvision's augmentations of pose, contrast and
sharpness. The store's batches also hold labels and masks, are cut to the head and brought to one level of gray; the
second row has the recipe's pose and style, noise and resolution included, and the third adds the lesions it lays in,
drawn scalps and so on, which the plain loader has nothing like. The store's images are decoded once beforehand; what
that costs is told beside it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model_training.augmentation import POSES, STYLES
from model_training.cross_validation import recipe_rows
from model_training.dataset import BatchSource
from model_training.image_store import build_store
from model_training.recipe import Augmentation, Recipe
from strokeapp.compat import import_torchvision
from strokeapp.errors import ManifestError

NO_AUGMENTATION = Augmentation(**{field.name: 0.0 for field in dataclasses.fields(Augmentation)})


@dataclass(frozen=True)
class Pace:
    """Hold how fast images come.

    Args:
        wall: Images per second.
        cpu: Images per second of processor time of all processes, which other work on the machine hardly changes.
    """

    wall: float
    cpu: float


@dataclass(frozen=True)
class Speed:
    """Compare both ways of getting the same kind of batch.

    Args:
        what: Of the comparison.
        store, plain: Of the two loaders.
    """

    what: str
    store: Pace
    plain: Pace

    @property
    def ratio(self) -> float:
        """Return how many times as many images a second the store gives."""
        return self.store.wall / self.plain.wall

    @property
    def cpu_ratio(self) -> float:
        """Return the same for a second of processor time."""
        return self.store.cpu / self.plain.cpu


@dataclass(frozen=True)
class Benchmark:
    """Hold what was measured.

    Args:
        images: Delivered in each measurement.
        decode_seconds: To build the store, once per run.
        speeds: At each of ``levels``.
    """

    images: int
    decode_seconds: float
    speeds: tuple[Speed, ...]

    def table(self) -> str:
        """Return the figures as a Markdown table."""
        lines = [
            "| batches | image store | DataLoader with PIL | ratio | ratio per processor second |",
            "|---|---|---|---|---|",
        ]
        for speed in self.speeds:
            store, plain = (f"{pace.wall:.0f} images/s" for pace in (speed.store, speed.plain))
            lines.append(f"| {speed.what} | {store} | {plain} | {speed.ratio:.1f} | {speed.cpu_ratio:.1f} |")
        return "\n".join([*lines, "", f"{self.images} images; decoding them once took {self.decode_seconds:.1f} s."])


class PicturesFromDisk(Dataset):
    """Open pictures with PIL as a plain PyTorch data set does.

    Args:
        paths: Of the pictures.
        size: To resize to.
        augmentation: Strengths of torchvision's transforms; none where all are 0.
    """

    def __init__(self, paths: list[Path], size: int, augmentation: Augmentation) -> None:
        self.paths = paths
        v2 = _transforms()
        steps = [v2.Resize((size, size)), *_torchvision_steps(augmentation)]
        self.transform = v2.Compose([*steps, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as picture:
            return self.transform(picture.convert("L"))


def _transforms() -> ModuleType:
    """Return torchvision's transforms, imported so that they load beside a CPU-only PyTorch too."""
    import_torchvision()
    from torchvision.transforms import v2

    return v2


def _torchvision_steps(augmentation: Augmentation) -> list:
    if augmentation == NO_AUGMENTATION:
        return []
    v2 = _transforms()
    move = (augmentation.translation, augmentation.translation)
    scale = (1 - augmentation.scale, 1 + augmentation.scale)
    return [
        v2.RandomAffine(augmentation.rotation_degrees, move, scale, interpolation=v2.InterpolationMode.BILINEAR),
        v2.RandomHorizontalFlip(augmentation.flip),
        v2.ColorJitter(brightness=augmentation.shift, contrast=augmentation.contrast),
        v2.RandomApply([v2.GaussianBlur(3)], augmentation.blur),
    ]


def run_benchmark(
    recipe: Recipe, manifest: Path, *, images: int = 500, workers: int = 2, repeats: int = 3
) -> Benchmark:
    """Time both loaders over the same images, taking turns, and keep the best of each.

    Args:
        recipe: Gives size, batch, augmentation and which images there are.
        manifest: Table of labelled images; paths are relative to its folder.
        images: To draw from the recipe's, at most.
        workers: Processes of the plain DataLoader.
        repeats: Turns of each loader; other work on the machine slows some of them.

    Raises:
        ManifestError: There are fewer images than a batch.
    """
    table = _some_rows(recipe_rows(recipe, manifest), recipe, images)
    count = len(table) // recipe.batch * recipe.batch
    begun = time.perf_counter()
    store = build_store(table, manifest.parent, recipe)
    decode_seconds = time.perf_counter() - begun
    paths = [manifest.parent / path for path in table["path"]]
    speeds = []
    for what, augmentation in levels(recipe.augmentation).items():
        settings = dataclasses.replace(recipe, images_per_epoch=count, augmentation=augmentation)
        source = BatchSource(settings, store, table, np.arange(len(table)))
        pictures = PicturesFromDisk(paths, recipe.size, augmentation)
        ours, plain = [], []
        for turn in range(repeats):
            ours.append(_pace(batch for batch, _ in source.epoch(turn)))
            loader = DataLoader(pictures, recipe.batch, shuffle=True, num_workers=workers, drop_last=True)
            plain.append(_pace(loader))
        speeds.append(Speed(what, _best(ours), _best(plain)))
    return Benchmark(count, decode_seconds, tuple(speeds))


def levels(augmentation: Augmentation) -> dict[str, Augmentation]:
    """Return what is compared: no augmentation, pose and style alone, and all of a recipe's."""
    styled = {name: getattr(augmentation, name) for name in (*POSES, *STYLES)}
    return {
        "as they are": NO_AUGMENTATION,
        "posed and restyled": dataclasses.replace(NO_AUGMENTATION, **styled),
        "with lesions laid in": augmentation,
    }


def _some_rows(table: pd.DataFrame, recipe: Recipe, images: int) -> pd.DataFrame:
    """Return images spread evenly over the recipe's, so that every stratum has some."""
    inside = table[table["fold"] >= 0].reset_index(drop=True)
    chosen = np.unique(np.linspace(0, len(inside) - 1, min(images, len(inside))).round().astype(int))
    if len(chosen) < recipe.batch:
        raise ManifestError(f"A benchmark needs a batch of {recipe.batch} images; there are {len(chosen)}.")
    return inside.iloc[chosen].reset_index(drop=True)


def _pace(batches: Iterable[Tensor]) -> Pace:
    """Draw all batches; workers are joined when the loop ends, so that their time counts."""
    wall, cpu, count = time.perf_counter(), _processor_seconds(), 0
    for batch in batches:
        count += len(batch)
    return Pace(count / (time.perf_counter() - wall), count / max(_processor_seconds() - cpu, 1e-6))


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _best(paces: list[Pace]) -> Pace:
    return Pace(max(pace.wall for pace in paces), max(pace.cpu for pace in paces))
