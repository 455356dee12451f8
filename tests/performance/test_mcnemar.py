"""McNemar's tests against a published worked example and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference

from strokeapp.errors import PerformanceError
from strokeapp.performance.mcnemar import mcnemar


def paired(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, first, second, neither]
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


def test_published_example() -> None:
    """Fagerland, Lydersen & Laake (2013), table 1: 21 children before and after transplantation, 1 against 7."""
    result = mcnemar(*paired(1, 1, 7, 12))
    assert result.exact_p == pytest.approx(0.0703, abs=5e-5)
    assert result.mid_p == pytest.approx(0.0391, abs=5e-5)
    assert result.chi_square == pytest.approx(25 / 8)
    assert result.chi_square_p == pytest.approx(0.0771, abs=5e-5)
    assert result.difference == pytest.approx(-6 / 21)


@pytest.mark.parametrize("counts", [(10, 3, 9, 4), (0, 5, 0, 2), (50, 20, 31, 8), (3, 1, 0, 3)])
def test_agrees_with_statsmodels(counts: tuple[int, int, int, int]) -> None:
    result = mcnemar(*paired(*counts))
    both, first, second, neither = counts
    table = [[both, first], [second, neither]]
    assert result.exact_p == pytest.approx(reference(table, exact=True).pvalue)
    corrected = reference(table, exact=False, correction=True)
    assert (result.chi_square, result.chi_square_p) == pytest.approx((corrected.statistic, corrected.pvalue))
    assert result.mid_p <= result.exact_p
    assert result.total == sum(counts)


def test_swapping_changes_only_the_sign() -> None:
    there, back = mcnemar(*paired(5, 2, 8, 1)), mcnemar(*paired(5, 8, 2, 1))
    assert there.difference == -back.difference
    assert (there.exact_p, there.mid_p) == (back.exact_p, back.mid_p)


def test_no_discordant_case_says_nothing() -> None:
    result = mcnemar([1, 1, 0], [1, 1, 0])
    assert (result.exact_p, result.mid_p, result.chi_square_p) == (1.0, 1.0, 1.0)


def test_mid_p_keeps_its_promise_better_than_the_exact_one() -> None:
    generator = np.random.default_rng(5)
    exact, mid = [], []
    for _ in range(2000):
        result = mcnemar(generator.random(40) < 0.8, generator.random(40) < 0.8)
        exact.append(result.exact_p < 0.05)
        mid.append(result.mid_p < 0.05)
    assert np.mean(exact) <= np.mean(mid) <= 0.055


def test_bad_input_is_refused() -> None:
    with pytest.raises(PerformanceError, match="one length"):
        mcnemar([1, 0], [1])
    with pytest.raises(PerformanceError, match="right"):
        mcnemar([2, 0], [1, 0])
