"""Write tables and figures as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DASH = "–"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; bars inside cells are escaped.

    Args:
        header: Names of the columns.
        rows: Cells of each row, written with ``str``.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


@dataclass(frozen=True)
class Table:
    """Hold a table, to be written as Markdown or drawn on a page; without rows there is nothing to show.

    Args:
        header: Names of the columns.
        rows: Cells of each row, shown with ``str``.
        note: What stands below it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""

    def __bool__(self) -> bool:
        """Tell whether there is a row."""
        return bool(self.rows)

    def markdown(self) -> str:
        """Return the table and its note; an empty text without rows."""
        if not self.rows:
            return ""
        return markdown_table(self.header, self.rows) + (f"\n\n{self.note}" if self.note else "")


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
