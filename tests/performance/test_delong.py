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


OVARIAN_CANCER = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1
3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1
4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""
"""Albumin, total protein, total score, benefit: data of DeLong et al. 1988, as in the manual of SAS/STAT."""


def test_published_data() -> None:
    """Agree with the definition, and with values quoted for SAS, which were not checked against a printed copy."""
    albumin, protein, score, benefit = np.array(OVARIAN_CANCER.split(), dtype=float).reshape(-1, 4).T
    labels, krebs_goplerud = benefit.astype(int), 10 - score
    areas, covariance = auc_covariance(labels, krebs_goplerud, protein, albumin)
    for found, expected in zip(
        (areas, covariance), pair_by_pair(labels, krebs_goplerud, protein, albumin), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-14)
    np.testing.assert_allclose(areas, [0.7258, 0.6478, 0.7366], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.1028, 0.1000, 0.0927], atol=5e-5)
    for scores, difference, error, chi_square, p in (
        (protein, -0.0780, 0.1046, 0.5554, 0.4561),
        (albumin, 0.0108, 0.0953, 0.0127, 0.9102),
    ):
        found = delong(labels, scores, krebs_goplerud)
        assert found.difference == pytest.approx(difference, abs=5e-5)
        assert np.sqrt(found.variance) == pytest.approx(error, abs=5e-5)
        assert found.difference**2 / found.variance == pytest.approx(chi_square, abs=5e-5)
        assert found.p == pytest.approx(p, abs=5e-5)


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


def in_patients(seed: int, *, patients: int = 60, images: int = 5, better: float = 0.0) -> tuple[np.ndarray, ...]:
    """Draw labels, two scores that err alike within a patient, and the patients."""
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(patients), images)
    labels = (generator.random(patients * images) < np.repeat(generator.choice([0.0, 0.6], patients), images)).astype(
        int
    )
    scores = []
    for gain in (better, 0.0):
        whole, single = generator.normal(size=patients)[codes], generator.normal(0, 0.5, codes.size)
        scores.append((1.2 + gain) * labels + whole + single)
    return labels, *scores, codes


def obuchowski(labels: np.ndarray, a: np.ndarray, b: np.ndarray, codes: np.ndarray) -> float:
    """Write the variance of the difference out cluster by cluster, as Obuchowski 1997 defines it."""
    parts = []
    for one in (a, b):
        kernel = (one[labels == 1][:, None] > one[labels == 0]) + 0.5 * (one[labels == 1][:, None] == one[labels == 0])
        parts.append((kernel.mean(axis=1), kernel.mean(axis=0), kernel.mean()))
    (v10a, v01a, area_a), (v10b, v01b, area_b) = parts
    m, n, names = int(labels.sum()), int((labels == 0).sum()), np.unique(codes)
    rows = []
    for name in names:
        yes, no = codes[labels == 1] == name, codes[labels == 0] == name
        rows.append(
            (
                yes.any(), no.any(),
                (v10a[yes].sum() - yes.sum() * area_a) - (v10b[yes].sum() - yes.sum() * area_b),
                (v01a[no].sum() - no.sum() * area_a) - (v01b[no].sum() - no.sum() * area_b),
            )
        )  # fmt: skip
    has, lacks, plus, minus = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    i10, i01, i = has.sum(), lacks.sum(), names.size
    s10 = i10 / ((i10 - 1) * m) * (plus**2).sum()
    s01 = i01 / ((i01 - 1) * n) * (minus**2).sum()
    s11 = i / (i - 1) * (plus * minus).sum()
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("seed", range(3))
def test_clusters_agree_with_the_definition(seed: int) -> None:
    labels, a, b, codes = in_patients(seed, patients=14)
    found = delong(labels, np.round(a, 1), np.round(b, 1), clusters=[f"patient {code}" for code in codes])
    assert found.variance == pytest.approx(obuchowski(labels, np.round(a, 1), np.round(b, 1), codes))
    assert found.difference == delong(labels, np.round(a, 1), np.round(b, 1)).difference


def test_clusters_of_one_image_are_plain_delong() -> None:
    labels, a, b = paired(3)
    plain, clustered = delong(labels, a, b), delong(labels, a, b, clusters=np.arange(labels.size)[::-1])
    assert (clustered.variance, clustered.p) == pytest.approx((plain.variance, plain.p))


def test_images_of_one_patient_raise_no_false_alarms() -> None:
    draws = [in_patients(seed) for seed in range(300)]
    alarms = np.mean([delong(labels, a, b, clusters=codes).p < 0.05 for labels, a, b, codes in draws])
    assert 0.02 <= alarms <= 0.09
    assert np.mean([delong(labels, a, b).p < 0.05 for labels, a, b, _ in draws]) > 0.2, "without clusters"
    better = [in_patients(seed, patients=200, better=1.5) for seed in range(30)]
    assert np.mean([delong(labels, a, b, clusters=codes).p < 0.05 for labels, a, b, codes in better]) > 0.9


def test_without_variance_there_is_a_p_only_where_nothing_differs() -> None:
    labels, right, wrong = [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1]
    assert delong(labels, right, right).p == 1.0
    found = delong(labels, right, wrong)
    assert (found.difference, found.variance) == (1.0, 0.0) and np.isnan(found.p)
    assert np.isnan(delong(labels, right, [0.1, 0.6, 0.5, 0.9], clusters=["a", "b", "c", "c"]).p), (
        "one positive patient"
    )
    with pytest.raises(PerformanceError, match="one cluster"):
        delong(labels, right, wrong, clusters=[1, 2])
