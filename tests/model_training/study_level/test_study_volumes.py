"""Sub-volumes keep their labels, their order and their patients; a piece without the lesion is a negative study."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from factories_training import study_recipe, study_volumes

from model_training.study_level.features import volume_rows
from model_training.study_level.volumes import batches, pick, study_label
from strokeapp.errors import RecipeError

NAN = float("nan")


def table(**changes) -> pd.DataFrame:
    """Return two patients of one dataset, their slices out of order."""
    columns = {"dataset": "whole", "group": ["b"] * 5 + ["a"] * 5, "slice": list("4021310243"), "fold": 0}
    return pd.DataFrame(columns | changes)


def test_volumes_are_put_in_the_order_of_their_slices():
    rows = volume_rows(table(), ("whole",))
    assert [own.tolist() for own in rows] == [[6, 5, 7, 9, 8], [1, 3, 2, 4, 0]]


def test_tens_follow_nines():
    rows = volume_rows(table(slice=["10", "9", "8", "11", "7"] * 2), ("whole",))
    assert rows[0].tolist() == [9, 7, 6, 5, 8]


def test_short_external_and_other_sets_are_no_volumes():
    many = pd.concat([table(), table(dataset="other"), table(fold=-1, group="c")], ignore_index=True)
    assert len(volume_rows(many, ("whole",))) == 2
    with pytest.raises(RecipeError, match="no ordered volume"):
        volume_rows(many, ("whole",), least=6)


@pytest.mark.parametrize("slices", [["0", "1", "1", "2", "3"], ["0", "", "1", "2", "3"]])
def test_slices_without_an_order_are_refused(slices):
    with pytest.raises(RecipeError, match="no order"):
        volume_rows(table(slice=slices * 2), ("whole",))


@pytest.mark.parametrize(
    ("labels", "expected"), [([0, 1, NAN], 1.0), ([0, 0, 0], 0.0), ([0, NAN, 0], NAN), ([NAN, NAN], NAN)]
)
def test_a_study_is_judged_by_its_slices(labels, expected):
    np.testing.assert_equal(study_label(np.array(labels, np.float32)), expected)


def test_picked_slices_are_neighbors_in_order_either_way():
    rng, ways = np.random.default_rng(0), set()
    for _ in range(200):
        positions = pick(20, 10, 7, rng)
        steps = np.diff(positions)
        ways.add(int(np.sign(steps[0])))
        assert len(positions) == 7 and len(set(np.sign(steps))) == 1 and np.ptp(positions) <= 9
        assert positions.min() >= 0 and positions.max() < 20
    assert ways == {-1, 1}


def test_batches_hold_whole_truths():
    volumes = study_volumes()
    for batch in batches(volumes, study_recipe(steps=20, batch=6), seed=0):
        assert batch.features.shape[:2] == batch.labels.shape and batch.labels.shape[1] >= 2
        for features, labels, study in zip(batch.features, batch.labels, batch.studies, strict=True):
            # The last input of a toy volume names its slice.
            source = {int(key): label for v in volumes for key, label in zip(v.features[:, -1], v.labels, strict=True)}
            np.testing.assert_array_equal(labels, [source[int(key)] for key in features[:, -1]])
            assert len({int(key) // 100 for key in features[:, -1]}) == 1
            np.testing.assert_equal(float(study), study_label(labels.numpy()))


def test_pieces_of_bleeding_patients_are_negative_studies_too():
    bleeding = [volume for volume in study_volumes() if study_label(volume.labels) == 1]
    found = np.concatenate([b.studies for b in batches(bleeding, study_recipe(steps=30, shortest=3), seed=1)])
    assert {0.0, 1.0} <= set(found.tolist())


def test_datasets_are_drawn_equally_often():
    volumes = study_volumes()
    few = [v for v in volumes if v.dataset == "mixed"] + [v for v in volumes if v.dataset == "bleeding"][:1]
    keys = np.concatenate([b.features[:, 0, -1] for b in batches(few, study_recipe(steps=100), seed=2)]) // 100
    rare = {int(v.features[0, -1]) // 100 for v in few if v.dataset == "bleeding"}
    assert np.isin(keys, list(rare)).mean() == pytest.approx(0.5, abs=0.08)


def test_the_same_seed_draws_the_same():
    recipe, volumes = study_recipe(steps=3), study_volumes()
    first, again, other = (list(batches(volumes, recipe, seed=seed)) for seed in (4, 4, 5))
    for a, b in zip(first, again, strict=True):
        for field in dataclasses.fields(a):
            np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))
    assert any(not np.array_equal(a.features, b.features) for a, b in zip(first, other, strict=True))
