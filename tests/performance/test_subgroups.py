"""Subgroups, failure gallery and calibration errors: figures agree with scikit-learn on what each group holds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from strokeapp.errors import PerformanceError
from strokeapp.performance.calibration import expected_calibration_error
from strokeapp.performance.calibration_change import calibration_error, weighted_calibration_error
from strokeapp.performance.gallery import FALSE_ALARM, MISSED, worst_mistakes
from strokeapp.performance.subgroups import mean_interval, subgroup_table, unknown_attributes
from strokeapp.performance.summary import to_records

SIZE = 240
CUT = 0.5


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Make images of two sources, two to a patient, with ages, sexes, subtypes and lesion sizes."""
    generator = np.random.default_rng(3)
    index = np.arange(SIZE)
    bleeds = (index % 3 == 0).astype(float)
    drawn = (bleeds == 1) & (index < 120)
    ages = np.array(["49", "50.0", "", "79.9", "80"])[index // 2 % 5]
    return pd.DataFrame(
        {
            "path": [f"{i}.png" for i in index],
            "patient": [f"p{i // 2}" for i in index],
            "dataset": np.where(index < 120, "first", "second"),
            "fold": "0",
            "hemorrhagic": bleeds,
            "ischemic": np.nan,
            "presumed": np.where(index >= 200, "hemorrhagic", ""),
            "hemorrhagic_probability": np.clip(0.35 + 0.3 * bleeds + generator.normal(0, 0.2, SIZE), 0, 1),
            "ischemic_probability": np.nan,
            "lesion_dice": np.where(drawn, generator.random(SIZE), np.nan),
            "lesion_pixels": np.where(bleeds == 1, np.where(index % 2, "49", "50"), ""),
            "age": ages,
            "sex": np.where(index // 2 % 2, "F", "M"),
            **dict.fromkeys(("intraparenchymal", "intraventricular", "subarachnoid", "subdural"), 0.0),
            "epidural": np.where(index < 120, bleeds, 0.0),
        }
    )


@pytest.fixture(scope="module")
def figures(table: pd.DataFrame) -> pd.DataFrame:
    return subgroup_table(table, "hemorrhagic", CUT, n=100)


def pick(figures: pd.DataFrame, attribute: str, group: str) -> pd.Series:
    chosen = figures[(figures["attribute"] == attribute) & (figures["group"] == group)]
    assert len(chosen) == 1
    return chosen.iloc[0]


@pytest.mark.parametrize(
    ("attribute", "group", "rows"),
    [
        ("age", "under 50 years", lambda t: t["age"] == "49"),
        ("age", "50 to 64 years", lambda t: t["age"] == "50.0"),
        ("age", "65 to 79 years", lambda t: t["age"] == "79.9"),
        ("age", "80 years and over", lambda t: t["age"] == "80"),
        ("age", "not known", lambda t: t["age"] == ""),
        ("sex", "F", lambda t: t["sex"] == "F"),
        ("source", "second", lambda t: t["dataset"] == "second"),
        ("subtype", "epidural", lambda t: t["dataset"] == "first"),
        ("lesion size", "under 50 pixels",
         lambda t: (t["dataset"] == "first") & ((t["hemorrhagic"] == 0) | (t["lesion_pixels"] == "49"))),
    ],
)  # fmt: skip
def test_figures_of_a_group_are_those_of_its_rows(table, figures, attribute, group, rows) -> None:
    chosen, row = table[rows(table)], pick(figures, attribute, group)
    labels, scores = chosen["hemorrhagic"].astype(int), chosen["hemorrhagic_probability"]
    assert (row["images"], row["positives"]) == (len(chosen), labels.sum())
    assert row["patients"] == chosen["patient"].nunique()
    assert row["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert row["recall"] == pytest.approx(recall_score(labels, scores >= CUT))
    assert row["auc_low"] <= row["auc"] <= row["auc_high"] and row["auc_low"] < row["auc_high"]
    if attribute in ("subtype", "lesion size"):
        assert np.isnan(row["specificity"])
    else:
        assert row["specificity"] == pytest.approx(recall_score(1 - labels, scores < CUT))


def test_bands_stand_in_order_and_cover_every_image(figures) -> None:
    ages = figures[figures["attribute"] == "age"]
    bands = ["under 50 years", "50 to 64 years", "65 to 79 years", "80 years and over", "not known"]
    assert list(ages["group"]) == bands and ages["images"].sum() == SIZE


def test_sizes_of_lesions_that_are_not_this_networks_are_left_out(figures, table) -> None:
    positives = figures[figures["attribute"] == "lesion size"]["positives"].sum()
    assert positives == table["lesion_dice"].notna().sum() < (table["lesion_pixels"] != "").sum()


def test_dice_is_the_mean_over_the_drawn_lesions(table, figures) -> None:
    row = pick(figures, "source", "first")
    assert row["dice"] == pytest.approx(table["lesion_dice"].mean()) and row["drawn"] == table["lesion_dice"].count()
    assert np.isnan(pick(figures, "source", "second")["dice"]) and pick(figures, "source", "second")["drawn"] == 0


def test_what_no_image_tells_is_named_and_makes_no_group(table) -> None:
    bare = table.drop(columns=["age", "lesion_pixels"]).assign(sex="")
    assert unknown_attributes(bare) == ("age", "sex", "lesion size", "scanner")
    assert unknown_attributes(table) == ("scanner",)
    attributes = set(subgroup_table(bare, "hemorrhagic", CUT, n=20)["attribute"])
    assert attributes == {"source", "subtype"}
    scanned = subgroup_table(table.assign(scanner=table["dataset"].str.upper()), "hemorrhagic", CUT, n=20)
    assert list(scanned[scanned["attribute"] == "scanner"]["group"]) == ["FIRST", "SECOND"]


def test_groups_of_one_class_are_plain_json(table) -> None:
    bleeding = table[table["hemorrhagic"] == 1]
    records = to_records(subgroup_table(bleeding, "hemorrhagic", CUT, n=20))
    assert records and all(row["auc"] is None for row in records)
    json.dumps(records, allow_nan=False)


def test_interval_of_a_mean_is_that_of_patients_not_of_images() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=60), 10)
    by_patient, by_image = (mean_interval(values, g, n=400) for g in (np.repeat(np.arange(60), 10), np.arange(600)))
    assert by_patient.high - by_patient.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(60), rel=0.15)
    assert by_patient.high - by_patient.low > 2.5 * (by_image.high - by_image.low)
    assert not mean_interval([], []).defined


