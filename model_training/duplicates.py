"""Find near-identical images of different patients, so that a split can keep them on one side.

Three steps: a perceptual hash proposes pairs, mirrored ones too; the correlation of the head crops thins them out;
the correlation inside the tissue, where bone and air are left out, decides, since all heads have a skull. Images
of one patient stay together anyway and are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from strokeapp.errors import ManifestError

HASH_INPUT = 32
HASH_SIDE = 8
COMPARED_SIDE = 64
MAX_DISTANCE = 14
"""Bits of 64; copies that were rescaled, recompressed or windowed anew differ by fewer."""
LEAST_CORRELATION = 0.95
"""Of the head crops; skull-white vertex slices of two people reach .98, so that this alone cannot decide."""
LEAST_TISSUE_CORRELATION = 0.88
"""Between copies and second visits of one person (.88 to 1) and slices of two people (up to .855 on 6,956 CT
slices)."""
LEAST_BARE_CORRELATION = 0.995
"""Of the head crops, where there is too little tissue to compare."""
TISSUE_GRAY = (20, 235)
LEAST_TISSUE = 300
"""Pixels of 64 × 64."""
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Likeness:
    """Set how alike two images must be to count as near-identical; see the constants of this module.

    Args:
        max_distance: Largest difference of the hashes in bits.
        correlation: Least, of the crops at 64 × 64.
        tissue: Least correlation inside the tissue of both.
        bare: Least correlation of the crops where less than ``LEAST_TISSUE`` pixels of tissue are in both.
        mirrored: Whether left-right mirrored copies count.
    """

    max_distance: int = MAX_DISTANCE
    correlation: float = LEAST_CORRELATION
    tissue: float = LEAST_TISSUE_CORRELATION
    bare: float = LEAST_BARE_CORRELATION
    mirrored: bool = True


LIKENESS = Likeness()


@dataclass(frozen=True)
class DuplicateReport:
    """Say which patients were joined, and why.

    Args:
        pairs: One row per pair of images: path_a, path_b, dataset_a, dataset_b, group_a, group_b, distance (bits),
            correlation, tissue (correlation inside it), mirrored.
        datasets: One row per pair of datasets: dataset_a, dataset_b, pairs, patients (that have such a pair).
        joined: Split groups of more than one patient.
    """

    pairs: pd.DataFrame
    datasets: pd.DataFrame
    joined: int


def perceptual_hashes(gray: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash images so that alike images differ in few bits.

    The signs of the 8 × 8 lowest frequencies (without the rows and columns of frequency 0, which hold brightness
    and symmetric shading only) against their median. Source: Zauner, Implementation and benchmarking of perceptual
    image hash functions (2010), "pHash".

    Args:
        gray: (images, side, side), side a multiple of 32; cut to the head.

    Returns:
        (images,) 64 bits each.
    """
    hashes = [_hash_chunk(gray[first : first + _CHUNK]) for first in range(0, len(gray), _CHUNK)]
    return np.concatenate(hashes) if hashes else np.empty(0, np.uint64)


def _hash_chunk(gray: NDArray[np.uint8]) -> NDArray[np.uint64]:
    low = dctn(shrunk(gray, HASH_INPUT), axes=(1, 2), norm="ortho")[:, 1 : HASH_SIDE + 1, 1 : HASH_SIDE + 1]
    low = low.reshape(len(gray), -1)
    bits = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
    return np.ascontiguousarray(bits).view(np.uint64).ravel()


def shrunk(gray: NDArray, side: int) -> NDArray[np.float32]:
    """Average square images down to (images, side, side).

    Raises:
        ManifestError: The images are not square or their side is not a multiple of the new one.
    """
    count, rows, columns = gray.shape
    if rows != columns or rows % side:
        raise ManifestError(f"Images to compare must be square with a multiple of {side} pixels, not {rows}×{columns}.")
    factor = rows // side
    return gray.reshape(count, side, factor, side, factor).mean(axis=(2, 4), dtype=np.float32)


def near_duplicates(gray: NDArray[np.uint8], groups: NDArray, *, likeness: Likeness = LIKENESS) -> pd.DataFrame:
    """Return the pairs of near-identical images from different groups.

    Args:
        gray: (images, side, side) head crops, side a multiple of 64.
        groups: (images,) patients; any comparable codes.
        likeness: What counts as near-identical.

    Returns:
        Columns a, b (row numbers, a < b), distance, correlation, tissue (nan: too little), mirrored; most alike first.

    Raises:
        ManifestError: The images are not square or of another side.
    """
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    found = [_pairs(gray, gray, codes, likeness).assign(mirrored=False)]
    if likeness.mirrored:
        found.append(_pairs(gray, gray[:, :, ::-1], codes, likeness).assign(mirrored=True))
    table = pd.concat(found, ignore_index=True).astype({"a": int, "b": int, "distance": int, "mirrored": bool})
    order = ["correlation", "a", "b"]
    return table.sort_values(order, ascending=[False, True, True]).drop_duplicates(["a", "b"], ignore_index=True)


