"""No patient on two sides of a split; folds alike in size; the same seed, the same split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_training.splits import check_patients_apart, patient_folds
from strokeapp.errors import ManifestError


@st.composite
def tables(draw) -> pd.DataFrame:
    """Draw a table of one to three datasets whose patients share their names."""
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from("xyz"), st.integers(0, 9), st.sampled_from([0.0, 1.0, np.nan])),
            min_size=1,
            max_size=60,
        )
    )
    table = pd.DataFrame(rows, columns=["dataset", "group", "ischemic"])
    return table.assign(group=table["group"].astype(str), hemorrhagic=np.nan)


@settings(max_examples=40, deadline=None)
@given(table=tables(), folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_patients_stay_together_and_folds_are_alike(table, folds, seed):
    fold = patient_folds(table, folds, seed=seed)
    assert fold.min() >= 0 and fold.max() < folds
    assert (table.assign(fold=fold).groupby(["dataset", "group"])["fold"].nunique() == 1).all()
    for _, part in table.assign(fold=fold).groupby("dataset"):
        sizes = np.bincount(part["fold"], minlength=folds)
        assert np.ptp(sizes) <= part["group"].value_counts().max()
    np.testing.assert_array_equal(fold, patient_folds(table, folds, seed=seed))


def many() -> pd.DataFrame:
    number = np.arange(200)
    return pd.DataFrame(
        {"dataset": "d", "group": (number // 2).astype(str), "ischemic": (number % 10 < 4) * 1.0, "hemorrhagic": 0.0}
    )


def test_another_seed_gives_another_split():
    assert (patient_folds(many(), 4, seed=1) != patient_folds(many(), 4, seed=2)).any()


def test_positives_are_spread_over_the_folds():
    table = many()
    shares = table.assign(fold=patient_folds(table, 4, seed=0)).groupby("fold")["ischemic"].mean()
    assert np.ptp(shares) < 0.05


def test_a_patient_on_two_sides_is_refused():
    table = many()
    fold = patient_folds(table, 2, seed=0)
    fold[0] = 1 - fold[0]
    with pytest.raises(ManifestError, match="more than one fold"):
        check_patients_apart(table, fold)


def test_one_fold_is_no_split():
    with pytest.raises(ManifestError):
        patient_folds(many(), 1, seed=0)


def test_split_groups_stay_together_over_datasets():
    table = many().assign(dataset=lambda t: np.where(t.index < 120, "d", "e"))
    rng = np.random.default_rng(0)
    table["split_group"] = "s" + pd.Series(rng.integers(0, 30, 100)).loc[table["group"].astype(int)].astype(str).values
    fold = patient_folds(table, 4, seed=0)
    assert (table.assign(fold=fold).groupby("split_group")["fold"].nunique() == 1).all()
    assert len(np.unique(fold)) == 4
    with pytest.raises(ManifestError, match="Near-identical"):
        check_patients_apart(table, patient_folds(table.drop(columns="split_group"), 4, seed=0))


def test_a_split_group_of_one_patient_each_changes_nothing_but_who_is_compared():
    table = many()
    plain = patient_folds(table, 4, seed=3)
    np.testing.assert_array_equal(plain, patient_folds(table.assign(split_group=table["group"]), 4, seed=3))
