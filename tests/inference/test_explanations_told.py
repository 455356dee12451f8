"""docs/explanations.md says of every network and method whether it passed, as the files beside the weights do."""

from __future__ import annotations

from pathlib import Path

import pytest

from strokeapp.inference.explanation.measured import ALL_SHUFFLED, LABELS_SHUFFLED, PASSED, Measured, measured
from strokeapp.inference.explanation.registry import METHODS
from strokeapp.models.registry import Card, installed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanations.md"


def told(card: Card, figures: Measured) -> list[str]:
    """Write the rows of a network: the largest correlations over its findings, the verdict, and what follows."""
    rows = []
    for name in METHODS:
        verdict = figures.verdicts[name]
        ends = " | ".join(correlation(figures, name, stage) for stage in (ALL_SHUFFLED, LABELS_SHUFFLED))
        verdict = verdict if verdict == PASSED else f"**{verdict}**"
        rows.append(f"| `{card.name}` {figures.version} | `{name}` | {ends} | {verdict} |")
    return rows


def correlation(figures: Measured, name: str, stage: str) -> str:
    """Write the correlation farthest from 0 over the findings, with its standard error and number of images."""
    found = [row for (method, _, at), row in figures.shuffled.items() if (method, at) == (name, stage)]
    row = max(found, key=lambda row: abs(row["rank_correlation"]))
    value = f"{abs(row['rank_correlation']):.2f}"
    return f"{value} ± {row['standard_error']:.2f} ({row['images']})"


@pytest.mark.parametrize("card", installed(), ids=lambda card: card.name)
def test_the_page_tells_what_was_measured_of_the_installed_networks(card: Card) -> None:
    figures = measured(card.folder)
    if figures is None:
        assert f"| `{card.name}` " not in PAGE.read_text(encoding="utf-8"), "the page tells what was not measured"
        return
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith(f"| `{card.name}` ")]
    expected = told(card, figures)
    assert found == expected, "Write into docs/explanations.md:\n" + "\n".join(expected)
