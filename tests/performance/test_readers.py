"""Figures of single readers: by hand, and where the numbers come from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from strokeapp.errors import PerformanceError
from strokeapp.performance.readers import Confidence, against_network, gain, judge_reader, timing

LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
ANSWERS = np.array([5, 4, 3, 1, 1, 1, 2, 3, 4, 1])


def test_figures_by_hand() -> None:
    figures = judge_reader(LABELS, ANSWERS)
    assert (figures.counts.tp, figures.counts.fn, figures.counts.fp, figures.counts.tn) == (2, 2, 1, 5)
    assert figures.sensitivity.value == 0.5 and figures.specificity.value == pytest.approx(5 / 6)
    assert figures.accuracy.value == pytest.approx(0.7)
    assert figures.auc == pytest.approx(roc_auc_score(LABELS, ANSWERS))
    # Newcombe 1998: Wilson's interval of 2 of 4.
    assert figures.sensitivity.interval == pytest.approx((0.1500, 0.8500), abs=5e-5)


def test_a_lower_bar_for_a_call_trades_specificity_for_sensitivity() -> None:
    strict, lenient = judge_reader(LABELS, ANSWERS), judge_reader(LABELS, ANSWERS, positive_from=Confidence.UNCERTAIN)
    assert lenient.sensitivity.value > strict.sensitivity.value
    assert lenient.specificity.value < strict.specificity.value
    assert lenient.auc == strict.auc


def test_one_class_alone_has_no_area_but_a_share() -> None:
    figures = judge_reader([1, 1], [5, 2])
    assert np.isnan(figures.auc) and not figures.auc_interval.defined
    assert np.isnan(figures.specificity.value) and figures.sensitivity.value == 0.5


def test_one_case_of_a_class_gives_an_area_but_no_interval_and_no_test() -> None:
    labels, answers = [1, 0, 0, 0], [2, 1, 3, 4]
    figures = judge_reader(labels, answers)
    assert figures.auc == pytest.approx(1 / 3) and not figures.auc_interval.defined
    assert against_network(labels, answers, [0.9, 0.1, 0.2, 0.3], threshold=0.5).areas is None


def test_reader_against_network_counts_right_calls_and_compares_areas() -> None:
    probabilities = np.array([0.9, 0.8, 0.7, 0.6, 0.1, 0.2, 0.1, 0.2, 0.1, 0.3])
    result = against_network(LABELS, ANSWERS, probabilities, threshold=0.5)
    assert (result.calls.only_first, result.calls.only_second) == (0, 3)
    assert result.areas.auc_b == 1.0
    assert result.areas.difference == pytest.approx(roc_auc_score(LABELS, ANSWERS) - 1)


def test_gain_is_with_minus_without() -> None:
    better = np.where(LABELS == 1, 5, 1)
    result = gain(LABELS, ANSWERS, better)
    assert (result.accuracy_without.value, result.accuracy_with.value) == (pytest.approx(0.7), 1.0)
    assert result.calls.difference == pytest.approx(0.3)
    assert result.areas.difference > 0
    assert gain([1, 1], [1, 1], [5, 5]).areas is None


def test_timing_shrugs_at_an_interruption() -> None:
    assert timing([10, 20, 30, 40, 3600]).median == 30
    assert np.isnan(timing([]).median)
    with pytest.raises(PerformanceError, match="below zero"):
        timing([-1.0])


@pytest.mark.parametrize("answer", [0, 6, 2.5])
def test_a_confidence_that_is_none_of_the_five_is_refused(answer: float) -> None:
    with pytest.raises(PerformanceError, match="1, 2, 3, 4 and 5"):
        judge_reader([1, 0], [answer, 1])
