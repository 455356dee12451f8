"""Turn attributions of masked images into the figures of one row of the report."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from model_training.explanation_sample import FoldNetworks, Sample
from strokeapp.inference.explanation.baselines import heads, smoothed
from strokeapp.inference.explanation.fidelity import infidelities, sensitivities
from strokeapp.inference.explanation.randomize import STAGES, shuffled
from strokeapp.inference.explanation.registry import Cost, Method, Part
from strokeapp.inference.explanation.shown import shown, strength
from strokeapp.inference.explanation.target import FindingLogits, channel
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.performance.intervals import Interval, patient_draws, percentile_interval, wilson
from strokeapp.performance.saliency import (
    curve_area,
    energy_inside,
    hits,
    overlap_at_best_cut,
    rank_correlation,
    removal_curves,
    structural_similarity,
)
from strokeapp.types import Finding

CURVE_IMAGES, CURVE_PASSES = 12, 26
"""Images for deletion, insertion and infidelity, and forward passes of each."""
SENSITIVE_IMAGES, SENSITIVE_PASSES = {Cost.CHEAP: 6, Cost.MODERATE: 3, Cost.COSTLY: 2}, 3
SHUFFLED_IMAGES = {Cost.CHEAP: 8, Cost.MODERATE: 4, Cost.COSTLY: 4}
SHUFFLED_STAGES = {Cost.CHEAP: STAGES, Cost.MODERATE: STAGES[-1:], Cost.COSTLY: STAGES[-1:]}
"""The last decides; those before it are looked at where they cost little."""
LABELS = "labels"
"""The stage at which a network has learnt shuffled labels."""


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


def _with_interval(name: str, values: ArrayLike, groups: ArrayLike) -> dict[str, float]:
    low, high = mean_interval(values, groups)
    values = np.asarray(values, dtype=np.float64)
    known = values[np.isfinite(values)]
    return {name: float(known.mean()) if known.size else float("nan"), f"{name}_low": low, f"{name}_high": high}


def place_figures(values: NDArray[np.float32], part: Part, sample: Sample, *, large: int) -> dict[str, Any]:
    """Return the figures that ask where an explanation lies.

    Args:
        values: (n, rows, columns) as the method returns them.
        part: Of their sign that is shown.
        sample: Masks, pictures and patients.
        large: Pixels from which a lesion counts as large.

    Returns:
        Among them ``hit``, one bool per image.
    """
    masks, groups = sample.masks, sample.groups
    # Shown values are cut at a percentile, so their highest is a plateau: pointing needs them before that.
    strong = strength(values, part)
    hit, exact = hits(strong, masks), hits(strong, masks, tolerance=0)
    big = masks.sum((1, 2)) >= large
    cut, overlap = overlap_at_best_cut(shown(values, part), masks)
    low, high = mean_interval(hit, groups)
    result = {"images": len(hit), "patients": len(np.unique(groups)), "hits": int(hit.sum()), "hit": hit.tolist()}
    result |= {"hit_rate": float(hit.mean()), "hit_low": low, "hit_high": high, "exact_rate": float(exact.mean())}
    result |= {"large_images": int(big.sum()), "large_hits": int(hit[big].sum()), "cut": cut}
    result |= _with_interval("iou", overlap, groups)
    result |= _with_interval("energy_inside", energy_inside(strong, masks), groups)
    outside = ~heads(sample.batch).numpy()
    return result | {"energy_outside_head": float(np.nanmean(energy_inside(strong, outside)))}


def fidelity_figures(
    networks: FoldNetworks, sample: Sample, method: Method, values: NDArray[np.float32]
) -> dict[str, float]:
    """Return deletion and insertion areas, infidelity and sensitivity, on the first images."""
    some, strong = sample.first(CURVE_IMAGES), strength(values[:CURVE_IMAGES], method.part)
    areas: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ("deletion", "insertion", "infidelity")}
    for network, rows in networks.groups(some):
        pictures, asked = some.batch[rows], networks.asked(network)
        parts = (pictures[:, 0].numpy(), smoothed(pictures)[:, 0].numpy(), strong[rows])
        for name in ("deletion", "insertion"):
            curves = removal_curves(_probability(asked, some.finding), *parts, insertion=name == "insertion")
            areas[name].append(curve_area(curves))
        raw = torch.from_numpy(values[rows])
        areas["infidelity"].append(infidelities(asked, pictures, raw, some.finding, slope=method.slope))
    figures = {name: float(np.concatenate(parts).mean()) for name, parts in areas.items()}
    few = sample.first(SENSITIVE_IMAGES[method.cost])
    changes = [sensitivities(n, few.batch[rows], method, few.finding) for n, rows in networks.groups(few)]
    return figures | {"sensitivity": float(np.concatenate(changes).mean())}


def _probability(network: nn.Module, finding: Finding):
    model = FindingLogits(network)

    @torch.no_grad()
    def score(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
        batch = torch.from_numpy(np.ascontiguousarray(pictures[:, None]))
        return model(batch)[:, channel(finding)].sigmoid().double().numpy()

    return score


def randomization_figures(
    networks: FoldNetworks,
    sample: Sample,
    method: Method,
    values: NDArray[np.float32],
    *,
    fold: int,
    other: SliceNetwork,
) -> list[dict[str, Any]]:
    """Return, per stage of shuffled weights and for shuffled labels, how much of the explanation stays the same.

    Args:
        networks: Of the run.
        sample: Images.
        method: That explained them.
        values: (n, rows, columns) raw attributions by the networks as they are.
        fold: Whose network is shuffled; it never saw the images that are looked at.
        other: The network that learnt shuffled labels.
    """
    places = np.flatnonzero(sample.folds == fold)[: SHUFFLED_IMAGES[method.cost]]
    few, network = sample.at(places), networks.of(fold)
    if not len(places):
        return []
    stages = {stage: shuffled(network, stage, few.batch) for stage in SHUFFLED_STAGES[method.cost]} | {LABELS: other}
    return [
        {"stage": stage, "finding": few.finding.value, "images": len(places)}
        | _agreement(few, method, values[places], method.attribute(changed, few.batch, few.finding).numpy())
        for stage, changed in stages.items()
    ]


def _agreement(
    few: Sample, method: Method, trained: NDArray[np.float32], values: NDArray[np.float32]
) -> dict[str, float]:
    """Return how alike two explanations are, and how often the second still points into the lesion."""
    strong = strength(values, method.part)
    ranks = rank_correlation(strength(trained, method.part), strong, heads(few.batch).numpy())
    alike = structural_similarity(shown(trained, method.part), shown(values, method.part))
    return {"rank_correlation": float(ranks.mean()), "similarity": float(alike.mean())} | {
        "hit_rate": float(hits(strong, few.masks).mean())
    }
