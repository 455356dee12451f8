"""Put figures on a comparison: areas with patient-bootstrap intervals, and differences from the shipped rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_training.study_level.compare import Scores
from model_training.study_level.rules import REFERENCE
from model_training.study_level.volumes import Volume, study_label
from strokeapp.performance.curves import auc
from strokeapp.performance.delong import delong
from strokeapp.performance.intervals import (
    RESAMPLES,
    SEED,
    Interval,
    bootstrap_interval,
    patient_draws,
    percentile_interval,
    weighted_auc,
)

HEADER = (
    "| method | study AUC | − top-2 mean | p (DeLong) | slice AUC | − slice network | seconds |\n"
    "|---|---|---|---|---|---|---|"
)


def figures(volumes: Sequence[Volume], scores: Sequence[Scores], *, judged: str) -> list[dict[str, Any]]:
    """Return one record per method, on the volumes of the dataset judged.

    Args:
        volumes: In the order of the scores.
        scores: One of them named as the shipped rule.
        judged: Dataset with studies of both classes.

    Raises:
        PerformanceError: The studies or slices judged are of one class.
    """
    reference = next(item for item in scores if item.name == REFERENCE)
    chosen = np.array([volume.dataset == judged and not np.isnan(study_label(volume.labels)) for volume in volumes])
    studies = np.array([study_label(volume.labels) for volume in volumes])[chosen]
    labels = np.concatenate([volume.labels for volume, use in zip(volumes, chosen, strict=True) if use])
    groups = np.repeat(np.arange(chosen.sum()), [len(v) for v, use in zip(volumes, chosen, strict=True) if use])
    known = ~np.isnan(labels)
    records = []
    for item in scores:
        at_study = _study_figures(studies, item.studies[chosen], reference.studies[chosen])
        slices, plain = _flat(item, chosen)[known], _flat(reference, chosen)[known]
        at_slice = _slice_figures(labels[known], slices, plain, groups[known])
        records.append({"method": item.name, **at_study, **at_slice, "seconds": round(item.seconds, 1)})
    return records


def _flat(scores: Scores, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.concatenate([part for part, use in zip(scores.slices, chosen, strict=True) if use]).astype(np.float64)


def _study_figures(labels: NDArray, scores: NDArray, reference: NDArray) -> dict[str, float]:
    ends = bootstrap_interval(weighted_auc, labels, scores, np.arange(labels.size))
    test = delong(labels, scores, reference)
    found = {"studies": int(labels.size), "study_auc": test.auc_a, "study_difference": test.difference}
    return {**found, "study_low": ends.low, "study_high": ends.high, "study_p": test.p}


def _slice_figures(labels: NDArray, scores: NDArray, reference: NDArray, groups: NDArray) -> dict[str, float]:
    ends = bootstrap_interval(weighted_auc, labels, scores, groups)
    gain = difference_interval(labels, scores, reference, groups)
    area = auc(labels, scores)
    found = {"slices": int(labels.size), "slice_auc": area, "slice_difference": area - auc(labels, reference)}
    ends_of = {"slice_low": ends.low, "slice_high": ends.high}
    return {**found, **ends_of, "slice_difference_low": gain.low, "slice_difference_high": gain.high}


def difference_interval(
    labels: NDArray, a: NDArray, b: NDArray, groups: NDArray, *, n: int = RESAMPLES, seed: int = SEED
) -> Interval:
    """Bootstrap the difference of two areas over patients, both on the same draws.

    Args:
        labels: (images,) 1 or 0.
        a, b: (images,) scores.
        groups: (images,) patient of each image.
        n: Resamples.
        seed: Of the draws.

    Returns:
        Of the area of ``a`` minus that of ``b``; nan where they never differ.
    """
    codes, draws = patient_draws(groups, n=n, seed=seed)
    parts = np.array_split(draws, 20)
    truth = labels.astype(bool)
    values = [weighted_auc(truth, a, part[:, codes]) - weighted_auc(truth, b, part[:, codes]) for part in parts]
    return percentile_interval(np.concatenate(values))


def table(records: Sequence[dict[str, Any]]) -> str:
    """Return the records as a Markdown table."""
    return "\n".join([HEADER, *(_line(record) for record in records)])


def _line(record: dict[str, Any]) -> str:
    study = f"{record['study_auc']:.3f} ({record['study_low']:.3f}–{record['study_high']:.3f})"
    one = f"{record['slice_auc']:.3f} ({record['slice_low']:.3f}–{record['slice_high']:.3f})"
    gain, low, high = (record[f"slice_difference{end}"] for end in ("", "_low", "_high"))
    apart = "–" if np.isnan(low) else f"{gain:+.3f} ({low:+.3f} to {high:+.3f})"
    cells = (study, f"{record['study_difference']:+.3f}", f"{record['study_p']:.2f}", one, apart)
    return f"| {record['method']} | {' | '.join(cells)} | {record['seconds']:.0f} |"


def write_records(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write the records as JSON; what is not defined is null."""
    plain = [{k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in r.items()} for r in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
