"""Lay a lesion of one picture into a lesion-free slice of another.

On CT the finding nearly equals the source of the picture. A transplanted lesion breaks that tie: the
darkening of an infarct (or the brightening of a clot) against a ring around it, freed of its noise, is added
to tissue of a slice from elsewhere, so that the recipient's scanner goes with both answers. On MR, where an infarct
is bright, it puts infarcts into brains with every degree of white-matter disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_training.image_store import ImageStore
from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import Finding, Modality

TISSUE = {Modality.CT: (0.2, 0.78), Modality.MR: (0.2, 1.2)}
"""Gray between which a recipient's pixel can take a lesion: neither CSF nor bone, on MR neither CSF nor saturated."""
NOISE_SIGMA = {Modality.CT: 1.6, Modality.MR: 0.8}
LARGEST_MOVE = 8
SMALLEST = 20
LIMITS = {
    (Modality.CT, Finding.ISCHEMIC): (-0.4, 0.04),
    (Modality.CT, Finding.HEMORRHAGIC): (-0.04, 0.6),
    (Modality.MR, Finding.ISCHEMIC): (-0.04, 1.1),
}
"""Of a lesion's gray against its surroundings; the larger end is the lesion's own direction."""
LEAST_CHANGE = {Modality.CT: 0.01, Modality.MR: 0.05}


@dataclass(frozen=True)
class Donor:
    """Hold one lesion cut out of its slice.

    Args:
        change: (size, size) float16 gray against the ring around the lesion.
        mask: (size, size) bool.
    """

    change: NDArray[np.float16]
    mask: NDArray[np.bool_]


def cut_donor(
    gray: NDArray[np.float32], mask: NDArray[np.bool_], finding: Finding, modality: Modality = Modality.CT
) -> Donor | None:
    """Measure a lesion against the tissue around it.

    Args:
        gray: (size, size) leveled.
        mask: (size, size) lesion.
        finding: On MR infarcts only.
        modality: CT or MR.

    Returns:
        None where too little tissue is left to compare with, or the lesion hardly differs from it.
    """
    smooth = ndimage.gaussian_filter(gray, NOISE_SIGMA[modality])
    ring = ndimage.binary_dilation(mask, iterations=9) & ~ndimage.binary_dilation(mask, iterations=2)
    ring &= _tissue(smooth, modality)
    if mask.sum() < SMALLEST or ring.sum() < SMALLEST:
        return None
    low, high = LIMITS[modality, finding]
    change = np.clip(smooth - np.median(smooth[ring]), low, high)
    right_way = change[mask].mean() * (1 if high > -low else -1)
    return Donor(change.astype(np.float16), mask) if right_way > LEAST_CHANGE[modality] else None


def _tissue(smooth: NDArray[np.float32], modality: Modality) -> NDArray[np.bool_]:
    low, high = TISSUE[modality]
    return (smooth > low) & (smooth < high)


def cut_donors(
    store: ImageStore, rows: NDArray[np.int64], finding: Finding, modality: Modality = Modality.CT
) -> list[Donor]:
    """Cut a donor from each of the rows that has a mask of the finding."""
    channel = FINDINGS.index(finding)
    donors = []
    for row in rows[store.masks[rows, channel].any((1, 2))]:
        gray = store.leveled(row, modality)
        donor = cut_donor(gray, store.masks[row, channel], finding, modality)
        if donor is not None:
            donors.append(donor)
    return donors


def lay_in(
    gray: NDArray[np.float32], donor: Donor, rng: np.random.Generator, modality: Modality = Modality.CT
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return the recipient with the lesion in it and the lesion's mask, or None where it finds no tissue.

    Args:
        gray: (size, size) leveled recipient.
        donor: Mirrored and moved at random before it is laid in.
        rng: Decides place and strength (0.6 to 1.2 of the measured change).
        modality: Of both.
    """
    change, mask = donor.change.astype(np.float32), donor.mask
    if rng.random() < 0.5:
        change, mask = change[:, ::-1], mask[:, ::-1]
    move = tuple(int(n) for n in rng.integers(-LARGEST_MOVE, LARGEST_MOVE + 1, 2))
    change, mask = np.roll(change, move, (0, 1)), np.roll(mask, move, (0, 1))
    smooth = ndimage.uniform_filter(gray, 3)
    tissue = _tissue(smooth, modality)
    laid = mask & tissue
    if laid.sum() < max(SMALLEST, 0.6 * mask.sum()):
        return None
    feather = ndimage.gaussian_filter(mask.astype(np.float32), 1.2) * ndimage.uniform_filter(
        tissue.astype(np.float32), 3
    )
    return gray + feather * change * np.float32(rng.uniform(0.6, 1.2)), laid