def test_gallery_holds_the_worst_one_of_each_patient(table) -> None:
    found = worst_mistakes(table, "hemorrhagic", CUT, count=5)
    scores, labels = table["hemorrhagic_probability"], table["hemorrhagic"]
    missed, alarms = found[found["kind"] == MISSED], found[found["kind"] == FALSE_ALARM]
    assert len(missed) == len(alarms) == 5
    assert missed["probability"].iloc[0] == scores[labels == 1].min() and (missed["probability"] < CUT).all()
    assert alarms["probability"].iloc[0] == scores[labels == 0].max() and (alarms["probability"] >= CUT).all()
    assert missed["probability"].is_monotonic_increasing and alarms["probability"].is_monotonic_decreasing
    patient = dict(zip(table["path"], table["patient"], strict=True))
    assert alarms["path"].map(patient).is_unique
    asked = set(table.loc[table["presumed"] == "hemorrhagic", "path"])
    assert list(alarms["presumed"]) == [path in asked for path in alarms["path"]] and not missed["presumed"].any()


def test_gallery_of_a_network_without_mistakes_is_empty(table) -> None:
    perfect = table.assign(hemorrhagic_probability=table["hemorrhagic"])
    assert worst_mistakes(perfect, "hemorrhagic", CUT).empty


def test_calibration_error_of_weights_is_that_of_repeated_images() -> None:
    generator = np.random.default_rng(1)
    scores = generator.random(200)
    labels, weights = generator.random(200) < scores**2, generator.integers(0, 4, (3, 200)).astype(float)
    found = weighted_calibration_error(labels, scores, weights)
    for error, counts in zip(found, weights.astype(int), strict=True):
        repeated = expected_calibration_error(np.repeat(labels, counts), np.repeat(scores, counts))
        assert error == pytest.approx(repeated)


def test_calibration_error_lies_in_its_interval_and_shows_what_is_wrong() -> None:
    generator = np.random.default_rng(2)
    scores = generator.random(2000)
    labels = generator.random(2000) < scores
    good = calibration_error(labels, scores, np.arange(2000), n=200)
    bad = calibration_error(labels, scores**3, np.arange(2000), n=200)
    assert good.interval.low <= good.value <= good.interval.high < 0.06 < 0.15 < bad.interval.low
    with pytest.raises(PerformanceError):
        calibration_error(labels, scores + 1, np.arange(2000))
