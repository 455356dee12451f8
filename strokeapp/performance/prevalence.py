"""Carry sensitivity and specificity over to a population with another prevalence, by Bayes' theorem."""

from __future__ import annotations

from typing import NamedTuple

from strokeapp.errors import PerformanceError

NAN = float("nan")


class PredictiveValues(NamedTuple):
    """Hold what a call is worth; nan where no call of that kind can occur.

    Args:
        positive: Share of flagged ones that have the finding (PPV).
        negative: Share of those not flagged that do not have it (NPV).
    """

    positive: float
    negative: float


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> PredictiveValues:
    """Compute PPV and NPV at a prevalence (Altman & Bland 1994).

    Args:
        sensitivity: In [0, 1], or nan (not defined).
        specificity: In [0, 1], or nan.
        prevalence: Share with the finding where the network would be used, in [0, 1].

    Raises:
        PerformanceError: The prevalence lies outside [0, 1].
    """
    if not 0 <= prevalence <= 1:
        raise PerformanceError(f"A prevalence lies between 0 and 1, not at {prevalence}.")
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    cleared, alarms = specificity * (1 - prevalence), (1 - specificity) * (1 - prevalence)
    return PredictiveValues(_share(found, alarms), _share(cleared, missed))


def _share(right: float, wrong: float) -> float:
    return right / (right + wrong) if right + wrong > 0 else NAN
