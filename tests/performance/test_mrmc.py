"""Obuchowski-Rockette analysis against published results, and against simulated readers whose truth is known.

The ratings are those of Van Dyke et al. (1993): 114 patients, 45 with aortic dissection, five radiologists, cine MRI
and spin-echo MRI, one digit per patient. Expected values are the printed results of two independent programs for
them: OR-DBM MRMC 2.51 (Schartz, Hillis, Pesce & Berbaum; jackknife) and MRMCaov (Smith & Hillis 2020; jackknife and
DeLong).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc
from strokeapp.performance.delong import delong
from strokeapp.performance.mrmc import (
    Estimates,
    auc_estimates,
    jackknife_estimates,
    obuchowski_rockette,
    readers_against_network,
)

LABELS = np.repeat([0, 1], [69, 45])
RATINGS = (
    (
        "122151111111411111111131311214111113121211233131133111111221111332111"
        "555545554555434245555555154454553555115554451",
        "232222222322522232222222422223222222222222222222222222222432232222222"
        "535555542555442225555555243354552425225555352",
        "222235112242422232221232411322112224121412112222223211211221151421212"
        "545555555555542355555555252255552555225555552",
        "111111311111111111112111211112111111111111111111331111111111111311111"
        "555555555555555155555555554544553555125555555",
        "351211112221211122113221111211211231221113332111211111111341231212113"
        "525255551545452235555554144322151515115553552",
    ),
    (
        "333222223213122222211111421312214323123122233111333113412421241442111"
        "535555554555544335555555355355554455535555551",
        "322222223222222122221222322222212212222231223222222222322322222222122"
        "535555552555344245455545252355532425525555552",
        "242222322211132222121121411512112122212221132111233113221232341242121"
        "525555555555354145555555253355543555534555551",
        "221111312111122111211111321212111122112111112121212211111212111323211"
        "545555554555455555555555455445555555535555555",
        "223122221222111222122212322321212222112121132122332122221222231233111"
        "525455555455343335555555251332532545533555553",
    ),
)
READER_AUCS = [
    [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
    [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
]


def ratings() -> np.ndarray:
    """Return (modalities, readers, cases)."""
    return np.array([[[int(digit) for digit in reader] for reader in modality] for modality in RATINGS])


def sensitivity(labels: np.ndarray, scores: np.ndarray) -> float:
    return float((scores[labels == 1] >= 3).mean())


@pytest.fixture(scope="module")
def jackknife():
    return obuchowski_rockette(jackknife_estimates(LABELS, ratings()))


@pytest.fixture(scope="module")
def by_delong():
    return obuchowski_rockette(auc_estimates(LABELS, ratings()))


def test_reader_areas_are_the_published_ones() -> None:
    np.testing.assert_allclose(auc_estimates(LABELS, ratings()).values, READER_AUCS, atol=5e-9)
    np.testing.assert_allclose(jackknife_estimates(LABELS, ratings()).values, READER_AUCS, atol=5e-9)


def test_mean_squares_and_components_by_jackknife_are_the_published_ones(jackknife) -> None:
    assert jackknife.mean_square_modality == pytest.approx(0.004796171, abs=5e-10)
    assert jackknife.mean_square_reader == pytest.approx(0.00383620, abs=5e-9)
    assert jackknife.mean_square_interaction == pytest.approx(0.0005510306, abs=5e-11)
    part = jackknife.components
    found = (part.variance, part.cov1, part.cov2, part.cov3)
    np.testing.assert_allclose(found, (0.0008022883, 0.0003466137, 0.0003440748, 0.0002390284), atol=5e-11)


def test_random_readers_random_cases_by_jackknife(jackknife) -> None:
    test = jackknife.random_readers
    assert (test.df1, round(test.df2, 2)) == (1, 15.26)
    assert test.statistic == pytest.approx(4.46, abs=0.005)
    assert test.p == pytest.approx(0.0517, abs=5e-5)
    assert test.estimate == pytest.approx(-0.04380032, abs=5e-9)
    assert test.standard_error == pytest.approx(0.02075, abs=5e-6)
    assert test.interval == pytest.approx((-0.08796, 0.00036), abs=5e-6)


def test_random_readers_random_cases_by_delong(by_delong) -> None:
    test = by_delong.random_readers
    assert test.statistic == pytest.approx(4.484854, abs=5e-7)
    assert test.df2 == pytest.approx(15.06611, abs=5e-6)
    assert test.p == pytest.approx(0.05123303, abs=5e-9)
    assert test.standard_error == pytest.approx(0.0206825, abs=5e-8)
    assert test.interval == pytest.approx((-0.0878671960, 0.0002665519), abs=5e-10)
    part = by_delong.components
    found = (part.variance, part.cov1, part.cov2, part.cov3)
    np.testing.assert_allclose(found, (0.0007921325, 0.0003420090, 0.0003395265, 0.0002358497), atol=5e-11)


def test_fixed_readers_random_cases(jackknife) -> None:
    test = jackknife.fixed_readers
    assert test.statistic == pytest.approx(5.475953, abs=5e-7)
    assert test.p == pytest.approx(0.01927984, abs=5e-9)
    assert test.standard_error == pytest.approx(0.01871748, abs=5e-9)
    assert test.interval == pytest.approx((-0.08048591, -0.00711473), abs=5e-9)


@pytest.mark.parametrize(
    ("modality", "error", "df", "interval"),
    [(0, 0.03317360, 12.74, (0.82522360, 0.96885048)), (1, 0.02156637, 12.71, (0.89413783, 0.98753689))],
)
def test_means_over_random_readers(jackknife, modality: int, error: float, df: float, interval: tuple) -> None:
    mean = jackknife.means_random[modality]
    assert mean.value == pytest.approx(np.mean(READER_AUCS[modality]), abs=5e-9)
    assert mean.standard_error == pytest.approx(error, abs=5e-9)
    assert mean.df == pytest.approx(df, abs=0.005)
    assert mean.interval == pytest.approx(interval, abs=5e-9)


@pytest.mark.parametrize(
    ("modality", "error", "interval"),
    [(0, 0.02428971, (0.84943008, 0.94464399)), (1, 0.01677632, (0.90795637, 0.97371835))],
)
def test_means_over_these_readers(jackknife, modality: int, error: float, interval: tuple) -> None:
    mean = jackknife.means_fixed[modality]
    assert mean.standard_error == pytest.approx(error, abs=5e-9)
    assert mean.interval == pytest.approx(interval, abs=5e-9)


def test_jackknife_takes_any_figure_of_merit_such_as_sensitivity() -> None:
    result = obuchowski_rockette(jackknife_estimates(LABELS, ratings(), metric=sensitivity))
    assert result.means_random[0].value == pytest.approx(0.8222222, abs=5e-8)
    assert result.means_random[1].value == pytest.approx(0.92, abs=5e-8)
    assert result.random_readers.estimate == pytest.approx(-0.09777778, abs=5e-9)
    assert result.mean_square_interaction == pytest.approx(0.001802469, abs=5e-10)


def test_order_of_readers_and_cases_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    cases, readers = generator.permutation(114), generator.permutation(5)
    shuffled = obuchowski_rockette(auc_estimates(LABELS[cases], ratings()[:, readers][:, :, cases]))
    plain = obuchowski_rockette(auc_estimates(LABELS, ratings()))
    assert shuffled.random_readers.p == pytest.approx(plain.random_readers.p)
    assert shuffled.fixed_readers.p == pytest.approx(plain.fixed_readers.p)


def simulated(seed: int, *, gain: float, readers: int = 4, cases: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Draw ratings by the model of Roe & Metz (1997): binormal, with variance of readers, cases and their products.

    Without a gain the area of the mean reader is Phi(1.5 / sqrt(2 * total variance)).
    """
    draw = np.random.default_rng(seed)
    labels = np.repeat([0, 1], cases // 2)
    scores = np.zeros((2, readers, cases))
    scores += labels * (1.5 + gain * np.array([0, 1])[:, None, None])
    scores += labels * np.sqrt(0.01) * draw.normal(size=(readers, 1))
    scores += labels * np.sqrt(0.01) * draw.normal(size=(2, readers, 1))
    scores += np.sqrt(0.3) * draw.normal(size=cases) + np.sqrt(0.2) * draw.normal(size=(2, 1, cases))
    scores += np.sqrt(0.2) * draw.normal(size=(1, readers, cases)) + np.sqrt(0.3) * draw.normal(size=scores.shape)
    return labels, scores


def test_false_alarms_are_about_as_rare_as_promised() -> None:
    p = [obuchowski_rockette(auc_estimates(*simulated(seed, gain=0.0))).random_readers.p for seed in range(300)]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.08


def test_a_real_gain_is_found_and_its_interval_covers_it() -> None:
    truth = norm.cdf(1.5 / np.sqrt(2)) - norm.cdf(2.5 / np.sqrt(2))
    results = [obuchowski_rockette(auc_estimates(*simulated(s, gain=1.0, cases=120))) for s in range(80)]
    assert np.mean([result.random_readers.p < 0.05 for result in results]) > 0.9
    assert np.mean([result.random_readers.estimate for result in results]) == pytest.approx(truth, abs=0.01)
    covered = [r.random_readers.interval.low <= truth <= r.random_readers.interval.high for r in results]
    assert np.mean(covered) > 0.9


def test_mean_area_of_simulated_readers_is_that_of_the_binormal_model() -> None:
    areas = [auc_estimates(*simulated(seed, gain=0.0)).values.mean() for seed in range(200)]
    assert np.mean(areas) == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.01)


