"""Tables of a reader study against the single figures they are made of, on simulated readers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from strokeapp.errors import PerformanceError
from strokeapp.performance.delong import delong
from strokeapp.performance.reader_tables import (
    against_network_table,
    fleiss_of_calls,
    gain_table,
    kappa_table,
    network_row,
    reader_table,
    readers_against_network_means,
    with_against_without,
)

READERS = ("A", "B", "C")


def study(seed: int = 0, *, cases: int = 40, gain: float = 1.5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw binormal readers who rate on five steps, better with the network, and the network itself."""
    draw = np.random.default_rng(seed)
    truth = np.arange(cases) % 2
    rows = []
    for reader in READERS:
        for aided in (False, True):
            latent = truth * (1.0 + gain * aided) + draw.normal(size=cases)
            confidence = 1 + np.digitize(latent, [-0.5, 0.3, 0.9, 1.6])
            rows += [
                (reader, f"case {k}", aided, confidence[k], float(truth[k]), 20.0 - 5 * aided) for k in range(cases)
            ]
    answers = pd.DataFrame(rows, columns=["reader", "case", "aided", "confidence", "truth", "seconds"])
    probability = 1 / (1 + np.exp(-(truth * 2 - 1 + draw.normal(size=cases))))
    names = [f"case {k}" for k in range(cases)]
    network = pd.DataFrame({"case": names, "probability": probability, "threshold": 0.5, "truth": truth.astype(float)})
    return answers.sample(frac=1, random_state=seed), network


def one(answers: pd.DataFrame, reader: str, *, aided: bool) -> pd.DataFrame:
    part = answers[(answers["reader"] == reader) & (answers["aided"] == aided)]
    return part.set_index("case").sort_index()


def test_each_reader_has_a_row_per_way_of_reading() -> None:
    answers, _ = study()
    table = reader_table(answers, positive_from=4).set_index(["reader", "aided"])
    assert len(table) == 6
    part = one(answers, "B", aided=True)
    assert table.loc[("B", True), "auc"] == pytest.approx(roc_auc_score(part["truth"], part["confidence"]))
    calls = part["confidence"] >= 4
    assert table.loc[("B", True), "sensitivity"] == pytest.approx(calls[part["truth"] == 1].mean())
    assert table.loc[("B", True), "seconds"] == 15


def test_network_row_uses_each_cases_own_threshold_and_skips_what_it_did_not_read() -> None:
    network = pd.DataFrame(
        {
            "case": list("abcde"),
            "probability": [0.6, 0.6, 0.2, 0.4, np.nan],
            "threshold": [0.5, 0.7, 0.5, 0.3, np.nan],
            "truth": [1.0, 1.0, 0.0, 0.0, 1.0],
        }
    )
    row = network_row(network)
    assert (row["cases"], row["sensitivity"], row["specificity"], row["auc"]) == (4, 0.5, 0.5, 1.0)


def test_reader_against_network_is_delong_on_common_cases() -> None:
    answers, network = study()
    network.loc[:4, "probability"] = np.nan
    table = against_network_table(answers, network, positive_from=4).set_index("reader")
    joined = one(answers, "A", aided=False).join(network.set_index("case")["probability"]).dropna()
    expected = delong(joined["truth"], joined["confidence"], joined["probability"])
    assert table.loc["A", "cases"] == 35
    assert table.loc["A", "delong_p"] == pytest.approx(expected.p)
    assert table.loc["A", "auc_difference"] == pytest.approx(expected.difference)


def test_kappas_match_cases_by_name_not_by_order() -> None:
    answers, _ = study()
    table = kappa_table(answers, positive_from=4)
    assert len(table) == 3
    first, second = (one(answers, name, aided=False)["confidence"] for name in ("A", "B"))
    row = table[(table["first"] == "A") & (table["second"] == "B")].iloc[0]
    assert row["calls"] == pytest.approx(cohen_kappa_score(first >= 4, second >= 4))
    assert row["confidences"] == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"))
    kappa, cases = fleiss_of_calls(answers, positive_from=4)
    assert cases == 40 and 0 < kappa.value < 1
    assert fleiss_of_calls(answers[answers["reader"] == "A"], positive_from=4) is None


def test_a_real_gain_shows_in_every_table_and_no_gain_does_not() -> None:
    answers, _ = study(1, cases=80)
    table = gain_table(answers, positive_from=4)
    assert (table["accuracy_with"] > table["accuracy_without"]).all()
    assert (table["seconds_with"] < table["seconds_without"]).all()
    result, readers, cases = with_against_without(answers)
    assert (readers, cases) == (3, 80)
    assert result.random_readers.estimate > 0.1
    assert result.random_readers.p < 0.05 and result.fixed_readers.p < 0.05
    none, _, _ = with_against_without(study(2, cases=80, gain=0.0)[0])
    assert abs(none.random_readers.estimate) < 0.1


def test_cases_not_read_by_all_both_ways_are_left_out_of_the_mrmc_analysis() -> None:
    answers, _ = study()
    dropped = answers[~((answers["reader"] == "C") & answers["aided"] & (answers["case"] == "case 7"))]
    _, readers, cases = with_against_without(dropped)
    assert (readers, cases) == (3, 39)
    with pytest.raises(PerformanceError, match="two readers"):
        with_against_without(answers[~answers["aided"]])


def test_readers_against_network_over_readers() -> None:
    answers, network = study(3, cases=80)
    random, fixed, readers, cases = readers_against_network_means(answers, network)
    table = against_network_table(answers, network, positive_from=4)
    assert (readers, cases) == (3, 80)
    assert random.value == fixed.value == pytest.approx(table["auc_difference"].mean())
    assert random.value < 0
    with pytest.raises(PerformanceError, match="two readers"):
        readers_against_network_means(answers[answers["reader"] == "A"], network)


def test_unknown_truth_is_left_out_but_counts_for_agreement() -> None:
    answers, network = study()
    answers.loc[answers["case"] == "case 3", "truth"] = np.nan
    assert set(reader_table(answers, positive_from=4)["cases"]) == {39}
    assert set(kappa_table(answers, positive_from=4)["cases"]) == {40}


def test_too_few_cases_of_a_class_give_no_test_of_areas() -> None:
    answers, network = study(4)
    few = ["case 1", "case 0", "case 2", "case 4"]
    answers, network = answers[answers["case"].isin(few)], network[network["case"].isin(few)]
    for analysis in (lambda: with_against_without(answers), lambda: readers_against_network_means(answers, network)):
        with pytest.raises(PerformanceError, match="two cases with and two without"):
            analysis()
    assert against_network_table(answers, network, positive_from=4)["delong_p"].isna().all()


def test_a_difference_without_any_variance_gets_no_p() -> None:
    answers = pd.DataFrame(
        {
            "reader": "A",
            "case": list("abcd"),
            "aided": False,
            "confidence": [1, 1, 5, 5],
            "truth": [1.0, 1.0, 0.0, 0.0],
            "seconds": 1.0,
        }
    )
    network = answers.assign(probability=answers["truth"], threshold=0.5)
    row = against_network_table(answers, network[["case", "probability", "threshold", "truth"]], positive_from=4).iloc[
        0
    ]
    assert row["auc_difference"] == -1 and np.isnan(row["delong_p"])
