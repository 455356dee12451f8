"""McNemar's tests against a published worked example and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.stats.contingency_tables import mcnemar as reference

from strokeapp.errors import PerformanceError
from strokeapp.performance.mcnemar import mcnemar, mcnemar_clustered


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


def in_patients(seed: int, *, ahead: float = 0.0, patients: int = 80, images: int = 5) -> tuple[np.ndarray, ...]:
    """Draw right calls of two readers, each right or wrong on whole patients rather than on single images."""
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(patients), images)
    skills = [
        np.repeat(generator.choice([0.1, 0.9], patients, p=[0.3 - gain, 0.7 + gain]), images) for gain in (ahead, 0)
    ]
    return *(generator.random(codes.size) < skill for skill in skills), codes


def test_clusters_by_hand() -> None:
    """Obuchowski 1998: three patients of 2, 2 and 1 cases, in which the first is ahead by 2, -1 and 1."""
    result = mcnemar_clustered([1, 1, 0, 1, 1], [0, 0, 1, 1, 0], ["a", "a", "b", "b", "c"])
    assert (result.clusters, result.chi_square) == (3, pytest.approx(2 / 3 * (2 - 1 + 1) ** 2 / (4 + 1 + 1)))
    assert result.p == pytest.approx(chi2.sf(result.chi_square, 1))


def test_clusters_of_one_case_are_mcnemars_test() -> None:
    first, second = paired(50, 20, 31, 8)
    uncorrected = reference([[50, 20], [31, 8]], exact=False, correction=False)
    result = mcnemar_clustered(first, second, np.arange(109))
    assert result.chi_square == pytest.approx(uncorrected.statistic * 108 / 109)


def test_images_of_one_patient_raise_no_false_alarms() -> None:
    draws = [in_patients(seed) for seed in range(300)]
    alarms = np.mean([mcnemar_clustered(*draw).p < 0.05 for draw in draws])
    assert 0.02 <= alarms <= 0.09
    assert np.mean([mcnemar(*draw[:2]).mid_p < 0.05 for draw in draws]) > 0.2, "without clusters"
    assert np.mean([mcnemar_clustered(*in_patients(seed, ahead=0.25)).p < 0.05 for seed in range(50)]) > 0.9


def test_clusters_that_say_nothing() -> None:
    assert mcnemar_clustered([1, 0, 1], [1, 0, 1], [1, 2, 2]).p == 1.0
    assert np.isnan(mcnemar_clustered([1, 0], [0, 0], [1, 1]).p)
    with pytest.raises(PerformanceError, match="one cluster"):
        mcnemar_clustered([1, 0], [0, 0], [1])
