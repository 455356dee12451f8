"""Sum up the figures of single images: means with 95 % intervals over patients, counts, verdicts and the default."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from strokeapp.errors import RecipeError
from strokeapp.inference.explanation.measured import ALL_SHUFFLED, FAILED, LABELS_SHUFFLED, PASSED, UNDECIDED
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS
from strokeapp.performance.intervals import Interval, patient_draws, percentile_interval, wilson

MEANS = ("iou", "energy_inside", "energy_outside_head", "deletion", "insertion", "infidelity", "sensitivity")
"""Figures that are the mean of the images' own."""
COUNTED = {"fidelity": "deletion", "sensitivity": "sensitivity"}
"""Name of the number of images behind some figures, and one of them."""
MAX_AGREEMENT = 0.5
"""Rank correlation (either sign) inside the head with the explanation of the network of shuffled weights, or labels,
above which a method fails."""
SPREAD = 0.15
"""Standard deviation of one image's rank correlation, assumed where that of the images happens to be smaller, few as
they are. Measured: 0.04 to 0.18 by method, 0.15 beside the limit."""
DECIDES = (ALL_SHUFFLED, LABELS_SHUFFLED)
"""Stages that a method must notice."""


def mean_interval(values: ArrayLike, groups: ArrayLike) -> Interval:
    """Return the 95 % interval of a mean, by resampling patients.

    Where all values are 0 or all are 1, resampling has nothing to vary: Wilson's interval over patients is given.

    Args:
        values: (images,); nan is left out.
        groups: (images,) patients.
    """
    values, groups = np.asarray(values, dtype=np.float64), np.asarray(groups)
    known = np.isfinite(values)
    if not known.any():
        return Interval(float("nan"), float("nan"))
    codes, draws = patient_draws(groups[known])
    weights, count = draws[:, codes], len(np.unique(codes))
    if np.ptp(values[known]) == 0 and values[known][0] in (0.0, 1.0):
        return wilson(float(values[known][0]) * count, count)
    return percentile_interval(weights @ values[known] / weights.sum(1))


def row_figures(images: pd.DataFrame) -> dict[str, Any]:
    """Return one method's figures on one finding.

    Args:
        images: One row each: patient; hit, exact and large, true or false; those of ``MEANS`` that were measured, nan
            where an image was not looked at; flagged, where it is known.
    """
    patients, hit = images["patient"].to_numpy(), images["hit"].to_numpy(bool)
    large = images["large"].to_numpy(bool)
    result: dict[str, Any] = {"images": len(hit), "patients": len(np.unique(patients)), "hits": int(hit.sum())}
    result |= _mean("hit", hit, patients, called="hit_rate")
    result |= _mean("exact", images["exact"].to_numpy(bool), patients, called="exact_rate")
    result |= {"large_images": int(large.sum()), "large_hits": int(hit[large].sum())}
    result |= _ends("large", mean_interval(hit[large], patients[large]))
    for name in (name for name in MEANS if name in images):
        result |= _mean(name, images[name], patients)
    result |= {f"{name}_images": int(images[of].notna().sum()) for name, of in COUNTED.items() if of in images}
    if "flagged" in images and images["flagged"].notna().all():
        flagged = images["flagged"].to_numpy(bool)
        result |= {"flagged_images": int(flagged.sum()), "flagged_hits": int(hit[flagged].sum())}
    return result


def _mean(name: str, values: ArrayLike, patients: ArrayLike, *, called: str = "") -> dict[str, float]:
    values = np.asarray(values, dtype=np.float64)
    known = values[np.isfinite(values)]
    mean = float(known.mean()) if known.size else float("nan")
    return {called or name: mean, **_ends(name, mean_interval(values, patients))}


def _ends(name: str, interval: Interval) -> dict[str, float]:
    return {f"{name}_low": interval.low, f"{name}_high": interval.high}


def standard_error(stage: Mapping[str, Any]) -> float:
    """Return the standard error of a stage's mean rank correlation.

    Args:
        stage: With ``images`` and, where the images' own correlations were kept, ``spread``, their standard deviation.
    """
    spread = stage.get("spread")
    known = spread is not None and math.isfinite(spread)
    return max(spread if known else 0.0, SPREAD) / math.sqrt(stage["images"])


def verdict(stages: Sequence[Mapping[str, Any]]) -> str:
    """Judge whether a method notices that a network's weights, or labels, were shuffled.

    It passed if every rank correlation stays below ``MAX_AGREEMENT`` by at least its standard error, failed if one
    lies above by more than that, and is not decided otherwise; so too where nothing was measured.

    Args:
        stages: Of the method.
    """
    found = [(abs(stage["rank_correlation"]), standard_error(stage)) for stage in stages if stage["stage"] in DECIDES]
    if any(value - error > MAX_AGREEMENT for value, error in found):
        return FAILED
    return PASSED if found and all(value + error <= MAX_AGREEMENT for value, error in found) else UNDECIDED


def judged(stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a method's verdict and its stages, each with its standard error."""
    found = verdict(stages)
    listed = [{**stage, "standard_error": standard_error(stage)} for stage in stages]
    return {"passed": found == PASSED, "verdict": found, "stages": listed}


def default_method(report: Mapping[str, Any]) -> str:
    """Return the method that passed and points best: by the lower end of its hit rate's interval, mean over findings.

    The interval resamples patients, so that neither a few lucky images nor many images of few patients make a default.

    Args:
        report: With ``rows`` and ``randomization``.
    """
    rates: dict[str, list[float]] = {}
    for row in report["rows"]:
        if report["randomization"].get(row["method"], {}).get("passed"):
            rates.setdefault(row["method"], []).append(_number(row["hit_low"]) + 1e-3 * _number(row["energy_inside"]))
    return max(rates, key=lambda name: float(np.mean(rates[name])), default="")


def _number(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0


def in_order(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as reports list them: the lesion map, then methods as they are registered."""
    order = [LESION_MAP.name, *METHODS]
    return sorted(rows, key=lambda row: order.index(row["method"]))


def summed_up(report: dict[str, Any], images: pd.DataFrame) -> dict[str, Any]:
    """Return a report whose intervals, numbers of images, verdicts and default are computed anew.

    Args:
        report: As it was written.
        images: Figures of single images with method and finding, of all rows.

    Raises:
        RecipeError: They are of other images than the rows.
    """
    rows = []
    for row in in_order(report["rows"]):
        own = images[(images["method"] == row["method"]) & (images["finding"] == row["finding"])]
        if len(own) != row["images"]:
            raise RecipeError(
                f"The report tells of {row['images']} images under {row['method']} on {row['finding']}, its file of "
                f"single images of {len(own)}. Measure the method again, with the run's folder."
            )
        rows.append({**row, **row_figures(own)})
    tested = {name: judged(entry["stages"]) for name, entry in report["randomization"].items()}
    tested = {name: tested[name] for name in METHODS if name in tested}
    result = {**report, "rows": rows, "randomization": tested}
    result["protocol"] = report["protocol"] | {"assumed_spread": SPREAD}
    return result | {"default": default_method(result)}
