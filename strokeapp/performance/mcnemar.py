"""Compare the share of right calls of two readers on the same cases (McNemar 1947; in clusters Obuchowski 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, chi2

from strokeapp.errors import PerformanceError


@dataclass(frozen=True, slots=True)
class McNemar:
    """Hold the outcome of McNemar's tests on paired calls.

    Args:
        both_right: Cases that both call right.
        only_first: Cases that the first alone calls right.
        only_second: Cases that the second alone calls right.
        neither: Cases that both call wrong.
        exact_p: Two-sided binomial; keeps its promise always, but is conservative.
        mid_p: Exact less half the chance of what was seen; recommended by Fagerland, Lydersen & Laake (2013).
        chi_square: With Edwards' continuity correction.
        chi_square_p: Of the same.
    """

    both_right: int
    only_first: int
    only_second: int
    neither: int
    exact_p: float
    mid_p: float
    chi_square: float
    chi_square_p: float

    @property
    def total(self) -> int:
        """Return the number of cases."""
        return self.both_right + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Return the share of right calls of the first minus that of the second."""
        return (self.only_first - self.only_second) / self.total


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """Test whether two readers (or a reader and a network) differ in the share of right calls.

    Only the discordant cases speak; with none of them every p is 1.

    Args:
        first_right: (cases,) whether the first called the case right.
        second_right: (cases,) whether the second did.

    Raises:
        PerformanceError: Lengths differ, a value is neither true nor false, or there is no case.
    """
    first, second = _checked(first_right, second_right)
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    exact, mid = _binomial(b, c)
    statistic = (abs(b - c) - 1) ** 2 / (b + c) if b != c else 0.0
    return McNemar(
        both_right=int((first & second).sum()),
        only_first=b,
        only_second=c,
        neither=int((~first & ~second).sum()),
        exact_p=exact,
        mid_p=mid,
        chi_square=statistic,
        chi_square_p=float(chi2.sf(statistic, 1)),
    )


class ClusteredMcNemar(NamedTuple):
    """Hold the outcome of the test on calls in clusters.

    Args:
        clusters: Number of them.
        chi_square: With one degree of freedom.
        p: Two-sided; 1 with no discordant case, nan with fewer than two clusters.
    """

    clusters: int
    chi_square: float
    p: float


def mcnemar_clustered(first_right: ArrayLike, second_right: ArrayLike, clusters: ArrayLike) -> ClusteredMcNemar:
    """Test whether two readers differ in the share of right calls over cases that come in clusters.

    Method: Obuchowski, Statistics in Medicine 17 (1998) 1495. With d the right calls of the first less those of the
    second in each of K clusters, the statistic is (K - 1) / K * sum(d)^2 / sum(d^2); with one case per cluster that
    is McNemar's, without correction, times (K - 1) / K.

    Args:
        first_right: (cases,) whether the first called the case right.
        second_right: (cases,) whether the second did.
        clusters: (cases,) patient of each case.

    Raises:
        PerformanceError: As ``mcnemar``, or the clusters are not one per case.
    """
    first, second = _checked(first_right, second_right)
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if codes.shape != first.shape:
        raise PerformanceError("McNemar's test in clusters needs one cluster per case.")
    if names.size < 2:
        return ClusteredMcNemar(int(names.size), float("nan"), float("nan"))
    ahead = np.bincount(codes, weights=first.astype(float) - second, minlength=names.size)
    spread = float((ahead**2).sum())
    statistic = (names.size - 1) / names.size * float(ahead.sum()) ** 2 / spread if spread else 0.0
    return ClusteredMcNemar(int(names.size), statistic, float(chi2.sf(statistic, 1)))


def _checked(first_right: ArrayLike, second_right: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = np.asarray(first_right), np.asarray(second_right)
    if first.ndim != 1 or first.shape != second.shape or first.size < 1:
        raise PerformanceError("McNemar's test needs two lists of one length, with at least one case.")
    if not np.isin(first, (0, 1)).all() or not np.isin(second, (0, 1)).all():
        raise PerformanceError("McNemar's test takes right (1) or wrong (0) per case, nothing else.")
    return first.astype(bool), second.astype(bool)


def _binomial(b: int, c: int) -> tuple[float, float]:
    """Return the exact and the mid p of b against c, each with chance one half."""
    if b == c:
        # Fagerland 2013: the two tails overlap in what was seen, so the exact p is 1 and the mid p loses it once.
        return 1.0, 1.0 - 0.5 * float(binom.pmf(b, b + c, 0.5)) if b else 1.0
    few, total = min(b, c), b + c
    exact = min(1.0, 2 * float(binom.cdf(few, total, 0.5)))
    return exact, exact - float(binom.pmf(few, total, 0.5))
