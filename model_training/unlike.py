"""Make pictures unlike any that a network learnt from, to measure which of them are stopped before they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from model_training.image_store import open_picture
from model_training.recipe import Recipe
from strokeapp.inference.suitability import check
from strokeapp.types import Modality, Plane, Scan, Sequence, Units

Picture = NDArray[np.floating]
"""(rows, columns) gray in [0, 1]."""

ALTERED: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "noise alone": lambda gray, rng: rng.random(gray.shape),
    "drowned in noise": lambda gray, rng: gray + rng.normal(0, 0.25, gray.shape),
    "blurred": lambda gray, rng: ndimage.gaussian_filter(gray, gray.shape[0] / 64),
    "coarse pixels": lambda gray, rng: np.kron(gray[8::16, 8::16], np.ones((16, 16))),
    "striped": lambda gray, rng: gray + (gray > 0.05) * 0.3 * np.sin(np.arange(len(gray)) / 2)[:, None],
    "inverted gray": lambda gray, rng: 1 - gray,
    "narrow window": lambda gray, rng: 2 * gray - 0.5,
    "washed out": lambda gray, rng: 0.35 + 0.3 * gray,
    "darkened": lambda gray, rng: gray**2.5,
    "brightened": lambda gray, rng: gray**0.4,
    "brightest parts alone": lambda gray, rng: 5 * (gray - 0.8),
    "on its side": lambda gray, rng: np.rot90(gray),
    "upside down": lambda gray, rng: gray[::-1],
    "half cut off": lambda gray, rng: gray * (np.arange(gray.shape[1]) < gray.shape[1] // 2),
    "four in one": lambda gray, rng: np.tile(gray[::2, ::2], (2, 2)),
}
"""Kind to what is done to a square slice, whose side is a multiple of 32."""


def altered(pictures: list[Picture], kind: str, *, seed: int = 0) -> list[Picture]:
    """Return the pictures changed as the kind says, within [0, 1]."""
    rng = np.random.default_rng(seed)
    return [np.clip(ALTERED[kind](gray, rng), 0, 1).astype(np.float32) for gray in pictures]


def other_pictures(manifest: pd.DataFrame, recipe: Recipe, folder: Path, *, most: int) -> Iterator[tuple[str, list]]:
    """Yield kind and pictures of every modality and sequence of a manifest that the recipe's network must not read.

    Args:
        manifest: From ``read_manifest``.
        recipe: Of the network.
        folder: That the manifest's paths are relative to.
        most: Of each kind, evenly spaced over its rows.
    """
    mine = (manifest["modality"] == recipe.modality.value) & manifest["sequence"].isin(recipe.sequences)
    for (modality, sequence), part in manifest[~mine].groupby(["modality", "sequence"], sort=True):
        picked = np.unique(np.linspace(0, len(part) - 1, min(most, len(part))).round().astype(int))
        yield f"{modality} {sequence}", [open_picture(folder / path) for path in part["path"].iloc[picked]]


def unsuited(picture: Picture, recipe: Recipe) -> bool:
    """Tell whether the examination before reading stops a picture, taken for what the network reads.

    Args:
        picture: Gray in [0, 1], without tags and millimeters: what needs those is not examined.
        recipe: Of the network. Its CT pictures are examined as pictures, its MR as MR of its first sequence.
    """
    kind = (Modality.PICTURE, Sequence.UNKNOWN, Units.GRAY)
    if recipe.modality is Modality.MR:
        kind = (Modality.MR, Sequence(recipe.sequences[0]), Units.ARBITRARY)
    voxels = np.rint(255 * picture).astype(np.uint8)[None]
    return check(Scan(voxels, None, *kind, Plane.UNKNOWN)) is not None
