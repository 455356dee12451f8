"""Judge a shipped network out of fold from its weights, and lay that beside its stored predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from strokeapp.imaging.head_crop import crop
from strokeapp.imaging.network_input import SliceInput
from strokeapp.models.markdown import figure_text, markdown_table
from strokeapp.models.registry import Card, load_network
from strokeapp.performance.crossed import EXTERNAL
from strokeapp.performance.curves import auc
from strokeapp.performance.predictions import Sample, known, read_predictions
from strokeapp.performance.summary import ALL
from strokeapp.types import Finding

LEAST_MAP = 1e-4
"""Lesion maps are kept at half precision, in which a probability above 1 - 2e-4 is 1 and has no logit."""


def stored_folds(card: Card) -> dict[str, str]:
    """Return path to fold ("0", …, "external") of every image of a network's stored predictions.

    Raises:
        WeightsMissingError, WeightsHashError: A fold's weights were not kept, are not there, or are not the card's.
        PerformanceError: The stored predictions are missing or damaged.
    """
    table = read_predictions(card.predictions)
    for name in sorted(set(table["fold"]) - {EXTERNAL}):
        load_network(card, int(name))
    return dict(zip(table["path"], table["fold"], strict=True))


def fold_number(name: str) -> int | None:
    """Return which fold's network has not seen an image: None, the final one, for external images and new ones."""
    return None if name in ("", EXTERNAL) else int(name)


def map_logits(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the logits of lesion maps of any shape, cut off where half precision has none."""
    probability = np.clip(maps.astype(np.float32), LEAST_MAP, 1 - LEAST_MAP)
    return np.log(probability / (1 - probability))


def network_dice(logits: NDArray[np.float32], mask: NDArray[np.bool_], item: SliceInput, cut: float) -> float:
    """Return the Dice of lesion map and mask at the network's resolution, where training measured it.

    Args:
        logits: (rows, columns) of one finding's map over the slice's box.
        mask: (rows, columns) in the image's own frame.
        item: What the network read of the slice.
        cut: Probability from which a pixel of the map counts as lesion.

    Returns:
        nan where no lesion is left inside the box.
    """
    size = item.gray.shape
    drawn = crop(mask.astype(np.float32), item.box, size[0]) > 0.5
    whole = torch.nn.functional.interpolate(torch.from_numpy(logits)[None, None], size=size, mode="bilinear")
    lesion = whole[0, 0].sigmoid().numpy() > cut
    return float(2 * (lesion & drawn).sum() / (lesion.sum() + drawn.sum())) if drawn.any() else float("nan")


def compare_with_stored(result: pd.DataFrame, card: Card) -> dict[str, Any]:
    """Return how far predictions made from the weights are from the stored ones.

    Args:
        result: Predictions of one network as ``evaluate`` returns them; images that were not stored are left out.
        card: Of the network.

    Returns:
        images (compared) and stored (rows of the stored table); per finding the largest and the mean difference of
        probability, calls (that differ at the balanced operating point), and stored and reproduced AUC of all
        datasets and of each; per dataset the mean lesion Dice of either and their largest difference. Plain values.
    """
    stored = read_predictions(card.predictions)
    columns = [f"{finding.value}_probability" for finding in card.findings] + ["lesion_dice"]
    fresh = result.loc[result["model"] != "", ["path", *columns]]
    both = stored.merge(fresh, on="path", suffixes=("", "_reproduced"), validate="one_to_one")
    return {
        "images": len(both),
        "stored": len(stored),
        "findings": {finding.value: _finding_record(both, finding, card) for finding in card.findings},
        "lesion_dice": dict(_dice_records(both)),
    }


def _finding_record(both: pd.DataFrame, finding: Finding, card: Card) -> dict[str, Any]:
    name, threshold = f"{finding.value}_probability", card.findings[finding].threshold
    before, after = both[name].to_numpy(), both[f"{name}_reproduced"].to_numpy()
    gap = np.abs(after - before)
    return {
        "largest_difference": float(gap.max(initial=0.0)),
        "mean_difference": float(gap.mean()) if gap.size else 0.0,
        "calls": int(((before >= threshold) != (after >= threshold)).sum()),
        "auc": list(_areas(both, finding)),
    }


def _areas(both: pd.DataFrame, finding: Finding) -> Iterator[dict[str, Any]]:
    name = f"{finding.value}_probability"
    reproduced = both.assign(**{name: both[f"{name}_reproduced"]})
    for dataset in (ALL, *sorted(both["dataset"].unique())):
        inside = np.full(len(both), True) if dataset == ALL else (both["dataset"] == dataset).to_numpy()
        one, other = known(both[inside], finding), known(reproduced[inside], finding)
        if one.two_classes:
            yield {"dataset": dataset, "images": len(one.labels), "stored": _area(one), "reproduced": _area(other)}


def _area(sample: Sample) -> float:
    return auc(sample.labels, sample.scores)


def _dice_records(both: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    drawn = both.dropna(subset=["lesion_dice", "lesion_dice_reproduced"])
    for dataset, part in drawn.groupby("dataset"):
        before, after = part["lesion_dice"], part["lesion_dice_reproduced"]
        gap = float((after - before).abs().max())
        means = {"stored": float(before.mean()), "reproduced": float(after.mean())}
        yield str(dataset), {"images": len(part), **means, "largest_difference": gap}


def comparison_text(name: str, record: Mapping[str, Any]) -> str:
    """Return a network's comparison, from ``compare_with_stored``, as Markdown.

    Args:
        name: Of the network.
        record: Its comparison.
    """
    lines = [f"{name}: {record['images']} of {record['stored']} stored images read again by the network of their fold."]
    rows = []
    for finding, found in record["findings"].items():
        lines.append(
            f"{finding}: probabilities differ by {found['largest_difference']:.4f} at most, "
            f"{found['mean_difference']:.5f} in the mean; {found['calls']} calls differ at the balanced point."
        )
        rows += [(f"{finding} AUC", *_cells(row["dataset"], row)) for row in found["auc"]]
    for dataset, row in record["lesion_dice"].items():
        rows.append(("mean lesion Dice", *_cells(dataset, row)))
        lines.append(f"{dataset}: lesion Dice differs by {row['largest_difference']:.4f} at most.")
    table = markdown_table(("figure", "images of", "n", "stored", "reproduced"), rows)
    return "\n".join([*lines, "", table])


def _cells(dataset: str, row: Mapping[str, Any]) -> tuple[str, int, str, str]:
    return dataset, row["images"], figure_text(row["stored"], digits=4), figure_text(row["reproduced"], digits=4)
