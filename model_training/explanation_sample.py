"""Draw the masked images of a run that its explanations are measured on, and load the networks that never saw them."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from model_training.cross_validation import FINAL
from model_training.explanation_memory import Remembering
from model_training.recipe import Recipe
from model_training.runs import read_rows, trained_network
from strokeapp.errors import RecipeError
from strokeapp.imaging.network_input import leveled
from strokeapp.imaging.normalize import standardize
from strokeapp.models.slice_network import FINDINGS, SliceNetwork
from strokeapp.types import Finding

STORE = "store.npz"
MIN_PIXELS = {Finding.HEMORRHAGIC: 100, Finding.ISCHEMIC: 1}
"""Smallest mask at network resolution, about a millimeter a pixel."""
SEED = 20161008


@dataclass(frozen=True)
class Sample:
    """Hold the masked images of one finding.

    Args:
        finding: Drawn in the masks.
        batch: (n, 1, size, size) network input.
        masks: (n, size, size) bool.
        folds: (n,) fold in which the image was held out; -1: no network of the run learnt from its set.
        groups: (n,) patients.
        rows: (n,) places in the run.
    """

    finding: Finding
    batch: Tensor
    masks: NDArray[np.bool_]
    folds: NDArray[np.int64]
    groups: NDArray[np.str_]
    rows: NDArray[np.int64]

    def at(self, places: ArrayLike | slice) -> Sample:
        """Return the images at some places."""
        names = ("batch", "masks", "folds", "groups", "rows")
        return replace(self, **{name: getattr(self, name)[places] for name in names})

    def first(self, count: int) -> Sample:
        """Return the first images."""
        return self.at(slice(count))


class FoldNetworks:
    """Load a run's networks, each once.

    Args:
        run: Folder of the run.
        recipe: Of the run.
    """

    def __init__(self, run: Path, recipe: Recipe) -> None:
        self.run, self.recipe = run, recipe
        self._loaded: dict[int, SliceNetwork] = {}
        self._asked: dict[int, Remembering] = {}

    def of(self, fold: int) -> SliceNetwork:
        """Return the network that did not learn from a fold; the final one for -1.

        Raises:
            RecipeError: That part of the run is not finished.
        """
        if fold not in self._loaded:
            part = FINAL if fold < 0 else f"fold{fold}"
            self._loaded[fold] = trained_network(self.run, part, self.recipe)
        return self._loaded[fold]

    def asked(self, network: SliceNetwork) -> Remembering:
        """Return one of the networks in a form that remembers what it was asked."""
        return self._asked.setdefault(id(network), Remembering(network))

    def groups(self, sample: Sample) -> Iterator[tuple[SliceNetwork, NDArray[np.int64]]]:
        """Yield every network with the images it never saw."""
        for fold in np.unique(sample.folds):
            yield self.of(int(fold)), np.flatnonzero(sample.folds == fold)


def draw_sample(run: Path, recipe: Recipe, finding: Finding, *, limit: int, seed: int = SEED) -> Sample | None:
    """Draw images with a mask of a finding, in an order of chance; None where the run has none.

    Args:
        run: With ``rows.csv`` and ``store.npz``.
        recipe: Of the run.
        finding: Drawn in the masks.
        limit: Most images.
        seed: Of the order; a smaller limit gives the first of a larger one.

    Raises:
        RecipeError: The run keeps no images.
    """
    table, channel = read_rows(run), FINDINGS.index(finding)
    known, masks = np.flatnonzero(stored(run, "mask_known")[:, channel]), stored(run, "masks")
    fitting = np.array([row for row in known if masks[row, channel].sum() >= MIN_PIXELS[finding]], dtype=np.int64)
    rows = np.random.default_rng(seed).permutation(fitting)[:limit]
    if not len(rows):
        return None
    groups = (table["dataset"] + "/" + table["group"]).to_numpy()[rows]
    folds = table["fold"].to_numpy()[rows]
    return Sample(finding, pictures(run, recipe, rows), np.array(masks[rows, channel]), folds, groups, rows)


def pictures(run: Path, recipe: Recipe, rows: NDArray[np.int64]) -> Tensor:
    """Return (n, 1, size, size) network input of some of a run's images.

    Raises:
        RecipeError: The run keeps no images.
    """
    gray, level = stored(run, "gray")[rows], stored(run, "level")[rows]
    parts = [leveled(g / np.float32(255), v, recipe.modality) for g, v in zip(gray, level, strict=True)]
    return torch.from_numpy(standardize(np.stack(parts)[:, None]))


def stored(run: Path, name: str) -> NDArray:
    """Return one array of a run's images, read from the file only where it is looked at.

    Args:
        run: Folder of the run.
        name: Field of ``ImageStore``.

    Raises:
        RecipeError: The run keeps no images.
    """
    path = run / STORE
    if not path.is_file():
        raise RecipeError(f"{run} keeps no images ({STORE}). Train the run again; it continues where it stopped.")
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED:
            with np.load(path) as parts:
                return parts[name]
        with archive.open(member) as file:
            shape, fortran, dtype = _header(file)
            before = file.tell()
    start = _first_byte(path, member) + before
    return np.memmap(path, dtype, "r", start, shape, order="F" if fortran else "C")


def _header(file) -> tuple[tuple[int, ...], bool, np.dtype]:
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    return read(file)


def _first_byte(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where a member's content begins: after its own header, whose length stands in it."""
    with path.open("rb") as raw:
        raw.seek(member.header_offset)
        name, extra = struct.unpack("<26xHH", raw.read(30))
    return member.header_offset + 30 + name + extra
