"""Draw figures and tables with their downloads, and remember them for the page's own download."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from strokeapp.ui import charts
from strokeapp.ui.downloads import csv_bytes

NO_BREAK_DASH = "\N{WORD JOINER}–\N{WORD JOINER}"
WHOLE, HALF = 1.0, 0.5
QUIET = {"type": "tertiary", "icon": ":material/download:", "on_click": "ignore"}
"""How a button looks that saves one figure or table."""


@dataclass(frozen=True)
class Exhibit:
    """Hold one figure or table of a page.

    Args:
        name: Short, for file names; unique on the page.
        title: As written above it.
        numbers: Behind it, unrounded, for CSV.
        figure: As drawn; None for a table.
        shown: The table as written on the page; None for a figure.
        note: What must be said with it.
        section: Heading under which it stands; empty where it stays under the one before.
        width: Share of the printed page's width.
    """

    name: str
    title: str
    numbers: pd.DataFrame
    figure: go.Figure | None = None
    shown: pd.DataFrame | None = None
    note: str = ""
    section: str = ""
    width: float = WHOLE


@dataclass
class Exhibits:
    """Collect what a page shows, in order.

    Args:
        stem: Start of every file name.
    """

    stem: str
    items: list[Exhibit] = field(default_factory=list)
    _section: str = ""

    def section(self, title: str) -> None:
        """Write a heading; the next exhibit carries it into print."""
        st.subheader(title, anchor=False)
        self._section = title

    def chart(
        self,
        place: DeltaGenerator,
        name: str,
        title: str,
        figure: go.Figure,
        numbers: pd.DataFrame,
        *,
        detail: str = "",
        note: str = "",
    ) -> None:
        """Draw a figure under its title, with buttons for its numbers (CSV) and its picture (PNG).

        Args:
            place: Where.
            name: See ``Exhibit``.
            title: Written in bold.
            figure: From ``strokeapp.ui.charts``.
            numbers: Behind it.
            detail: Written after the title.
            note: Caption below.
        """
        whole = f"{title} · {detail}" if detail else title
        self._keep(Exhibit(name, whole, numbers, figure=figure, note=note, width=HALF))
        self._buttons(_title_bar(place, title, detail))
        place.plotly_chart(
            figure, width="stretch", config=charts.config(f"{self.stem}-{name}"), alt=whole, key=f"chart_{name}"
        )
        if note:
            place.caption(note)

    def table(
        self,
        place: DeltaGenerator,
        name: str,
        title: str,
        shown: pd.DataFrame,
        numbers: pd.DataFrame,
        *,
        note: str = "",
        width: float = WHOLE,
    ) -> None:
        """Write a small table under its title, with buttons for its numbers (CSV) and its picture (PNG).

        Args:
            place: Where.
            name: See ``Exhibit``.
            title: Written in bold.
            shown: As it is to be read.
            numbers: The same, unrounded.
            note: Caption below.
            width: See ``Exhibit``.
        """
        self._keep(Exhibit(name, title, numbers, shown=shown, note=note, width=width))
        self._buttons(_title_bar(place, title, ""))
        place.table(written(shown), border="horizontal", hide_index=True)
        if note:
            place.caption(note)

    def listed(self, place: DeltaGenerator, exhibit: Exhibit) -> None:
        """Write title and buttons of an exhibit whose body the page draws in its own way."""
        self._keep(exhibit)
        self._buttons(_title_bar(place, exhibit.title, ""))

    def remember(self, exhibit: Exhibit) -> None:
        """Keep what the page draws in its own way, for the downloads of the whole page."""
        self._keep(exhibit)

    def annotate(self, note: str) -> None:
        """Add to what must be said with the last exhibit, where the page says it elsewhere."""
        self.items[-1] = replace(self.items[-1], note=f"{self.items[-1].note} {note}".strip())

    def _keep(self, exhibit: Exhibit) -> None:
        self.items.append(replace(exhibit, section=self._section))
        self._section = ""

    def _buttons(self, bar: DeltaGenerator) -> None:
        """Offer the last exhibit's numbers, and its picture where it can be drawn."""
        exhibit = self.items[-1]
        file = f"{self.stem}-{exhibit.name}"
        bar.download_button(
            "CSV", partial(csv_bytes, exhibit.numbers), f"{file}.csv", "text/csv",
            key=f"download_{exhibit.name}_csv", **QUIET,
        )  # fmt: skip
        if exhibit.figure is not None or exhibit.shown is not None:
            bar.download_button(
                "PNG", partial(_png, exhibit), f"{file}.png", "image/png",
                key=f"download_{exhibit.name}_png", **QUIET,
            )  # fmt: skip


def _png(exhibit: Exhibit) -> bytes:
    # Matplotlib takes a while to import; the page needs none of it.
    if exhibit.figure is not None:
        from strokeapp.ui.print_figure import figure_png

        return figure_png(exhibit.figure)
    from strokeapp.ui.print_pages import table_png

    return table_png(exhibit.title, exhibit.shown, note=exhibit.note)


def _title_bar(place: DeltaGenerator, title: str, detail: str) -> DeltaGenerator:
    """Write a title and return the place beside it; where it is narrow the title breaks, not the row of buttons."""
    bar = place.container(horizontal=True, vertical_alignment="center", gap="small")
    bar.container(width="stretch").markdown(f"**{title}** · {detail}" if detail else f"**{title}**")
    return bar.container(horizontal=True, width="content", gap="small")


def written(shown: pd.DataFrame) -> pd.DataFrame:
    """Write whole numbers with a thousands separator; intervals stand back in gray and do not break."""
    cells = shown.map(lambda cell: f"{cell:,}" if isinstance(cell, int) else str(cell))
    cells = cells.replace(r" (\([−\d][^()]*\))$", r" :gray[\1]", regex=True)
    return cells.replace("–(?=.)", NO_BREAK_DASH, regex=True)
