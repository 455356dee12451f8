"""The numbers behind the figures: whoever downloads them must find the figures in them."""

from __future__ import annotations

import numpy as np
import pytest
from factories_networks import predictions
from sklearn.metrics import average_precision_score, roc_auc_score

from strokeapp.performance import figure_tables as tables
from strokeapp.performance.calibration import expected_calibration_error, reliability
from strokeapp.performance.comparison import compare
from strokeapp.performance.curves import precision_recall_curve, roc_curve
from strokeapp.performance.decision import decision_curve
from strokeapp.performance.threshold import confusion
from strokeapp.types import Finding


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    labels = (generator.random(500) < 0.3).astype(int)
    return labels, np.clip(generator.normal(0.35 + 0.25 * labels, 0.2), 0, 1)


def test_area_under_the_downloaded_roc_curve_is_that_of_scikit_learn(sample) -> None:
    table = tables.roc_table(roc_curve(*sample))
    area = np.trapezoid(table["true_positive_rate"], table["false_positive_rate"])
    assert area == pytest.approx(roc_auc_score(*sample), abs=1e-12)
    assert list(table.columns) == ["false_positive_rate", "true_positive_rate", "threshold"]


def test_downloaded_precision_and_recall_give_the_average_precision(sample) -> None:
    table = tables.precision_recall_table(precision_recall_curve(*sample))
    steps = np.diff(table["recall"], prepend=0.0)
    assert (steps * table["precision"]).sum() == pytest.approx(average_precision_score(*sample), abs=1e-12)


def test_band_is_read_off_between_its_grid_points(sample) -> None:
    grid = np.array([0.0, 1.0])
    table = tables.roc_table(roc_curve(*sample), (grid, np.array([0.0, 0.8]), np.array([0.2, 1.0])))
    assert table["true_positive_rate_low"].to_numpy() == pytest.approx(0.8 * table["false_positive_rate"])
    assert table["true_positive_rate_high"].to_numpy() == pytest.approx(0.2 + 0.8 * table["false_positive_rate"])


def test_histogram_counts_everyone_once(sample) -> None:
    labels, scores = sample
    table = tables.histogram_table(labels, np.r_[scores[:-1], 1.0], bins=7)
    assert table["with_finding"].sum() == labels.sum() and table["without_finding"].sum() == (1 - labels).sum()
    assert table["from"].iloc[0] == 0 and table["to"].iloc[-1] == 1 and len(table) == 7


def test_confusion_table_has_the_counts_in_their_places() -> None:
    counts = confusion([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2], 0.5)
    table = tables.confusion_table(counts, positive="Bleed", negative="None").set_index("truth")
    assert table.loc["Bleed"].tolist() == [2, 1] and table.loc["None"].tolist() == [1, 1]


def test_calibration_error_follows_from_the_downloaded_bins(sample) -> None:
    labels, scores = sample
    table = tables.reliability_table({"before": reliability(labels, scores**2), "after": reliability(labels, scores)})
    for name, values in (("before", scores**2), ("after", scores)):
        part = table[table["calibration"] == name]
        error = np.average(np.abs(part["predicted"] - part["observed"]), weights=part["images"])
        assert error == pytest.approx(expected_calibration_error(labels, values), abs=1e-12)


def test_decision_table_starts_where_everyone_is_flagged(sample) -> None:
    table = tables.decision_table(decision_curve(*sample))
    assert (table["flag_none"] == 0).all()
    prevalence, odds = sample[0].mean(), table["threshold"] / (1 - table["threshold"])
    assert table["flag_all"].to_numpy() == pytest.approx((prevalence - (1 - prevalence) * odds).to_numpy())


def test_comparison_table_agrees_with_itself_and_with_scikit_learn() -> None:
    first, second = predictions(), predictions(seed=1)
    found = compare(first, second, Finding.HEMORRHAGIC, (0.45, 0.45))
    table = tables.comparison_table(found).set_index("measure")
    area = table.loc["auc"]
    assert area["first"] == pytest.approx(roc_auc_score(first["hemorrhagic"], first["hemorrhagic_probability"]))
    assert area["second"] == pytest.approx(roc_auc_score(second["hemorrhagic"], second["hemorrhagic_probability"]))
    share = table.loc["share of right calls"]
    right = ((first["hemorrhagic_probability"] >= 0.45) == (first["hemorrhagic"] == 1)).mean()
    assert share["first"] == pytest.approx(right)
    assert share["first"] - share["second"] == pytest.approx(share["difference"])
    assert share[["both_right", "only_first", "only_second", "neither"]].sum() == share["cases"] == len(first)


def test_comparison_of_one_class_has_no_area() -> None:
    table = predictions()[lambda rows: rows["hemorrhagic"] == 0]
    found = tables.comparison_table(compare(table, table, Finding.HEMORRHAGIC, (0.4, 0.5)))
    assert found["measure"].tolist() == ["share of right calls"]
