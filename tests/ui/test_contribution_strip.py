"""The strip of slice contributions in words: the slice that matters most, and the probability without it."""

from __future__ import annotations

import numpy as np
import pytest

from strokeapp.types import Finding, FindingResult, Reading
from strokeapp.ui.contribution_strip import _strip, contribution_sentence, without


def reading(values: list[float], probability: float = 0.9) -> Reading:
    findings = {Finding.ISCHEMIC: FindingResult(probability, 0.5)}
    return Reading("toy", "1", findings, (), contributions={Finding.ISCHEMIC: np.array(values)})


def test_log_odds_fall_by_the_contribution() -> None:
    assert without(0.9, np.log(9)) == pytest.approx(0.5) and without(0.5, -np.log(3)) == pytest.approx(0.75)
    assert without(1.0, 2.0) > 0.99


def test_words_name_the_slice_and_the_probability_without_it() -> None:
    words = contribution_sentence(reading([np.nan, 0.0, np.log(9), 0.1]), Finding.ISCHEMIC)
    assert words.endswith("Without slice 3 the probability would be 0.50 instead of 0.90.")
    thin = contribution_sentence(reading([0.1, 0.7, 0.7, 0.7, 0.0, 0.7]), Finding.ISCHEMIC)
    assert "Without slices 2 to 4, read as one, the" in thin
    sure = contribution_sentence(reading([0.0, 0.4, 0.1], 0.9999), Finding.ISCHEMIC)
    assert sure.endswith("Without slice 2 the probability would stay 1.00.")
    assert "no single one is needed" in contribution_sentence(reading([0.0, 0.0, -0.1]), Finding.ISCHEMIC)


def test_bars_are_as_high_as_their_share_of_the_largest() -> None:
    drawn = _strip(np.array([np.nan, 0.5, 2.0, -1.0]), "#abcdef", "label")
    assert [part.split("%")[0] for part in drawn.split("height:")[2:]] == ["0", "25", "100", "50"]
    assert drawn.count("#abcdef") == 2 and 'aria-label="label"' in drawn