def test_two_alike_readers_against_the_network_are_one_delong_test() -> None:
    labels, scores = simulated(3, gain=0.0)
    reader, network = scores[0, 0], scores[1, 1]
    mean = readers_against_network(labels, [reader, reader], network, fixed=True)
    single = delong(labels, reader, network)
    assert mean.value == pytest.approx(auc(labels, reader) - auc(labels, network))
    assert mean.standard_error == pytest.approx(np.sqrt(single.variance))
    assert mean.p == pytest.approx(single.p)


def test_readers_like_the_network_differ_from_it_no_more_often_than_promised() -> None:
    alarms = []
    for seed in range(300):
        labels, scores = simulated(seed, gain=0.0, readers=5)
        alarms.append(readers_against_network(labels, scores[0], scores[1, 0]).p < 0.05)
    assert np.mean(alarms) <= 0.1


def test_modalities_without_any_difference_or_variance_get_no_p_to_believe() -> None:
    flat = Estimates(np.full((2, 3), 0.8), np.zeros((2, 3, 2, 3)))
    result = obuchowski_rockette(flat)
    assert np.isnan(result.random_readers.p) and not result.random_readers.interval.defined


@pytest.mark.parametrize("shape", [(1, 5, 114), (2, 1, 114)])
def test_too_few_modalities_or_readers_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PerformanceError, match="two modalities and two readers"):
        obuchowski_rockette(auc_estimates(LABELS, ratings()[: shape[0], : shape[1]]))


def test_scores_of_other_cases_are_refused() -> None:
    with pytest.raises(PerformanceError, match="same cases"):
        auc_estimates(LABELS[1:], ratings())
    with pytest.raises(PerformanceError, match="two readers"):
        readers_against_network(LABELS, ratings()[0, :1], ratings()[1, 0])
