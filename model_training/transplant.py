"""Lay a lesion of one source into a lesion-free slice of another.

On CT the finding nearly equals the source of the picture. A transplanted lesion breaks that tie: the
darkening of an infarct (or the brightening of a clot) against a ring around it, freed of its noise, is added
to tissue of a slice from elsewhere, so that the recipient's scanner goes with both answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_training.image_store import ImageStore
from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import Finding, Modality

TISSUE = (0.2, 0.78)
"""Gray between which a recipient's pixel can take a lesion: neither CSF nor bone."""
NOISE_SIGMA = 1.6
LARGEST_MOVE = 8
SMALLEST = 20
LIMITS = {Finding.ISCHEMIC: (-0.4, 0.04), Finding.HEMORRHAGIC: (-0.04, 0.6)}


@dataclass(frozen=True)
class Donor:
    """Hold one lesion cut out of its slice.

    Args:
        change: (size, size) float16 gray against the ring around the lesion.
        mask: (size, size) bool.
    """

    change: NDArray[np.float16]
    mask: NDArray[np.bool_]


def cut_donor(gray: NDArray[np.float32], mask: NDArray[np.bool_], finding: Finding) -> Donor | None:
    """Measure a lesion against the tissue around it; None where too little tissue is left to compare with."""
    smooth = ndimage.gaussian_filter(gray, NOISE_SIGMA)
    ring = ndimage.binary_dilation(mask, iterations=9) & ~ndimage.binary_dilation(mask, iterations=2)
    ring &= (smooth > TISSUE[0]) & (smooth < TISSUE[1])
    if mask.sum() < SMALLEST or ring.sum() < SMALLEST:
        return None
    change = np.clip(smooth - np.median(smooth[ring]), *LIMITS[finding])
    right_way = change[mask].mean() * (1 if finding is Finding.HEMORRHAGIC else -1)
    return Donor(change.astype(np.float16), mask) if right_way > 0.01 else None


def cut_donors(store: ImageStore, rows: NDArray[np.int64], finding: Finding) -> list[Donor]:
    """Cut a donor from each of the rows that has a mask of the finding."""
    channel = FINDINGS.index(finding)
    donors = []
    for row in rows[store.masks[rows, channel].any((1, 2))]:
        gray = store.leveled(row, Modality.CT)
        donor = cut_donor(gray, store.masks[row, channel], finding)
        if donor is not None:
            donors.append(donor)
    return donors


def lay_in(
    gray: NDArray[np.float32], donor: Donor, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return the recipient with the lesion in it and the lesion's mask, or None where it finds no tissue.

    Args:
        gray: (size, size) leveled recipient.
        donor: Mirrored and moved at random before it is laid in.
        rng: Decides place and strength (0.6 to 1.2 of the measured change).
    """
    change, mask = donor.change.astype(np.float32), donor.mask
    if rng.random() < 0.5:
        change, mask = change[:, ::-1], mask[:, ::-1]
    move = tuple(int(n) for n in rng.integers(-LARGEST_MOVE, LARGEST_MOVE + 1, 2))
    change, mask = np.roll(change, move, (0, 1)), np.roll(mask, move, (0, 1))
    smooth = ndimage.uniform_filter(gray, 3)
    tissue = (smooth > TISSUE[0]) & (smooth < TISSUE[1])
    laid = mask & tissue
    if laid.sum() < max(SMALLEST, 0.6 * mask.sum()):
        return None
    feather = ndimage.gaussian_filter(mask.astype(np.float32), 1.2) * ndimage.uniform_filter(
        tissue.astype(np.float32), 3
    )
    return gray + feather * change * np.float32(rng.uniform(0.6, 1.2)), laid
