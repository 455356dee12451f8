"""A reading in words: both findings may be flagged, and nothing is ever called normal."""

from __future__ import annotations

from itertools import product

import pytest

from strokeapp.inference.words import DISCLAIMER, decision, sentence, slices_sentence, top_slice
from strokeapp.types import Finding, FindingResult, Reading, SliceReading


def reading(bleed: float, infarct: float, slices=((0.1, 0.2), (0.7, 0.2), (0.7, None))) -> Reading:
    findings = {Finding.HEMORRHAGIC: FindingResult(bleed, 0.5), Finding.ISCHEMIC: FindingResult(infarct, 0.5)}
    return Reading("toy", "1", findings, tuple(SliceReading(i, *pair) for i, pair in enumerate(slices)))


@pytest.mark.parametrize(
    ("bleed", "infarct", "text"),
    [
        (0.9, 0.9, "Hemorrhage and ischemic stroke flagged"),
        (0.5, 0.1, "Hemorrhage flagged"),
        (0.1, 0.5, "Ischemic stroke flagged"),
        (0.1, 0.49, "Nothing flagged"),
    ],
)
def test_decision_names_what_reaches_its_operating_point(bleed, infarct, text):
    assert decision(reading(bleed, infarct)) == text


def test_no_decision_says_normal():
    for bleed, infarct in product((0.0, 0.5, 1.0), repeat=2):
        assert "normal" not in decision(reading(bleed, infarct)).lower()
    assert "not normal" in DISCLAIMER


def test_top_slice_is_the_first_of_equals_and_skips_unread_ones():
    assert top_slice(reading(0, 0), Finding.HEMORRHAGIC) == 1
    assert top_slice(reading(0, 0, slices=((None, None), (0.0, None))), Finding.HEMORRHAGIC) == 1


def test_sentence_gives_probability_operating_point_and_slice_counted_from_one():
    assert sentence(reading(0.72, 0.1), Finding.HEMORRHAGIC) == (
        "Probability 0.72 reaches the operating point 0.50; highest on slice 2."
    )
    assert sentence(reading(0.1, 0.1, slices=((0.1, 0.1),)), Finding.ISCHEMIC) == (
        "Probability 0.10 stays below the operating point 0.50."
    )


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        (0.7, "By themselves, 2 of 3 slices reach 0.70."),
        (0.8, "By themselves, none of 3 slices reaches 0.80."),
    ],
)
def test_slices_are_counted_against_their_own_operating_point(threshold, text):
    assert slices_sentence(reading(0.1, 0.1), Finding.HEMORRHAGIC, threshold) == text


def test_slices_that_were_not_read_are_not_counted():
    assert slices_sentence(reading(0.1, 0.1), Finding.ISCHEMIC, 0.2).startswith("By themselves, 2 of 2 slices reach")
    assert slices_sentence(reading(0.1, 0.1, slices=((0.9, 0.9),)), Finding.ISCHEMIC, 0.2) == ""
