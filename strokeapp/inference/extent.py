"""Give no reading where a network marks nearly every slice of a whole head: no stroke is known to look like that.

Measured out of fold: among 222 CT volumes of 12 slices and more at most 59 % of the slices are flagged for hemorrhage,
among the whole diffusion volumes at most 63 % for an infarct. A head under a surface coil, brighter on every slice near
the coil than anything the network learnt from, had all of them flagged.

Slices are counted at the operating point of high specificity, which a lesion-free slice seldom reaches. The one in use
may lie so low that a whole head of doubtful slices passes it: that of the first FLAIR network was passed by 21 % of
lesion-free slices.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from strokeapp.inference.words import NAMES
from strokeapp.types import Abstention, Finding

MOST = 0.9
"""Share of the slices read, from which on a finding is not believed."""
WHOLE_MM = 100.0
"""From the first to the last slice: less may lie within one large lesion."""
FEWEST = 12


def everywhere(
    probabilities: Mapping[Finding, NDArray[np.float64]],
    thresholds: Mapping[Finding, float],
    places_mm: NDArray[np.float64] | None,
) -> Abstention | None:
    """Return why a reading is not to be believed, or None.

    Args:
        probabilities: Per finding, (slices,) of the slices that were read.
        thresholds: Per finding, from which a slice is surely flagged: the operating point of high specificity.
        places_mm: (slices,) where they lie along their normal; None without geometry: nothing is judged then.
    """
    if places_mm is None or len(places_mm) < FEWEST or np.ptp(places_mm) < WHOLE_MM:
        return None
    for finding, values in probabilities.items():
        flagged = int((values >= thresholds[finding]).sum())
        if flagged >= MOST * len(values):
            return Abstention(
                "marked_everywhere",
                f"{NAMES[finding]} would be marked on {flagged} of {len(values)} slices, from the bottom of the head "
                "to its top. No known stroke looks like that: the pictures are unlike those the network learnt from "
                "(uneven coils, another sequence, an artifact). View only.",
            )
    return None
