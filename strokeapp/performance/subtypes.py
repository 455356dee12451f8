"""Tell which kinds of hemorrhage a network misses."""

from __future__ import annotations

import pandas as pd

from strokeapp.performance.intervals import confusion_intervals
from strokeapp.performance.predictions import SUBTYPES, patient_groups
from strokeapp.performance.threshold import confusion
from strokeapp.types import Finding


def subtype_sensitivities(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Compute the share of images of each hemorrhage subtype that is flagged as hemorrhagic.

    An image with two subtypes counts for both, so a subtype may be found through its companion.

    Args:
        table: As ``read_predictions`` returns it.
        threshold: On hemorrhagic_probability.

    Returns:
        Columns subtype, images, patients, flagged, recall, recall_low, recall_high; subtypes without images left out.
    """
    score = f"{Finding.HEMORRHAGIC.value}_probability"
    rows = []
    for subtype in SUBTYPES:
        chosen = table[(table[subtype] == 1) & table[score].notna()]
        if chosen.empty:
            continue
        labels, scores, groups = chosen[subtype].to_numpy(), chosen[score].to_numpy(), patient_groups(chosen)
        counts = confusion(labels, scores, threshold)
        low, high = confusion_intervals(labels, scores, groups, threshold)["recall"]
        rows.append((subtype, len(chosen), int(groups.max()) + 1, counts.tp, counts.recall, low, high))
    columns = ["subtype", "images", "patients", "flagged", "recall", "recall_low", "recall_high"]
    return pd.DataFrame(rows, columns=columns)
