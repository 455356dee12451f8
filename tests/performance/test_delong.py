"""DeLong's test against the definition written out pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc
from strokeapp.performance.delong import auc_covariance, delong, delong_interval


def paired(seed: int, *, size: int = 60, shift_a: float = 1.0, shift_b: float = 1.0) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    labels = np.append(generator.integers(0, 2, size - 2), [0, 1])
    common = generator.normal(size=size)
    a, b = (shift * labels + common + generator.normal(size=size) for shift in (shift_a, shift_b))
    return labels, np.round(a, 1), np.round(b, 1)


def pair_by_pair(labels: np.ndarray, *scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute areas and covariance from every positive-negative pair, as DeLong 1988 defines them."""
    v10, v01 = [], []
    for one in scores:
        positives, negatives = one[labels == 1], one[labels == 0]
        kernel = np.array([[1.0 if p > q else 0.5 if p == q else 0.0 for q in negatives] for p in positives])
        v10.append(kernel.mean(axis=1))
        v01.append(kernel.mean(axis=0))
    v10, v01 = np.array(v10), np.array(v01)
    areas = v10.mean(axis=1)
    s10 = (v10 - areas[:, None]) @ (v10 - areas[:, None]).T / (v10.shape[1] - 1)
    s01 = (v01 - areas[:, None]) @ (v01 - areas[:, None]).T / (v01.shape[1] - 1)
    return areas, s10 / v10.shape[1] + s01 / v01.shape[1]


@pytest.mark.parametrize("seed", range(5))
def test_midranks_agree_with_the_definition(seed: int) -> None:
    labels, a, b = paired(seed)
    areas, covariance = auc_covariance(labels, a, b)
    expected_areas, expected_covariance = pair_by_pair(labels, a, b)
    np.testing.assert_allclose(areas, expected_areas)
    np.testing.assert_allclose(covariance, expected_covariance, atol=1e-14)
    result = delong(labels, a, b)
    assert result.difference == pytest.approx(auc(labels, a) - auc(labels, b))
    variance = expected_covariance[0, 0] + expected_covariance[1, 1] - 2 * expected_covariance[0, 1]
    assert result.variance == pytest.approx(variance)
    assert result.p == pytest.approx(2 * norm.sf(abs(result.difference) / np.sqrt(variance)))


def test_swapping_changes_only_the_sign() -> None:
    labels, a, b = paired(7, shift_b=0.3)
    there, back = delong(labels, a, b), delong(labels, b, a)
    assert there.difference == -back.difference and there.p == pytest.approx(back.p)


def test_equal_scores_do_not_differ() -> None:
    labels, a, _ = paired(1)
    assert delong(labels, a, 2 * a + 1).p == 1.0


def test_false_alarms_are_as_rare_as_promised_and_real_differences_are_found() -> None:
    alarms = [delong(*paired(seed, size=120)).p < 0.05 for seed in range(400)]
    assert 0.02 <= np.mean(alarms) <= 0.085
    found = [delong(*paired(seed, size=400, shift_b=0.3)).p < 0.05 for seed in range(50)]
    assert np.mean(found) > 0.9


def test_interval_is_centered_and_has_no_width_to_invent() -> None:
    labels, a, _ = paired(2)
    low, high = delong_interval(labels, a)
    assert (low + high) / 2 == pytest.approx(auc(labels, a))
    assert not delong_interval([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]).defined
    with pytest.raises(PerformanceError):
        delong([1, 1], [0.1, 0.2], [0.2, 0.3])
