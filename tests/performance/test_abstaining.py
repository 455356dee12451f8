"""Abstaining: which images are left out first, the error among those kept, and a damaged file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from strokeapp.errors import PerformanceError
from strokeapp.performance.abstaining import COVERAGE, PARTS, confidence, doubts, error_at_coverage, read_coverage
from strokeapp.performance.predictions import Sample


def test_confidence_is_the_probability_that_the_call_is_right():
    scores, thresholds = np.array([0.9, 0.3, 0.3, 0.05]), np.array([0.5, 0.5, 0.2, 0.2])
    np.testing.assert_allclose(confidence(scores, thresholds), [0.9, 0.7, 0.3, 0.95])


def test_each_rule_leaves_out_its_own_images_first():
    found = doubts(np.array([0.6, 0.99, 0.9, 0.01]), 0.5, np.array([1.0, 4.0, 2.0, 3.0]), 3.5)
    order = {rule: np.argsort(-values).tolist() for rule, values in found.items()}
    assert order["familiarity"] == [1, 3, 2, 0]
    assert order["confidence"][:2] == [0, 2]
    assert order["both"][:3] == [1, 0, 2], "the unfamiliar one goes first, however confident; then the least confident"


def test_errors_are_those_of_the_images_kept():
    """Ten patients of one image; the two called wrong are doubted most."""
    labels = np.array([1, 0] * 5, np.int8)
    scores = np.where(np.arange(10) < 8, labels, 1 - labels).astype(float)
    sample = Sample(labels, scores, np.arange(10))
    table = error_at_coverage(sample, 0.5, np.arange(10.0), coverages=(1.0, 0.9, 0.8, 0.01), n=200)
    table = table.set_index("coverage")
    assert table["error"].to_dict() == pytest.approx({1.0: 0.2, 0.9: 1 / 9, 0.8: 0.0})
    assert table.loc[1.0, ["images", "patients", "positives"]].tolist() == [10, 10, 5]
    assert table.loc[1.0, ["recall", "specificity"]].tolist() == pytest.approx([0.8, 0.8])
    assert (table["error_low"] <= table["error"]).all() and (table["error"] <= table["error_high"]).all()
    assert 0.2 < table.loc[0.8, "error_high"] < 0.4, "no error among eight patients is no proof of none"


def test_each_image_is_judged_at_its_own_operating_point():
    sample = Sample(np.array([1, 0], np.int8), np.array([0.3, 0.3]), np.arange(2))
    assert error_at_coverage(sample, np.array([0.2, 0.4]), np.zeros(2), n=20)["error"].iloc[0] == 0
    assert error_at_coverage(sample, np.array([0.4, 0.2]), np.zeros(2), n=20)["error"].iloc[0] == 1


def test_a_network_without_a_file_shows_nothing_and_a_damaged_one_is_told(tmp_path):
    assert read_coverage(tmp_path) is None
    (tmp_path / COVERAGE).write_text(json.dumps(dict.fromkeys(PARTS, 0)))
    assert set(read_coverage(tmp_path)) == set(PARTS)
    for text in ("{", json.dumps({"network": "x"}), "3"):
        (tmp_path / COVERAGE).write_text(text)
        with pytest.raises(PerformanceError, match="damaged"):
            read_coverage(tmp_path)
