"""Pool the slices of a study into one logit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOP_SLICES = 2
"""A lesion worth flagging is seen on two neighboring slices of 5 mm more often than not."""


def study_logit(logits: NDArray[np.float32], *, top: int = TOP_SLICES) -> float:
    """Return the mean of the highest slice logits; of all, where there are fewer.

    Args:
        logits: (slices,) of one finding, not calibrated.
    """
    ordered = np.sort(np.asarray(logits, dtype=np.float64))[::-1]
    return float(ordered[: max(1, top)].mean())
