"""Say what abstaining is worth: error against coverage, and what is stopped of inputs unlike the training data.

Source of the curves: Geifman & El-Yaniv, Selective classification for deep neural networks (NeurIPS 2017).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strokeapp.errors import PerformanceError
from strokeapp.performance.intervals import RESAMPLES, confusion_intervals
from strokeapp.performance.predictions import Sample
from strokeapp.performance.threshold import confusion

COVERAGE = "coverage.json"
"""Beside a network's card, where its abstaining was measured."""
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.5)
RULES = {
    "familiarity": "By familiarity",
    "confidence": "By confidence",
    "both": "Both",
}
"""By which images are left out; by both, first those that the application stops, then the least confident."""
PARTS = ("network", "version", "threshold", "quantile", "study_share", "held_out", "errors", "unlike", "studies")


def confidence(scores: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Return the probability that each call is right, as the network's own calibrated probability has it.

    Args:
        scores: (images,) in [0, 1].
        thresholds: Operating point, one or (images,), from which an image is flagged.
    """
    scores = np.asarray(scores, np.float64)
    return np.where(scores >= thresholds, scores, 1 - scores)


def doubts(
    scores: ArrayLike, thresholds: ArrayLike, distances: ArrayLike, farthest: ArrayLike
) -> dict[str, NDArray[np.float64]]:
    """Return for each of ``RULES`` the (images,) doubt: the highest is left out first.

    Args:
        scores, thresholds: See ``confidence``.
        distances: (images,) from the training slices.
        farthest: Distance, one or (images,), beyond which the application stops an image.
    """
    unsure = 1 - confidence(scores, thresholds)
    distances = np.asarray(distances, np.float64)
    return {"familiarity": distances, "confidence": unsure, "both": unsure + (distances > farthest)}


def error_at_coverage(
    sample: Sample,
    thresholds: ArrayLike,
    doubt: ArrayLike,
    *,
    coverages: tuple[float, ...] = COVERAGES,
    n: int = RESAMPLES,
) -> pd.DataFrame:
    """Return the error of a finding's calls among the images that are doubted least.

    Args:
        sample: Known labels and out-of-fold probabilities.
        thresholds: Operating point, one or (images,).
        doubt: (images,); see ``doubts``.
        coverages: Shares of the images that are kept.
        n: Resamples of patients.

    Returns:
        Columns coverage, images, patients, positives, then error, recall and specificity with _low and _high; nan
        where not defined. The order of the images and the operating point are held still in the intervals.
    """
    order, points = np.argsort(doubt, kind="stable"), np.broadcast_to(thresholds, sample.labels.shape)
    rows = []
    for coverage in coverages:
        kept = order[: round(coverage * len(order))]
        if kept.size:
            rows.append({"coverage": coverage, **_figures(sample, points, kept, n)})
    return pd.DataFrame(rows)


def _figures(sample: Sample, points: NDArray, kept: NDArray[np.intp], n: int) -> dict[str, float]:
    labels, scores, patients = (values[kept] for values in sample)
    found = confusion(labels, scores, points[kept]).measures
    ends = confusion_intervals(labels, scores, patients, points[kept], n=n)
    result = {"images": len(kept), "patients": len(np.unique(patients)), "positives": int(labels.sum())}
    result |= {"error": 1 - found["accuracy"], "error_low": 1 - ends["accuracy"].high}
    result["error_high"] = 1 - ends["accuracy"].low
    for name in ("recall", "specificity"):
        result |= {name: found[name], f"{name}_low": ends[name].low, f"{name}_high": ends[name].high}
    return result


def held_out_note(content: Mapping[str, Any]) -> str:
    """Say how many held-out images the application would stop.

    Args:
        content: From ``read_coverage``.
    """
    held, studies = content["held_out"], content["studies"]
    return (
        f"Of {held['images']:,} held-out images of {held['patients']:,} patients {held['stopped']:.1%} are unfamiliar. "
        f"A study is stopped when more than {content['study_share']:.0%} of its slices are: {studies['stopped']} of "
        f"{studies['studies']} held-out volumes; the most in one was {studies['highest']:.0%}."
    )


def unlike_note(content: Mapping[str, Any]) -> str:
    """Say what the columns of the table of unlike inputs mean.

    Args:
        content: From ``read_coverage``.
    """
    return (
        f"Unfamiliar: farther from the training slices than {content['quantile']:.1%} of the held-out slices of other "
        "folds were from theirs, each measured by a network that had not seen it. Suitability: stopped by the "
        "examination before reading, as a single picture without tags. Altered were held-out slices that pass it."
    )


def read_coverage(folder: Path) -> Mapping[str, Any] | None:
    """Return what was measured of a network's abstaining, or None where nothing was.

    Args:
        folder: Of the network.

    Raises:
        PerformanceError: The file is damaged.
    """
    path = folder / COVERAGE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in PARTS if name not in content]
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(folder, repr(error)) from error
    if missing:
        raise _damaged(folder, f"missing: {', '.join(missing)}")
    return content


def _damaged(folder: Path, detail: str) -> PerformanceError:
    message = f"What was measured of abstaining by {folder.name} is damaged. Install the network again."
    return PerformanceError(message, detail=detail)
