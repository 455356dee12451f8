"""Print a shipped network's figures as a table, from its stored out-of-fold predictions."""

from __future__ import annotations

from strokeapp.models.markdown import figure_text, markdown_table, named_figure
from strokeapp.models.registry import Card
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.lesions import dice_table
from strokeapp.performance.predictions import read_predictions
from strokeapp.performance.summary import ALL, summarize

MEASURES = {"auc": "AUC", "recall": "recall", "specificity": "specificity", "precision": "precision"}
MEASURES |= {"f1": "F1", "accuracy": "accuracy"}
HEADER = ("finding", "images of", "n (positive, patients)", *MEASURES.values())


def figures_table(card: Card, *, n: int = RESAMPLES) -> str:
    """Return a Markdown table per finding and dataset, at the slice operating points, with 95 % intervals.

    Rows are given with presumed labels, and for all datasets also without them. A second table gives the overlap
    of lesion maps with drawn lesions, where there are any.

    Args:
        card: Of an installed network.
        n: Resamples of patients.

    Raises:
        PerformanceError: Its predictions are missing or damaged.
    """
    table = read_predictions(card.predictions)
    thresholds = {finding: settings.threshold for finding, settings in card.findings.items()}
    rows = []
    for row in summarize(table, thresholds, n=n).to_dict("records"):
        if not row["presumed"] and row["dataset"] != ALL:
            continue
        name = row["dataset"] if row["presumed"] else f"{row['dataset']}, presumed labels left out"
        counts = f"{row['images']} ({row['positives']}, {row['patients']})"
        rows.append((row["finding"], name, counts, *(named_figure(row, measure) for measure in MEASURES)))
    lesions = dice_table(table).to_dict("records")
    text = markdown_table(HEADER, rows)
    return f"{text}\n\n{_lesions(lesions)}" if lesions else text


def _lesions(rows: list[dict]) -> str:
    cells = [
        (row["dataset"], row["images"], figure_text(row["mean"]), figure_text(row["median"]), f"{row['missed']:.1%}")
        for row in rows
    ]
    return markdown_table(("lesion maps of", "images", "mean Dice", "median Dice", "Dice 0"), cells)
