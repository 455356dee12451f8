"""Decode and crop every image once into arrays that training reads from memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from model_training.clot import clot_inside_ring
from model_training.recipe import Recipe
from strokeapp.errors import ManifestError
from strokeapp.imaging.head_crop import crop
from strokeapp.imaging.network_input import leveled, slice_input
from strokeapp.imaging.normalize import standardize
from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import Modality


@dataclass(frozen=True)
class ImageStore:
    """Hold the training images of one recipe.

    Args:
        gray: (images, size, size) uint8, cut to the head.
        level: (images,) float32, see ``strokeapp.imaging.network_input``.
        masks: (images, 2, size, size) bool in the order of ``FINDINGS``.
        mask_known: (images, 2) bool: whether the mask (empty ones too) says where the finding is.
    """

    gray: NDArray[np.uint8]
    level: NDArray[np.float32]
    masks: NDArray[np.bool_]
    mask_known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.gray)

    def leveled(self, row: int, modality: Modality) -> NDArray[np.float32]:
        """Return one image, (size, size), at its level."""
        return leveled(self.gray[row] / np.float32(255), self.level[row], modality)

    def network_batch(self, rows: NDArray[np.int64], modality: Modality, device: torch.device) -> Tensor:
        """Return (rows, 1, size, size) as the slice network takes it, without augmentation."""
        gray = standardize(np.stack([self.leveled(row, modality) for row in rows])[:, None])
        return torch.from_numpy(gray).to(device, memory_format=torch.channels_last)


def open_picture(path: Path) -> NDArray[np.float32]:
    """Return a picture as (rows, columns) float32 in [0, 1].

    Raises:
        ManifestError: The file is missing or is not a picture.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"), dtype=np.float32) / 255
    except FileNotFoundError as error:
        raise ManifestError(f"The manifest names {path.name}, which is not there.", detail=str(path)) from error
    except (UnidentifiedImageError, OSError) as error:
        raise ManifestError(f"{path.name} cannot be decoded as a picture.", detail=str(error)) from error


def build_store(table: pd.DataFrame, folder: Path, recipe: Recipe, *, workers: int = 2) -> ImageStore:
    """Decode all rows of a manifest.

    Args:
        table: From ``read_manifest``, only the recipe's rows.
        folder: That the paths are relative to.
        recipe: Gives size, margin and what each dataset's masks mark.
    """
    count, size = len(table), recipe.size
    store = ImageStore(
        np.zeros((count, size, size), np.uint8),
        np.zeros(count, np.float32),
        np.zeros((count, len(FINDINGS), size, size), bool),
        np.zeros((count, len(FINDINGS)), bool),
    )
    rows = list(table.itertuples(index=False))

    def fill(index: int) -> None:
        _fill(store, index, rows[index], folder, recipe)

    with ThreadPoolExecutor(workers) as pool:
        for _ in tqdm(pool.map(fill, range(count)), total=count, desc="decode", unit="img", mininterval=5):
            pass
    return store


def _fill(store: ImageStore, index: int, row, folder: Path, recipe: Recipe) -> None:
    picture = open_picture(folder / row.path)
    item = slice_input(picture, recipe.modality, size=recipe.size, margin=recipe.margin)
    store.gray[index] = np.clip(np.rint(item.gray * 255), 0, 255)
    store.level[index] = item.level
    for channel, finding in enumerate(FINDINGS):
        store.mask_known[index, channel] = getattr(row, finding.value) == 0
    if not row.mask:
        return
    mask = open_picture(folder / row.mask)
    if mask.shape != picture.shape:
        raise ManifestError(f"{row.mask} is {mask.shape}, its image {picture.shape}: they must have one frame.")
    cut = crop(mask, item.box, recipe.size) > 0.5
    kind = recipe.mask_kinds.get(row.dataset, "ischemic")
    if kind == "edema_ring":
        kind, cut = "hemorrhagic", clot_inside_ring(cut, leveled(item.gray, item.level, recipe.modality))
    if cut is not None and cut.any():
        channel = [finding.value for finding in FINDINGS].index(kind)
        store.masks[index, channel], store.mask_known[index, channel] = cut, True
