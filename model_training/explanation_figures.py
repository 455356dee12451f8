"""Turn attributions of masked images into the figures of each image and of each shuffled network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model_training.explanation_sample import FoldNetworks, Sample
from model_training.explanation_summary import mean_interval
from strokeapp.inference.explanation.baselines import heads, smoothed
from strokeapp.inference.explanation.fidelity import finding_probability, infidelities, sensitivities
from strokeapp.inference.explanation.measured import LABELS_SHUFFLED
from strokeapp.inference.explanation.randomize import STAGES, shuffled
from strokeapp.inference.explanation.registry import Cost, Method, Part
from strokeapp.inference.explanation.shown import shown, strength
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.performance.saliency import (
    STEPS,
    curve_area,
    energy_inside,
    hits,
    overlap_at_best_cut,
    rank_correlation,
    removal_curves,
    structural_similarity,
)

CURVE_IMAGES, CURVE_PASSES = 12, 26
"""Images for deletion, insertion and infidelity, and forward passes of each."""
SENSITIVE_IMAGES, SENSITIVE_PASSES = {Cost.CHEAP: 6, Cost.MODERATE: 3, Cost.COSTLY: 2}, 3
SHUFFLED_IMAGES = {Cost.CHEAP: 8, Cost.MODERATE: 4, Cost.COSTLY: 4}
SHUFFLED_STAGES = {Cost.CHEAP: STAGES, Cost.MODERATE: STAGES[-1:], Cost.COSTLY: STAGES[-1:]}
"""The last decides; those before it are looked at where they cost little."""
CURVES = ("deletion", "insertion")


def place_figures(
    values: NDArray[np.float32], part: Part, sample: Sample, *, large: int
) -> tuple[dict[str, list[float]], float]:
    """Return the figures of every image that ask where its explanation lies, and the one cut that is best for all.

    Args:
        values: (n, rows, columns) as the method returns them.
        part: Of their sign that is shown.
        sample: Masks, pictures and patients.
        large: Pixels from which a lesion counts as large.

    Returns:
        Per name (n,) figures: patient as a number, hit, exact, large, iou at the cut, energy inside the lesion and
        outside the head.
    """
    masks = sample.masks
    # Shown values are cut at a percentile, so their highest is a plateau: pointing needs them before that.
    strong = strength(values, part)
    cut, overlap = overlap_at_best_cut(shown(values, part), masks)
    columns = {
        "patient": np.unique(sample.groups, return_inverse=True)[1],
        "hit": hits(strong, masks),
        "exact": hits(strong, masks, tolerance=0),
        "large": masks.sum((1, 2)) >= large,
        "iou": overlap,
        "energy_inside": energy_inside(strong, masks),
        "energy_outside_head": energy_inside(strong, ~heads(sample.batch).numpy()),
    }
    return {name: column.tolist() for name, column in columns.items()}, cut


def fidelity_figures(
    networks: FoldNetworks, sample: Sample, method: Method, values: NDArray[np.float32]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return deletion and insertion areas, infidelity and sensitivity of the first images, and the mean curves.

    Returns:
        Per name (n,) figures, nan for images that were not looked at; and per name the mean of the removal curves,
        (steps + 1,) probabilities at the shares of pixels of ``removal_shares``.
    """
    some, strong = sample.first(CURVE_IMAGES), strength(values[:CURVE_IMAGES], method.part)
    columns = {name: np.full(len(sample.rows), np.nan) for name in (*CURVES, "infidelity", "sensitivity")}
    curves = {name: np.zeros((len(some.rows), STEPS + 1)) for name in CURVES}
    for network, rows in networks.groups(some):
        pictures, asked = some.batch[rows], networks.asked(network)
        parts = (pictures[:, 0].numpy(), smoothed(pictures)[:, 0].numpy(), strong[rows])
        for name in CURVES:
            curves[name][rows] = removal_curves(
                finding_probability(asked, some.finding), *parts, insertion=name == "insertion"
            )
            columns[name][rows] = curve_area(curves[name][rows])
        raw = torch.from_numpy(values[rows])
        columns["infidelity"][rows] = infidelities(asked, pictures, raw, some.finding, slope=method.slope)
    few = sample.first(SENSITIVE_IMAGES[method.cost])
    for network, rows in networks.groups(few):
        columns["sensitivity"][rows] = sensitivities(network, few.batch[rows], method, few.finding)
    means = {name: curve.mean(0).tolist() for name, curve in curves.items()}
    return {name: column.tolist() for name, column in columns.items()}, means


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
    stages = {stage: shuffled(network, stage, few.batch) for stage in SHUFFLED_STAGES[method.cost]} | {
        LABELS_SHUFFLED: other
    }
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
    low, high = mean_interval(ranks, few.groups)
    spread = float(ranks.std(ddof=1)) if len(ranks) > 1 else float("nan")
    return {"rank_correlation": float(ranks.mean()), "low": low, "high": high, "spread": spread} | {
        "similarity": float(alike.mean()), "hit_rate": float(hits(strong, few.masks).mean())
    }  # fmt: skip