def _pairs(first: NDArray[np.uint8], second: NDArray[np.uint8], codes: NDArray, likeness: Likeness) -> pd.DataFrame:
    """Compare every image of the first with every later one of the second."""
    hashes = perceptual_hashes(first), perceptual_hashes(second)
    small = [shrunk(images, COMPARED_SIDE).reshape(len(images), -1) for images in (first, second)]
    unit = [_unit_vectors(pixels) for pixels in small]
    found = [np.empty((0, 5))]
    for a, b, distance in _candidates(*hashes, codes, likeness.max_distance):
        for start in range(0, len(a), _CHUNK):
            i, j = a[start : start + _CHUNK], b[start : start + _CHUNK]
            whole = np.einsum("ij,ij->i", unit[0][i], unit[1][j])
            keep = whole >= likeness.correlation
            i, j = i[keep], j[keep]
            tissue = _tissue_correlation(small[0][i], small[1][j])
            alike = np.where(np.isnan(tissue), whole[keep] >= likeness.bare, tissue >= likeness.tissue)
            columns = (i, j, distance[start : start + _CHUNK][keep], whole[keep], tissue)
            found.append(np.column_stack(columns)[alike].astype(np.float64))
    return pd.DataFrame(np.concatenate(found), columns=["a", "b", "distance", "correlation", "tissue"])


def _unit_vectors(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (images, pixels) of mean 0 and length 1; all 0 for an image of one gray."""
    centered = pixels - pixels.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centered, axis=1, keepdims=True)
    return np.divide(centered, length, out=np.zeros_like(centered), where=length > 0)


def _candidates(
    first: NDArray[np.uint64], second: NDArray[np.uint64], codes: NDArray[np.int64], max_distance: int
) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """Yield row numbers a < b and distances of pairs with alike hashes and different groups."""
    for start in range(0, len(first), _CHUNK):
        rows = slice(start, start + _CHUNK)
        distance = np.bitwise_count(first[rows, None] ^ second[None, start:])
        near = np.triu(distance <= max_distance, k=1) & (codes[rows, None] != codes[None, start:])
        a, b = np.nonzero(near)
        yield a + start, b + start, distance[a, b]


def _tissue_correlation(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each pair over what is tissue in both; nan where that is too little."""
    low, high = TISSUE_GRAY
    inside = (x > low) & (x < high) & (y > low) & (y < high)
    count = inside.sum(1, keepdims=True)
    x, y = (
        np.where(inside, v - np.where(inside, v, 0).sum(1, keepdims=True) / np.maximum(count, 1), 0) for v in (x, y)
    )
    length = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    enough = (count[:, 0] >= LEAST_TISSUE) & (length > 0)
    return np.divide((x * y).sum(1), length, out=np.full(len(x), np.nan), where=enough)


def merge_groups(
    table: pd.DataFrame, store_gray: NDArray[np.uint8], *, likeness: Likeness = LIKENESS
) -> tuple[pd.DataFrame, DuplicateReport]:
    """Join patients who share near-identical images into one split group.

    ``group`` (the patient, by which studies are pooled and intervals drawn) stays; ``split_group`` is added, which
    ``patient_folds`` keeps together over all datasets. One name in two datasets counts as one patient: two sequences
    of one visit are often two datasets, and joining strangers of one name costs nothing but freedom.

    Args:
        table: With path, dataset, group.
        store_gray: (rows, side, side) of ``ImageStore``, in the table's order; side a multiple of 64.
        likeness: What counts as near-identical.

    Raises:
        ManifestError: Table and images differ in number.
    """
    if len(table) != len(store_gray):
        raise ManifestError(f"{len(table)} rows cannot be compared by {len(store_gray)} images.")
    names, codes = np.unique(table["group"].to_numpy(dtype=str), return_inverse=True)
    pairs = near_duplicates(store_gray, codes, likeness=likeness)
    links = coo_array((np.ones(len(pairs)), (codes[pairs["a"]], codes[pairs["b"]])), shape=(len(names), len(names)))
    parts, component = connected_components(links, directed=False)
    first = np.full(parts, len(names))
    np.minimum.at(first, component, np.arange(len(names)))
    merged = table.assign(split_group=names[first[component]][codes])
    joined = int((np.bincount(component, minlength=parts) > 1).sum())
    named = _named(pairs, table)
    return merged, DuplicateReport(named, _per_dataset(named), joined)


def _named(pairs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    sides = {
        f"{name}_{side}": table[name].to_numpy()[pairs[side]] for name in ("path", "dataset", "group") for side in "ab"
    }
    return pd.DataFrame(sides).join(pairs[["distance", "correlation", "tissue", "mirrored"]])


def _per_dataset(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (a, b), part in pairs.groupby(["dataset_a", "dataset_b"], sort=True):
        patients = {(a, name) for name in part["group_a"]} | {(b, name) for name in part["group_b"]}
        rows.append({"dataset_a": a, "dataset_b": b, "pairs": len(part), "patients": len(patients)})
    return pd.DataFrame(rows, columns=["dataset_a", "dataset_b", "pairs", "patients"])
