"""Set headings, paragraphs, tables and figures on A4 pages, from top to bottom, and give them out as PDF.

All lengths are in millimeters, heights from the top of the page down.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image
from plotly.basedatatypes import BaseTraceType

from strokeapp.ui import theme
from strokeapp.ui.print_figure import PNG_DPI, draw
from strokeapp.ui.print_figure import SIZE as FIGURE_TEXT
from strokeapp.ui.print_table import TableLayout, lay_out
from strokeapp.ui.print_text import escaped, font, height_mm, width_mm, wrapped

WIDTH, HEIGHT, MARGIN, BOTTOM = 210.0, 297.0, 18.0, 20.0
INNER = WIDTH - 2 * MARGIN
TEXT, SMALL, CAPTION = 9.0, 7.5, 7.0
FIGURE_HEIGHT, GUTTER, INDENT = 60.0, 8.0, 13.0
RULE = "#dfe4e8"


@dataclass(frozen=True)
class Block:
    """Hold a figure or a table of half the page's width.

    Args:
        title: Above it.
        note: Below it.
        figure: From ``strokeapp.ui.charts``.
        table: In place of a figure; short enough for one page.
    """

    title: str
    note: str = ""
    figure: go.Figure | None = None
    table: pd.DataFrame | None = None


class Pages:
    """Fill pages; ``pdf`` gives them out.

    Args:
        footer: Left at the foot of every page; page numbers stand on the right.
    """

    def __init__(self, footer: str) -> None:
        self._footer = footer
        self._pages: list[Figure] = []
        self._new_page()

    def title(self, text: str) -> None:
        """Write the title of the document."""
        self._paragraph(text, 18.0, bold=True, gap=1.5)

    def heading(self, text: str, *, keep: float = 0.0) -> None:
        """Write a heading; it starts a new page where less than ``keep`` mm would be left below it."""
        height = height_mm(1, 12.5) + 6
        self._room(height + keep)
        if self._y > MARGIN:
            self._y += 4
        self._paragraph(text, 12.5, bold=True, gap=2)

    def paragraph(self, text: str) -> None:
        """Write plain text over the whole width."""
        self._paragraph(text, TEXT, gap=2)

    def note(self, text: str) -> None:
        """Write small gray text."""
        self._paragraph(text, CAPTION, tint=theme.PRINT_FAINT, gap=3)

    def warning(self, text: str) -> None:
        """Write text behind a bar, so that it is not overlooked."""
        lines = wrapped(text, INNER - 6, TEXT)
        height = height_mm(len(lines), TEXT)
        self._room(height + 5)
        page = self._pages[-1]
        page.add_artist(_box(MARGIN, self._y - 0.8, 1.2, height + 1.6, theme.PRINT_COLORS[theme.ORANGE]))
        self._lines(lines, MARGIN + 4, self._y, TEXT)
        self._y += height + 4

    def facts(self, facts: Sequence[tuple[str, str]], *, label_width: float = 38.0) -> None:
        """Write a list of labels and values."""
        for label, value in facts:
            lines = wrapped(value, INNER - label_width, TEXT)
            self._room(height_mm(len(lines), TEXT) + 0.8)
            self._lines([label], MARGIN, self._y, TEXT, tint=theme.PRINT_FAINT)
            self._lines(lines, MARGIN + label_width, self._y, TEXT)
            self._y += height_mm(len(lines), TEXT) + 0.8
        self._y += 2

    def table(self, title: str, table: pd.DataFrame, *, note: str = "") -> None:
        """Write a table over the whole width; its head is repeated where it runs over a page."""
        layout = lay_out(table, INNER, SMALL)
        self._room(height_mm(1, TEXT) + layout.head_height + sum(layout.row_heights[:2]) + 6)
        self._paragraph(title, TEXT, bold=True, gap=1.2)
        self._y = self._head(layout, MARGIN, self._y)
        below = height_mm(len(wrapped(note, INNER, CAPTION)), CAPTION) + 2 if note else 0.0
        for number, (cells, height) in enumerate(zip(layout.rows, layout.row_heights, strict=True), 1):
            # The last row and the note stay together.
            if self._y + height + (below if number == len(layout.rows) else 0) > HEIGHT - BOTTOM:
                self._new_page()
                self._y = self._head(layout, MARGIN, self._y)
            self._y = self._row(layout, cells, height, MARGIN, self._y)
        self._y += 2
        if note:
            self.note(note)
        self._y += 2

    def row(self, blocks: Sequence[Block]) -> None:
        """Set one or two blocks side by side, each with its title above and its note below, on one page."""
        width = (INNER - GUTTER) / 2
        titles = [wrapped(block.title, width, TEXT, bold=True) for block in blocks]
        notes = [wrapped(block.note, width, CAPTION) if block.note else [] for block in blocks]
        layouts = [None if block.table is None else lay_out(block.table, width, SMALL) for block in blocks]
        heights = [FIGURE_HEIGHT if layout is None else layout.height + 2 for layout in layouts]
        above = height_mm(max(map(len, titles)), TEXT) + 1
        ends = [above + height + height_mm(len(note), CAPTION) for height, note in zip(heights, notes, strict=True)]
        self._room(max(ends) + 5)
        for number, block in enumerate(blocks):
            left = MARGIN + number * (width + GUTTER)
            self._lines(titles[number], left, self._y, TEXT, bold=True)
            self._body(block, layouts[number], left, self._y + above, width)
            top = self._y + above + heights[number]
            self._lines(notes[number], left, top, CAPTION, tint=theme.PRINT_FAINT)
        self._y += max(ends) + 5

    def pdf(self, metadata: Mapping[str, object]) -> bytes:
        """Number the pages and return them.

        Args:
            metadata: Title, Subject and so on, as PDF names them.
        """
        buffer = io.BytesIO()
        with PdfPages(buffer, metadata=dict(metadata)) as book:
            for number, page in enumerate(self._pages, 1):
                self._foot(page, f"Page {number} of {len(self._pages)}")
                book.savefig(page)
        return buffer.getvalue()

    @property
    def sheets(self) -> tuple[Figure, ...]:
        """Return the pages so far."""
        return tuple(self._pages)

    def _new_page(self) -> None:
        self._pages.append(Figure(figsize=(WIDTH / 25.4, HEIGHT / 25.4), facecolor="white"))
        self._y = MARGIN

    def _room(self, height: float) -> None:
        if self._y + height > HEIGHT - BOTTOM and self._y > MARGIN:
            self._new_page()

    def _paragraph(
        self, text: str, size: float, *, bold: bool = False, tint: str = theme.PRINT_TEXT, gap: float
    ) -> None:
        for line in wrapped(text, INNER, size, bold=bold):
            self._room(height_mm(1, size))
            self._lines([line], MARGIN, self._y, size, bold=bold, tint=tint)
            self._y += height_mm(1, size)
        self._y += gap

    def _lines(
        self,
        lines: Sequence[str],
        x: float,
        y: float,
        size: float,
        *,
        bold: bool = False,
        tint: str = theme.PRINT_TEXT,
        page: Figure | None = None,
        right: bool = False,
    ) -> None:
        for number, line in enumerate(lines):
            (page or self._pages[-1]).text(
                x / WIDTH, 1 - (y + height_mm(number, size)) / HEIGHT, escaped(line), va="top",
                ha="right" if right else "left", color=tint, fontproperties=font(size, bold=bold),
            )  # fmt: skip

    def _body(self, block: Block, layout: TableLayout | None, left: float, top: float, width: float) -> None:
        if layout is not None:
            y = self._head(layout, left, top)
            for cells, height in zip(layout.rows, layout.row_heights, strict=True):
                y = self._row(layout, cells, height, left, y)
        elif block.figure is not None:
            self._chart(block.figure, left, top, width)

    def _chart(self, figure: go.Figure, left: float, top: float, width: float) -> None:
        names = [str(name) for trace in figure.data if _named(trace) for name in trace.y]
        indent = max([INDENT, *(width_mm(name, FIGURE_TEXT) + 3 for name in names)])
        titled = bool(figure.layout.xaxis.title.text)
        inner = FIGURE_HEIGHT - 6 - (11 if titled else 2)
        box = (left + indent, top + 6, width - indent - 2, inner)
        place = (box[0] / WIDTH, 1 - (box[1] + box[3]) / HEIGHT, box[2] / WIDTH, box[3] / HEIGHT)
        draw(figure, self._pages[-1].add_axes(place))

    def _head(self, layout: TableLayout, left: float, y: float) -> float:
        """Draw the head of a table; return where its first row starts."""
        self._rule(left, layout.width, y, theme.PRINT_TEXT, 0.9)
        return self._row(layout, layout.head, layout.head_height, left, y, bold=True, tint=theme.PRINT_TEXT)

    def _row(
        self,
        layout: TableLayout,
        cells: Sequence[Sequence[str]],
        height: float,
        left: float,
        y: float,
        *,
        bold: bool = False,
        tint: str = RULE,
    ) -> float:
        """Draw one row of a table; return where the next one starts."""
        for offset, lines in zip(layout.lefts, cells, strict=True):
            self._lines(lines, left + offset, y + 1.1, SMALL, bold=bold)
        self._rule(left, layout.width, y + height, tint, 0.6)
        return y + height

    def _rule(self, left: float, length: float, y: float, tint: str, width: float) -> None:
        height = 1 - y / HEIGHT
        ends = [left / WIDTH, (left + length) / WIDTH]
        page = self._pages[-1]
        page.add_artist(Line2D(ends, [height, height], color=tint, linewidth=width, transform=page.transFigure))

    def _foot(self, page: Figure, number: str) -> None:
        y = HEIGHT - 12
        self._lines([self._footer], MARGIN, y, CAPTION, tint=theme.PRINT_FAINT, page=page)
        self._lines([number], WIDTH - MARGIN, y, CAPTION, tint=theme.PRINT_FAINT, page=page, right=True)


def table_png(title: str, table: pd.DataFrame, *, note: str = "") -> bytes:
    """Return a table as one PNG on white, as wide as a page's text, title above and note below.

    Args:
        title: Above it.
        table: As it is to be read.
        note: What must be said with it.
    """
    pages = Pages("")
    pages.table(title, table, note=note)
    parts = []
    for sheet in pages.sheets:
        buffer = io.BytesIO()
        FigureCanvasAgg(sheet).print_figure(buffer, dpi=PNG_DPI, format="png", bbox_inches="tight", pad_inches=0.1)
        parts.append(Image.open(buffer).convert("RGB"))
    whole = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    buffer = io.BytesIO()
    whole.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _named(trace: BaseTraceType) -> bool:
    """Tell whether a trace writes names, not numbers, beside its vertical axis."""
    return trace.type == "heatmap" or (trace.type == "bar" and trace.orientation == "h")


def _box(x: float, y: float, width: float, height: float, tint: str) -> Rectangle:
    corner = (x / WIDTH, 1 - (y + height) / HEIGHT)
    return Rectangle(corner, width / WIDTH, height / HEIGHT, color=tint, linewidth=0)
