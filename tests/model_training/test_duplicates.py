"""Copies under another name are found and kept on one side; strangers with one kind of head are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from model_training.duplicates import Likeness, merge_groups, near_duplicates, perceptual_hashes, shrunk
from model_training.image_store import open_picture
from model_training.manifest import read_manifest
from model_training.splits import patient_folds
from strokeapp.errors import ManifestError
from strokeapp.imaging.network_input import slice_input
from strokeapp.types import Modality

SIDE = 128


def head(seed: int) -> np.ndarray:
    """Return a skull of one shape around smooth tissue of its own, uint8."""
    row, column = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    radius = np.hypot(row, column * 1.2)
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 6)
    tissue = 120 + 15 * texture / texture.std()
    return np.clip(np.where(radius > 0.95, 0, np.where(radius > 0.75, 255, tissue)), 0, 255).astype(np.uint8)


def heads(count: int, *, first: int = 0) -> np.ndarray:
    return np.stack([head(first + number) for number in range(count)])


def recompressed(image: np.ndarray) -> np.ndarray:
    """Return a copy as the web makes it: rescaled, noisier, another contrast."""
    small = Image.fromarray(image).resize((90, 90), Image.Resampling.BILINEAR).resize((SIDE, SIDE))
    noise = np.random.default_rng(1).normal(0, 3, image.shape)
    return np.clip(np.asarray(small) * 0.93 + 6 + noise, 0, 255).astype(np.uint8)


def bits(a: np.ndarray, b: np.ndarray) -> int:
    first, second = perceptual_hashes(np.stack([a, b]))
    return int(np.bitwise_count(first ^ second))


def test_half_of_the_bits_are_set_and_brightness_does_not_matter():
    images = heads(4)
    assert np.bitwise_count(perceptual_hashes(images)).tolist() == [32] * 4
    dim = (images // 2).astype(np.uint8)
    assert max(bits(a, b) for a, b in zip(images, dim, strict=True)) <= 4


@pytest.mark.parametrize("change", [recompressed, lambda x: np.roll(x, 1, axis=0)])
def test_a_copy_differs_in_few_bits_and_a_stranger_in_many(change):
    assert bits(head(0), change(head(0))) <= 10
    assert bits(head(0), head(1)) > 14


def test_copies_of_other_patients_are_found_mirrored_or_not():
    images = np.concatenate([heads(12), recompressed(head(3))[None], head(5)[None, :, ::-1]])
    pairs = near_duplicates(images, np.arange(14))
    assert set(zip(pairs["a"], pairs["b"], pairs["mirrored"], strict=True)) == {(3, 12, False), (5, 13, True)}
    assert (pairs["tissue"] > 0.9).all() and (pairs["distance"] <= 14).all()
    plain = near_duplicates(images, np.arange(14), likeness=Likeness(mirrored=False))
    assert plain[["a", "b"]].to_numpy().tolist() == [[3, 12]]


def test_images_of_one_patient_are_not_compared():
    images = np.concatenate([heads(3), heads(3)])
    assert near_duplicates(images, np.array([0, 1, 2, 0, 1, 2])).empty
    assert len(near_duplicates(images, np.arange(6))) == 3


def test_one_skull_around_other_tissue_is_no_copy():
    """The crops correlate above .95 by their skulls alone; the tissue decides."""
    images = heads(6)
    flat = images.reshape(6, -1).astype(float)
    assert np.corrcoef(flat)[np.triu_indices(6, 1)].min() > 0.95
    assert near_duplicates(images, np.arange(6), likeness=Likeness(max_distance=64)).empty
    assert (
        len(near_duplicates(images, np.arange(6), likeness=Likeness(max_distance=64, tissue=-1, mirrored=False))) == 15
    )


def test_white_vertex_slices_of_two_people_are_no_copies():
    row, column = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    white = [np.where(np.hypot(row, column * w) < 0.8, 255, 0).astype(np.uint8) for w in (1.0, 1.06)]
    loose = Likeness(max_distance=64)
    assert near_duplicates(np.stack(white), np.arange(2), likeness=loose).empty
    assert len(near_duplicates(np.stack([white[0]] * 2), np.arange(2), likeness=loose)) == 1


def table_of(groups: list[str], datasets: list[str]) -> pd.DataFrame:
    paths = [f"{number}.png" for number in range(len(groups))]
    labels = {"ischemic": 0.0, "hemorrhagic": [float(n % 2) for n in range(len(groups))]}
    return pd.DataFrame({"path": paths, "dataset": datasets, "group": groups, **labels})


def test_chains_of_copies_become_one_group_and_one_fold():
    """a~b and b~c join a, b and c, over datasets, and no fold separates them; patients keep their names."""
    images = heads(8)
    images[1], images[6] = images[0], images[2]
    table = table_of(list("abbcdefg"), ["x"] * 4 + ["y"] * 4)
    images[3] = images[2]
    images[6] = images[3]
    merged, report = merge_groups(table, images)
    joined = merged.groupby("split_group")["group"].agg(set).tolist()
    assert {"a", "b", "c", "f"} in joined and len(joined) == 4 and report.joined == 1
    assert merged["group"].tolist() == list("abbcdefg")
    for seed in range(5):
        fold = patient_folds(merged, 2, seed=seed)
        assert len(set(fold[[0, 1, 2, 3, 6]])) == 1
    counted = report.datasets.set_index(["dataset_a", "dataset_b"])["pairs"].to_dict()
    assert counted == {("x", "x"): 2, ("x", "y"): 2}
    assert set(report.pairs.loc[report.pairs["dataset_b"] == "y", "group_b"]) == {"f"}


def test_without_copies_every_patient_is_a_group():
    merged, report = merge_groups(table_of(list("aabc"), ["x", "x", "x", "y"]), heads(4))
    assert merged["split_group"].nunique() == 3 and report.pairs.empty and report.joined == 0
    assert report.datasets.columns.tolist() == ["dataset_a", "dataset_b", "pairs", "patients"]


def test_images_that_cannot_be_compared_are_refused():
    with pytest.raises(ManifestError, match="2 rows"):
        merge_groups(table_of(list("ab"), ["x", "x"]), heads(3))
    with pytest.raises(ManifestError, match="multiple of 64"):
        shrunk(np.zeros((1, 96, 96), np.uint8), 64)


def test_second_visits_hidden_in_the_flair_set_are_found(shared):
    """Two ids of ``soop_flair`` show one brain (correlation above .999); a stranger between them is left alone."""
    table = read_manifest(shared / "data" / "manifest.csv")
    wanted = [f"soop_flair/sub-{number}.webp" for number in (1489, 1682, 219, 62, 1, 120)]
    rows = table[table["path"].isin(wanted)].reset_index(drop=True)
    pictures = [open_picture(shared / "data" / path) for path in rows["path"]]
    gray = np.stack([np.rint(255 * slice_input(p, Modality.MR, size=64).gray).clip(0, 255) for p in pictures])
    _, report = merge_groups(rows, gray.astype(np.uint8))
    found = {frozenset(pair) for pair in report.pairs[["path_a", "path_b"]].to_numpy().tolist()}
    assert found == {frozenset(wanted[:2]), frozenset(wanted[2:4])}
