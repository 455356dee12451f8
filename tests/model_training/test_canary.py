"""The label-shuffle canary: .5 with honest splits, far above with a leaking one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from model_training.canary import canary, split_by_patient, split_by_slice
from model_training.duplicates import merge_groups
from model_training.image_store import open_picture
from model_training.manifest import read_manifest
from strokeapp.errors import ManifestError
from strokeapp.imaging.network_input import slice_input
from strokeapp.types import Modality


def patients(count: int, slices: int, *, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return slices that tell who the patient is and nothing else."""
    rng = np.random.default_rng(seed)
    own = ndimage.gaussian_filter(rng.normal(size=(count, 64, 64)), (0, 5, 5))
    noise = ndimage.gaussian_filter(rng.normal(size=(count, slices, 64, 64)), (0, 0, 5, 5))
    values = (own[:, None] + 0.7 * noise).reshape(-1, 64, 64)
    gray = np.clip(128 + 50 * values / values.std(), 0, 255).astype(np.uint8)
    table = pd.DataFrame({"dataset": "d", "group": [f"p{n // slices}" for n in range(count * slices)]})
    return table.assign(path=[f"{n}.png" for n in range(len(table))]), gray


def test_an_honest_split_learns_nothing_and_a_leaking_one_recognizes_patients():
    table, gray = patients(40, 6)
    honest = canary(table, gray, repetitions=20)
    assert honest.honest() and honest.aucs.shape == (20,)
    leaking = canary(table, gray, split=split_by_slice)
    assert leaking.mean > 0.9 and not leaking.honest()


def test_it_notices_patients_under_two_names_until_duplicates_are_joined():
    """Each patient stands in the table twice, with one label: patient folds leak, split groups do not."""
    table, gray = patients(30, 2)
    twice = pd.concat([table, table.assign(group=table["group"] + "-again")], ignore_index=True)
    images = np.concatenate([gray, gray])
    person = np.tile(np.arange(60) // 2, 2)

    def one_label(splitter):
        """Split by the names given, but deal labels by person."""

        def split(shuffled, folds, seed):
            return splitter(twice if splitter is split_by_patient else joined, folds, seed)

        return canary(twice.assign(group=person.astype(str)), images, split=split, repetitions=12)

    labels = {"ischemic": 0.0, "hemorrhagic": np.nan}
    twice, joined = twice.assign(**labels), merge_groups(twice, images)[0].assign(**labels)
    assert one_label(split_by_patient).mean > 0.7
    assert one_label(lambda table, folds, seed: split_by_patient(table, folds, seed)).honest()


def test_the_same_seed_gives_the_same_result():
    table, gray = patients(12, 3)
    np.testing.assert_array_equal(canary(table, gray).aucs, canary(table, gray).aucs)
    assert not np.array_equal(canary(table, gray).aucs, canary(table, gray, seed=1).aucs)


def test_too_little_to_shuffle_is_refused():
    table, gray = patients(4, 3)
    with pytest.raises(ManifestError, match="8 patients"):
        canary(table, gray)
    with pytest.raises(ManifestError, match="do not belong"):
        canary(table, gray[:-1], folds=2)
    with pytest.raises(ManifestError, match="square"):
        canary(table, gray[:, :40, :40], folds=2)


def test_on_real_slices(shared):
    """Six slices of sixty patients: .5 by patient, far above by slice."""
    table = read_manifest(shared / "data" / "manifest.csv")
    table = table[table["dataset"] == "ct_ich"]
    table["order"] = table.groupby("group").cumcount()
    table = table[table["order"].isin([10, 12, 14, 16, 18, 20])]
    table = table[table["group"].isin(sorted(table["group"].unique())[:60])].reset_index(drop=True)
    pictures = [open_picture(shared / "data" / path) for path in table["path"]]
    gray = np.stack([np.rint(255 * slice_input(p, Modality.CT, size=64).gray).clip(0, 255) for p in pictures])
    gray = gray.astype(np.uint8)
    assert canary(table, gray, repetitions=20).honest()
    assert canary(table, gray, split=split_by_slice).mean > 0.7
