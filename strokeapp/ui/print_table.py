"""Find column widths and row heights of a printed table so that no cell is cut."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from strokeapp.ui.print_text import height_mm, width_mm, wrapped

PAD = 2.0
"""Between columns, in mm."""
ROW_PAD = 2.2


@dataclass(frozen=True)
class TableLayout:
    """Hold a table broken into lines.

    Args:
        lefts: (columns,) left edge of each column in mm.
        head: (columns,) lines of each column's name.
        rows: (rows, columns) lines of each cell.
        head_height: In mm.
        row_heights: (rows,) in mm.
        width: Of the whole table in mm.
    """

    lefts: tuple[float, ...]
    head: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[tuple[str, ...], ...], ...]
    head_height: float
    row_heights: tuple[float, ...]
    width: float

    @property
    def height(self) -> float:
        """Return the height of the whole table in mm."""
        return self.head_height + sum(self.row_heights)


def lay_out(table: pd.DataFrame, width: float, size: float) -> TableLayout:
    """Break a table into lines; narrow columns keep what they need, the others share what is left.

    Args:
        table: Whole numbers get a thousands separator, everything else is written as it is.
        width: Of the whole table in mm.
        size: Of the text in points.
    """
    head = [str(name) for name in table.columns]
    rows = [[_written(cell) for cell in row] for row in table.itertuples(index=False)]
    widths = _widths(head, rows, width, size)
    broken_head = _broken(head, widths, size, bold=True)
    broken = tuple(_broken(row, widths, size) for row in rows)
    lefts = tuple(sum(widths[:number]) for number in range(len(widths)))
    heights = tuple(_height(row, size) for row in broken)
    return TableLayout(lefts, broken_head, broken, _height(broken_head, size), heights, width)


def _written(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _broken(cells: list[str], widths: list[float], size: float, *, bold: bool = False) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(wrapped(cell, w - PAD, size, bold=bold)) for cell, w in zip(cells, widths, strict=True))


def _height(cells: tuple[tuple[str, ...], ...], size: float) -> float:
    return height_mm(max(len(lines) for lines in cells), size) + ROW_PAD


def _widths(head: list[str], rows: list[list[str]], width: float, size: float) -> list[float]:
    """Share the width: every column gets its longest word, then what its longest cell asks for, as far as it goes."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(head)
    wishes, needs = [], []
    for name, cells in zip(head, columns, strict=True):
        words = [word for cell in cells for word in cell.split()]
        wide = [width_mm(name, size, bold=True), *(width_mm(cell, size) for cell in cells)]
        least = [*(width_mm(w, size, bold=True) for w in name.split()), *(width_mm(word, size) for word in words)]
        wishes.append(max(wide) + PAD + 0.1)
        needs.append(max(least, default=0) + PAD + 0.1)
    if sum(wishes) <= width:
        spare = (width - sum(wishes)) / len(wishes)
        return [wish + spare for wish in wishes]
    if sum(needs) >= width:
        return [need * width / sum(needs) for need in needs]
    more = [wish - need for wish, need in zip(wishes, needs, strict=True)]
    share = (width - sum(needs)) / sum(more)
    return [need + share * extra for need, extra in zip(needs, more, strict=True)]
