"""Write tables and figures as Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DASH = "–"
_BAR = re.compile(r"(?<!\\) \| ")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; bars inside cells are escaped.

    Args:
        header: Names of the columns.
        rows: Cells of each row, written with ``str``.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def table_cells(text: str) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns and the rows of a table that ``markdown_table`` wrote."""
    header, _, *rows = ([cell.replace("\\|", "|") for cell in _BAR.split(line[2:-2])] for line in text.splitlines())
    return header, rows


def figure_text(value: float | None, low: float | None = None, high: float | None = None, *, digits: int = 3) -> str:
    """Return ``0.910 (0.870–0.948)``; without an interval ``0.910``; a dash where the figure is not defined."""
    if not _finite(value):
        return DASH
    text = f"{value:.{digits}f}"
    return f"{text} ({low:.{digits}f}–{high:.{digits}f})" if _finite(low) and _finite(high) else text


def named_figure(row: Mapping[str, Any], name: str, *, digits: int = 3) -> str:
    """Return the figure ``name`` of a row with its ``_low`` and ``_high``; a dash where it is not there."""
    return figure_text(row.get(name), row.get(f"{name}_low"), row.get(f"{name}_high"), digits=digits)


def _finite(value: float | None) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
