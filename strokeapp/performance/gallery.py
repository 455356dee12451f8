"""Name the images a network got most wrong."""

from __future__ import annotations

import pandas as pd

from strokeapp.performance.predictions import known_rows, patient_groups
from strokeapp.types import Finding

MISSED, FALSE_ALARM = "missed", "false alarm"
COLUMNS = ("finding", "kind", "path", "dataset", "probability", "threshold", "presumed", "lesion_dice")


def worst_mistakes(
    table: pd.DataFrame, finding: Finding | str, threshold: float, *, count: int = 8, per_patient: int = 1
) -> pd.DataFrame:
    """Return the images with the finding and the lowest probability, and those without and the highest.

    Args:
        table: As ``read_predictions`` returns it.
        finding: Which label and probability.
        threshold: In use; only images on the wrong side of it are mistakes.
        count: Of each kind, at most.
        per_patient: Images of one patient of each kind, at most, so that one head does not fill the gallery.

    Returns:
        Columns ``COLUMNS``, missed ones first, worst first; ``presumed`` is True where nobody read the image for
        the finding, so that the mistake may be the label's.
    """
    finding = Finding(finding)
    rows = table[known_rows(table, finding)]
    rows = rows.assign(probability=rows[f"{finding.value}_probability"], group=patient_groups(rows))
    flagged, positive = rows["probability"] >= threshold, rows[finding.value] == 1
    kinds = {
        MISSED: rows[positive & ~flagged].sort_values("probability", kind="stable"),
        FALSE_ALARM: rows[~positive & flagged].sort_values("probability", ascending=False, kind="stable"),
    }
    parts = []
    for kind, part in kinds.items():
        first = part[part.groupby(["dataset", "group"]).cumcount() < per_patient].head(count)
        asked = (first["presumed"] == finding.value) & (first[finding.value] == 0)
        parts.append(
            first.assign(finding=finding.value, kind=kind, threshold=float(threshold), presumed=asked)[list(COLUMNS)]
        )
    return pd.concat(parts, ignore_index=True)
