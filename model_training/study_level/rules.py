"""Pool slice logits into a study's by rules that learn nothing, or next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from model_training.calibrate import Calibration
from strokeapp.inference.pooling import study_logit

NEIGHBORS = (0.25, 0.5, 0.25)
"""Weights of the slice below, the slice itself and the slice above in the plainest smoother."""

Rule = Callable[[NDArray, Calibration], float]


def smoothed(logits: NDArray, *, weights: tuple[float, float, float] = NEIGHBORS) -> NDArray[np.float64]:
    """Return each slice's logit mixed with its neighbors'; the outermost slices stand in for those they lack.

    Args:
        logits: (slices,) in order.
        weights: Of below, itself, above.
    """
    padded = np.pad(np.asarray(logits, np.float64), 1, mode="edge")
    return weights[0] * padded[:-2] + weights[1] * padded[1:-1] + weights[2] * padded[2:]


def noisy_or(logits: NDArray, calibration: Calibration) -> float:
    """Return the logit of "at least one slice bleeds", slices taken as independent (Pearl 1988, section 4.3.2).

    Args:
        logits: (slices,) not calibrated.
        calibration: Of a slice's logit.
    """
    z = np.asarray(logits, np.float64) / calibration.temperature + calibration.shift
    log_none = -np.logaddexp(0, z).sum()
    return float(np.log(-np.expm1(log_none)) - log_none)


RULES: Mapping[str, Rule] = {
    "max": lambda logits, _: study_logit(logits, top=1),
    "top-2 mean": lambda logits, _: study_logit(logits),
    "top-3 mean": lambda logits, _: study_logit(logits, top=3),
    "top-5 mean": lambda logits, _: study_logit(logits, top=5),
    "noisy-or": noisy_or,
    "neighbors 1:2:1, top-2 mean": lambda logits, _: study_logit(smoothed(logits)),
}
REFERENCE = "top-2 mean"
"""What the app ships."""
