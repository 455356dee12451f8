"""Draw balanced, augmented batches from an image store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_training.augmentation import move, restyle
from model_training.csf_blood import fill_fluid
from model_training.drawn_clot import draw_clot
from model_training.extra_axial import draw_blood
from model_training.healing import heal
from model_training.image_store import ImageStore
from model_training.loss import Targets
from model_training.recipe import Recipe
from model_training.scalp import draw_scalp
from model_training.transplant import Donor, cut_donors, lay_in
from strokeapp.errors import ManifestError
from strokeapp.imaging.normalize import standardize
from strokeapp.models.slice_network import FINDINGS, SUBTYPES
from strokeapp.types import Finding


def apportion(shares: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Return whole numbers in the proportion of the shares that sum to the total (largest remainders go up).

    Args:
        shares: Sum to one.
        total: To be shared out.
    """
    exact = np.round(shares * total, 9)
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts


@dataclass
class BatchSource:
    """Draw training batches of one fold.

    Args:
        recipe: Strata, sizes, augmentation.
        store: All images of the recipe.
        table: Their manifest rows, same order.
        rows: The images to learn from.
        size: Side of the images drawn; as the store has them unless given.
    """

    recipe: Recipe
    store: ImageStore
    table: pd.DataFrame
    rows: NDArray[np.int64]
    size: int | None = None

    def __post_init__(self) -> None:
        """Prepare labels, strata and transplant donors."""
        self.findings = self.table[[finding.value for finding in FINDINGS]].to_numpy(np.float32)
        self.subtypes = self.table[list(SUBTYPES)].to_numpy(np.float32)
        self.strata = [self._members(stratum) for stratum in self.recipe.strata]
        shares = np.array([stratum.share for stratum in self.recipe.strata])
        self.shares = shares / shares.sum()
        augmentation = self.recipe.augmentation
        wanted = {
            Finding.ISCHEMIC: augmentation.infarct_transplant,
            Finding.HEMORRHAGIC: augmentation.bleed_transplant,
        }
        self.transplants = {
            finding: (chance, cut_donors(self.store, self.rows, finding, self.recipe.modality))
            for finding, chance in wanted.items()
            if chance > 0
        }

    def _members(self, stratum) -> NDArray[np.int64]:
        part = self.table.iloc[self.rows]
        keep = part["dataset"] == stratum.dataset
        for label, value in stratum.where.items():
            keep &= part[label] == value
        if not keep.any():
            raise ManifestError(f"No image of {stratum.dataset} with {stratum.where} to learn from; mend the recipe.")
        return self.rows[keep.to_numpy()]

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Targets]]:
        """Yield the batches of one epoch; the same number gives the same batches."""
        rng = np.random.default_rng((self.recipe.seed, number))
        generator = torch.Generator().manual_seed(self.recipe.seed * 1000 + number)
        counts = apportion(self.shares, self.recipe.images_per_epoch)
        drawn = [self._draw(members, count, rng) for members, count in zip(self.strata, counts, strict=True)]
        order = rng.permutation(np.concatenate(drawn))
        for start in range(0, len(order) - self.recipe.batch + 1, self.recipe.batch):
            yield self._batch(order[start : start + self.recipe.batch], rng, generator)

    @staticmethod
    def _draw(members: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        rounds = [rng.permutation(members) for _ in range(-(-count // len(members)))]
        return np.concatenate(rounds)[:count] if rounds else members[:0]

    def _batch(
        self, rows: NDArray[np.int64], rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[Tensor, Targets]:
        grays, masks = [], self.store.masks[rows].astype(np.float32)
        findings, subtypes = self.findings[rows].copy(), self.subtypes[rows].copy()
        known = self.store.mask_known[rows].copy()
        for i, row in enumerate(rows):
            gray = self.store.leveled(row, self.recipe.modality)
            gray = self._heal(gray, i, rng, findings, masks)
            gray = self._transplant(gray, i, rng, findings, subtypes, masks, known)
            if rng.random() < self.recipe.augmentation.scalp:
                gray, masks[i] = draw_scalp(gray, masks[i], rng)
            grays.append(gray)
        gray, mask = torch.from_numpy(np.stack(grays)[:, None]), torch.from_numpy(masks)
        gray, mask = move(gray, mask, self.recipe.augmentation, generator, size=self.size)
        gray = restyle(gray, self.recipe.augmentation, generator)
        targets = Targets(torch.from_numpy(findings), torch.from_numpy(subtypes), mask, torch.from_numpy(known))
        return standardize(gray), targets

    def _heal(self, gray, i: int, rng: np.random.Generator, findings, masks):
        """Take a drawn infarct out of a slice (labels in place)."""
        channel = FINDINGS.index(Finding.ISCHEMIC)
        if not masks[i, channel].any() or rng.random() >= self.recipe.augmentation.heal:
            return gray
        healed = heal(gray, masks[i, channel] > 0.5)
        if healed is None:
            return gray
        findings[i, channel], masks[i, channel] = 0.0, 0.0
        return healed

    def _transplant(self, gray, i: int, rng: np.random.Generator, findings, subtypes, masks, known):
        """Lay at most one lesion into a slice known to be free of it (labels in place).

        An infarct is laid only where no mask is; a bleed, if the recipe says so, also beside an infarct or over it.
        """
        beside = self.recipe.augmentation.beside_infarcts
        for finding, chance, lay in self._lesions():
            channel = FINDINGS.index(finding)
            taken = masks[i, channel] if beside and finding is Finding.HEMORRHAGIC else masks[i]
            if findings[i, channel] != 0 or taken.any() or rng.random() >= chance:
                continue
            result = lay(gray, rng)
            if result is None:
                continue
            gray, laid = result
            masks[i] *= ~laid
            masks[i, channel] = laid
            findings[i, channel], known[i, channel] = 1.0, True
            if finding is Finding.HEMORRHAGIC:
                subtypes[i] = np.nan
            break
        return gray

    def _lesions(self) -> Iterator[tuple[Finding, float, Callable]]:
        """Yield what may be laid into a slice: drawn blood first, then transplants."""
        augmentation = self.recipe.augmentation
        drawn = (
            (augmentation.extra_axial, draw_blood),
            (augmentation.drawn_clot, draw_clot),
            (augmentation.fluid_blood, fill_fluid),
        )
        for chance, draw in drawn:
            if chance > 0:
                yield Finding.HEMORRHAGIC, chance, draw
        for finding, (chance, donors) in self.transplants.items():
            if donors:
                yield finding, chance, partial(self._lay_in, donors)

    def _lay_in(self, donors: list[Donor], gray, rng: np.random.Generator):
        return lay_in(gray, donors[int(rng.integers(len(donors)))], rng, self.recipe.modality)
