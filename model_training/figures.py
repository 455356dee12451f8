"""Print a shipped network's figures as a table, from its stored out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from model_training.goals import Evidence
from strokeapp.models.markdown import DASH, figure_text, markdown_table, named_figure
from strokeapp.models.registry import Card
from strokeapp.performance.crossed import CHOSEN_ELSEWHERE, CHOSEN_HERE, fold_thresholds
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.lesions import dice_table
from strokeapp.performance.predictions import read_predictions

MEASURES = {"auc": "AUC", "recall": "recall", "specificity": "specificity", "precision": "precision"}
MEASURES |= {"f1": "F1", "accuracy": "accuracy"}
HEADER = ("finding", "images of", "n (positive, patients)", *MEASURES.values())
LEFT_OUT = "presumed labels left out"


def figures_table(card: Card, *, n: int = RESAMPLES) -> str:
    """Return a Markdown table per finding and dataset with 95 % intervals; see ``figures_markdown``.

    Args:
        card: Of an installed network.
        n: Resamples of patients.

    Raises:
        PerformanceError: Its predictions are missing or damaged.
    """
    return figures_markdown(Evidence(card, read_predictions(card.predictions), n))


def figures_markdown(evidence: Evidence) -> str:
    """Return a Markdown table per finding and dataset, at slice operating points chosen on the other folds.

    Where labels are presumed a second row leaves them out, for all datasets and for each. A second table gives the
    overlap of lesion maps with drawn lesions, where there are any.

    Args:
        evidence: Of the network.
    """
    rows = [
        (row["finding"], row["name"], f"{row['images']} ({row['positives']}, {row['patients']})")
        + tuple(named_figure(row, measure) for measure in MEASURES)
        for row in with_and_without(evidence.figures)
    ]
    lesions = dice_table(evidence.table).to_dict("records")
    parts = [markdown_table(HEADER, rows), _points(evidence)]
    return "\n\n".join([*parts, _lesions(lesions)] if lesions else parts)


def with_and_without(figures: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield every selection with presumed labels, and after it the one without where that is another.

    Args:
        figures: As ``summarize`` returns it.

    Yields:
        Rows with a name; without any figure where every label is presumed.
    """
    rows = {(row["finding"], row["dataset"], row["presumed"]): row for row in figures.to_dict("records")}
    for (finding, dataset, presumed), row in rows.items():
        if not presumed:
            continue
        yield row | {"name": dataset}
        read = rows.get((finding, dataset, False), {"finding": finding, "images": 0, "positives": 0, "patients": 0})
        if read["images"] != row["images"]:
            yield read | {"name": f"{dataset}, {LEFT_OUT}"}


def _points(evidence: Evidence) -> str:
    """Return the operating points behind the table."""
    cells = []
    for finding, shipped in evidence.shipped.items():
        chosen = fold_thresholds(evidence.table, finding)
        folds = ", ".join(f"{value:.3f}" for value in chosen.values()) or DASH
        cells.append((finding.value, figure_text(shipped), folds, CHOSEN_ELSEWHERE if chosen else CHOSEN_HERE))
    header = ("finding", "shipped operating point", "that of each fold", "figures above at the")
    return markdown_table(header, cells)


def _lesions(rows: list[dict]) -> str:
    cells = [
        (row["dataset"], row["images"], figure_text(row["mean"]), figure_text(row["median"]), f"{row['missed']:.1%}")
        for row in rows
    ]
    return markdown_table(("lesion maps of", "images", "mean Dice", "median Dice", "Dice 0"), cells)
