"""Operating points chosen on the other folds: a table small enough to be judged by hand, and the shipped networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from strokeapp.models.registry import find, installed
from strokeapp.performance.crossed import balanced_point, crossed, crossed_thresholds, fold_thresholds
from strokeapp.performance.paper import paper_figures
from strokeapp.performance.predictions import known, read_predictions
from strokeapp.performance.summary import summarize
from strokeapp.performance.threshold import confusion
from strokeapp.types import Finding

SHIPPED = 0.34


def table() -> pd.DataFrame:
    """Make two folds, each told apart without an error, but at .3 the one and at .7 the other; and an external set."""
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.33, 0.35]
    labels = [0, 0, 1, 1, 0, 0, 1, 1, 1, 1]
    columns = {
        "path": [f"{i}.png" for i in range(10)],
        "patient": [f"p{i}" for i in range(10)],
        "dataset": ["home"] * 8 + ["abroad"] * 2,
        "fold": ["0"] * 4 + ["1"] * 4 + ["external"] * 2,
        "ischemic": np.array(labels, float),
        "hemorrhagic": np.nan,
        "presumed": "",
        "ischemic_probability": scores,
        "hemorrhagic_probability": np.nan,
    }
    return pd.DataFrame(columns)


def test_each_fold_is_judged_at_the_point_of_the_other() -> None:
    rows = table()
    assert fold_thresholds(rows, "ischemic") == {"0": 0.7, "1": 0.3}
    assert crossed_thresholds(rows, "ischemic", SHIPPED).tolist() == [0.7] * 4 + [0.3] * 4 + [SHIPPED] * 2
    found = summarize(rows, crossed(rows, {Finding.ISCHEMIC: SHIPPED}), n=50).set_index(["dataset", "presumed"])
    home, abroad = found.loc[("home", True)], found.loc[("abroad", True)]
    # Fold 0 at .7 flags nothing, fold 1 at .3 flags all.
    assert (home["recall"], home["specificity"], home["accuracy"], home["f1"]) == (0.5, 0.5, 0.5, 0.5)
    assert np.isnan(home["threshold"]) and home["auc"] == 0.75, "what needs no threshold is as it was"
    assert (abroad["recall"], abroad["threshold"]) == (0.5, SHIPPED)
    # On the images it was chosen on, one point for all seems better: it flags fold 0 rightly.
    inner = rows[rows["fold"] != "external"]
    assert balanced_point(known(inner, "ischemic")) == 0.3
    assert confusion(inner["ischemic"], inner["ischemic_probability"], 0.3).accuracy == 0.75


def test_intervals_vary_the_patients_of_the_folds_judged_at_their_own_points() -> None:
    rows = pd.concat([table()[:8]] * 20, ignore_index=True)
    rows = rows.assign(path=rows.index.astype(str), patient=rows.index.astype(str))
    found = summarize(rows, crossed(rows, {"ischemic": 0.3}), n=400).iloc[0]
    assert found["accuracy"] == 0.5
    assert 1.96 * np.sqrt(0.25 / 160) == pytest.approx((found["accuracy_high"] - found["accuracy_low"]) / 2, rel=0.15)


@pytest.mark.parametrize("lost", ["one fold", "one class elsewhere"])
def test_where_no_point_can_be_chosen_elsewhere_the_shipped_one_is_used_and_named(lost) -> None:
    rows = table()
    rows = rows.assign(fold="0") if lost == "one fold" else rows[(rows["fold"] != "1") | (rows["ischemic"] == 1)]
    assert fold_thresholds(rows, "ischemic") == {}
    assert crossed(rows, {"ischemic": SHIPPED}) == {"ischemic": SHIPPED}
    assert set(crossed_thresholds(rows, "ischemic", SHIPPED)) == {SHIPPED}
    beside = paper_figures(rows, {"ischemic": SHIPPED}, n=20)
    assert not beside["crossed"].any() and paper_figures(table(), {"ischemic": SHIPPED}, n=20)["crossed"][:5].all()


def test_labels_that_are_not_known_choose_nothing() -> None:
    rows = table()
    rows.loc[[1, 6], "ischemic"] = np.nan
    rows.loc[1, "ischemic_probability"] = 0.99
    assert fold_thresholds(rows, "ischemic") == {"0": 0.8, "1": 0.3}


def test_shipped_points_follow_the_same_rule_from_all_folds() -> None:
    for card in installed():
        rows = read_predictions(card.predictions)
        inner = rows[rows["fold"] != "external"]
        for finding, settings in card.findings.items():
            assert balanced_point(known(inner, finding)) == pytest.approx(settings.threshold, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "finding", "measures"),
    [
        ("mr_dwi", "ischemic", {"accuracy": 0.824, "recall": 0.860, "f1": 0.869}),
        ("ct_slice", "hemorrhagic", {"f1": 0.832}),
    ],
)
def test_figures_of_the_shipped_networks(name, finding, measures) -> None:
    card = find(name)
    shipped = {finding: settings.threshold for finding, settings in card.findings.items()}
    found = paper_figures(read_predictions(card.predictions), shipped, n=1).set_index(["finding", "measure"])["ours"]
    assert {measure: round(found[(finding, measure)], 3) for measure in measures} == measures
