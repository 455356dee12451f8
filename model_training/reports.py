"""Write a network's report: goals with measured figures, tables, card and methods section."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model_training.figures import figures_markdown
from model_training.goals import Evidence
from model_training.methods import methods_of
from strokeapp.errors import ModelError
from strokeapp.models.card_text import card_markdown, goals_table
from strokeapp.models.registry import Card
from strokeapp.performance.crossed import fold_thresholds
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.predictions import read_predictions
from strokeapp.performance.summary import summarize, to_records


def write_report(card: Card, folder: Path, *, n: int = RESAMPLES) -> tuple[Path, Path]:
    """Write ``MODEL.md`` and ``MODEL.json`` and return their paths.

    Args:
        card: Of an installed network, completed.
        folder: To write into; made if it is not there.
        n: Resamples of patients for the intervals.

    Raises:
        ModelError: The card was never completed, or lacks a fact.
        PerformanceError: The stored predictions are missing or damaged.
    """
    if "claim" not in card.raw or "goals" not in card.raw:
        raise ModelError(f"The card of {card.name} is not complete. Run: python -m model_training card {card.name}")
    evidence, methods = Evidence(card, read_predictions(card.predictions), n), methods_of(card, n=n)
    points = {
        finding.value: {"shipped": shipped, "folds": fold_thresholds(evidence.table, finding)}
        for finding, shipped in evidence.shipped.items()
    }
    record: dict[str, Any] = {
        "network": card.name,
        "version": card.version,
        "weights": card.weights_hash,
        "goals": card.raw["goals"],
        "operating_points": points,
        "figures": to_records(evidence.figures),
        "figures_at_shipped_points": to_records(summarize(evidence.table, evidence.shipped, n=n)),
        "card": dict(card.raw),
        "methods": methods,
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{card.name}.md", folder / f"{card.name}.json"
    paths[0].write_text(report_markdown(evidence, methods), encoding="utf-8")
    paths[1].write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return paths


def report_markdown(evidence: Evidence, methods: str) -> str:
    """Return the report as Markdown: goals, figures per dataset, card, methods.

    Args:
        evidence: Of a network whose card is completed.
        methods: From ``methods_of``.
    """
    card = evidence.card
    rest = {name: value for name, value in card.raw.items() if name != "goals"}
    parts = [
        f"# Report: {card.title} {card.version}",
        f"Written from the card and the stored out-of-fold predictions of `{card.name}` (weights "
        f"{card.weights_hash[:12]}). Intervals are 95 %, by resampling patients. A goal is met when the figure itself "
        "reaches it. Recall, specificity, precision, F1 and accuracy stand at operating points chosen on the other "
        "folds (external images: the shipped one), which the intervals hold still.",
        f"## Goals\n\n{goals_table(card.raw)}",
        f"## Figures per dataset\n\n{figures_markdown(evidence)}",
        _lowered(card_markdown(rest)),
        _lowered(methods),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _lowered(text: str) -> str:
    """Move headings one level down, so that a document becomes a part of another."""
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in text.splitlines())
