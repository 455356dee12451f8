"""Print a shipped network's figures as a table, from its stored out-of-fold predictions."""

from __future__ import annotations

import math

import pandas as pd

from strokeapp.models.registry import Card
from strokeapp.performance.lesions import dice_table
from strokeapp.performance.predictions import read_predictions
from strokeapp.performance.summary import summarize

HEADER = (
    "| finding | images of | n (positive, patients) | AUC | recall | specificity | precision | F1 | accuracy |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
MEASURES = ("auc", "recall", "specificity", "precision", "f1", "accuracy")


def _cell(row: pd.Series, name: str) -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if math.isnan(low) else f"{value:.3f} ({low:.3f}–{high:.3f})"


def figures_table(card: Card) -> str:
    """Return a Markdown table per finding and dataset, at the slice operating points, with 95 % intervals.

    Rows are given with presumed labels, and for all datasets also without them.

    Args:
        card: Of an installed network.

    Raises:
        PerformanceError: Its predictions are missing or damaged.
    """
    table = read_predictions(card.predictions)
    summary = summarize(table, {finding: settings.threshold for finding, settings in card.findings.items()})
    lines = [HEADER]
    for _, row in summary.iterrows():
        if not row["presumed"] and row["dataset"] != "all":
            continue
        name = row["dataset"] if row["presumed"] else f"{row['dataset']}, presumed labels left out"
        counts = f"{row['images']} ({row['positives']}, {row['patients']})"
        cells = " | ".join(_cell(row, measure) for measure in MEASURES)
        lines.append(f"| {row['finding']} | {name} | {counts} | {cells} |")
    lesions = dice_table(table)
    return "\n".join(lines) if lesions.empty else "\n".join(lines) + "\n\n" + lesions.to_string(index=False)
