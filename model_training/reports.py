"""Write a network's report: goals with measured figures, tables, card and methods section."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from model_training.figures import figures_markdown
from model_training.goals import Evidence
from model_training.methods import methods_of
from strokeapp.errors import ModelError
from strokeapp.models.card_text import card_markdown, goals_table
from strokeapp.models.markdown import figure_text, markdown_table, named_figure
from strokeapp.models.registry import Card
from strokeapp.performance.abstaining import RULES, held_out_note, read_coverage, unlike_note
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
    abstaining = read_coverage(card.folder)
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
    } | ({} if abstaining is None else {"abstaining": abstaining})
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{card.name}.md", folder / f"{card.name}.json"
    paths[0].write_text(report_markdown(evidence, methods), encoding="utf-8")
    paths[1].write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return paths


def report_markdown(evidence: Evidence, methods: str) -> str:
    """Return the report as Markdown: goals, figures per dataset, abstaining where it is measured, card, methods.

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
        f"## Goals\n\n{goals_table(card.raw).markdown()}",
        f"## Figures per dataset\n\n{figures_markdown(evidence)}",
        abstaining_markdown(read_coverage(card.folder)),
        _lowered(card_markdown(rest)),
        _lowered(methods),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def abstaining_markdown(content: Mapping[str, Any] | None) -> str:
    """Return the section on abstaining: error against coverage, and what is stopped of unlike inputs.

    Args:
        content: From ``read_coverage``; None gives an empty text.
    """
    if content is None:
        return ""
    errors = pd.DataFrame(content["errors"])
    lines = [
        [finding, f"{coverage:.0%}", f"{part['images'].iloc[0]:,}", *(_error(part, rule) for rule in RULES)]
        for (finding, coverage), part in errors.groupby(["finding", "coverage"], sort=False)
    ]
    kinds = [
        [row["kind"], row["images"], *(figure_text(row[name], digits=2) for name in ("familiarity", "flags", "either"))]
        for row in content["unlike"]
    ]
    parts = [
        "## Abstaining",
        held_out_note(content),
        "Error of the images that are read, out of fold, when the others are left out:",
        markdown_table(["finding", "read", "n", *(name.lower() for name in RULES.values())], lines),
        f"Share stopped. {unlike_note(content)}",
        markdown_table(["input", "n", "unfamiliar", "suitability", "either"], kinds),
    ]
    return "\n\n".join(parts)


def _error(part: pd.DataFrame, rule: str) -> str:
    (row,) = part[part["rule"] == rule].to_dict("records")
    return named_figure(row, "error")


def _lowered(text: str) -> str:
    """Move headings one level down, so that a document becomes a part of another."""
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in text.splitlines())
