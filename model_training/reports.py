"""Write a network's report: goals with measured figures, tables, card and methods section."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_training.figures import figures_table
from model_training.goals import Evidence, GoalRow, goal_rows
from model_training.methods import methods_of
from strokeapp.errors import ModelError
from strokeapp.models.card_text import card_markdown
from strokeapp.models.markdown import DASH, figure_text, markdown_table
from strokeapp.models.registry import Card
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.predictions import read_predictions
from strokeapp.performance.summary import summarize, to_records

MET = {True: "met", False: "not met", None: DASH}


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
    if "claim" not in card.raw:
        raise ModelError(f"The card of {card.name} is not complete. Run: python -m model_training card {card.name}")
    table = read_predictions(card.predictions)
    goals, methods = goal_rows(Evidence(card, table, n)), methods_of(card, n=n)
    thresholds = {finding: settings.threshold for finding, settings in card.findings.items()}
    record: dict[str, Any] = {
        "network": card.name,
        "version": card.version,
        "weights": card.weights_hash,
        "goals": [row.record() for row in goals],
        "figures": to_records(summarize(table, thresholds, n=n)),
        "card": dict(card.raw),
        "methods": methods,
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{card.name}.md", folder / f"{card.name}.json"
    paths[0].write_text(report_markdown(card, goals, methods, n=n), encoding="utf-8")
    paths[1].write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return paths


def report_markdown(card: Card, goals: Sequence[GoalRow], methods: str, *, n: int = RESAMPLES) -> str:
    """Return the report as Markdown: goals, figures per dataset, card, methods.

    Args:
        card: Completed.
        goals: From ``goal_rows``.
        methods: From ``methods_of``.
        n: Resamples of patients.
    """
    parts = [
        f"# Report: {card.title} {card.version}",
        f"Written from the card and the stored out-of-fold predictions of `{card.name}` (weights "
        f"{card.weights_hash[:12]}). Intervals are 95 %, by resampling patients. A goal is met when the figure itself "
        "reaches it.",
        f"## Goals\n\n{goals_table(goals)}",
        f"## Figures per dataset\n\n{figures_table(card, n=n)}",
        _lowered(card_markdown(card.raw)),
        _lowered(methods),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def goals_table(goals: Sequence[GoalRow]) -> str:
    """Return the goals as a Markdown table."""
    rows = []
    for goal in goals:
        item = goal.record()
        target = f"{item['rule']} {item['goal']:g}" if item["goal"] is not None else "reported"
        measured = figure_text(item["value"], item["low"], item["high"])
        rows.append((item["what"], target, measured, item["n"] or DASH, MET[item["met"]], item["note"]))
    return markdown_table(("what", "goal", "measured", "n", "", "remark"), rows)


def _lowered(text: str) -> str:
    """Move headings one level down, so that a document becomes a part of another."""
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in text.splitlines())
