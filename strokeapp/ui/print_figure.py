"""Draw a figure of the page for white paper: the same traces, by Matplotlib, as vectors or as PNG.

The page's figures are drawn by the browser; a server has none. Only what ``strokeapp.ui.charts`` uses is known here:
lines, bands, markers with error bars, bars, one heat map with text, and vertical lines.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from strokeapp.errors import StrokeAppError
from strokeapp.ui import theme
from strokeapp.ui.print_text import escaped, font

POINTS_PER_PIXEL = 0.75
DASHES = {"dot": ":", "dash": "--", None: "-", "solid": "-"}
SIZE = 7.5
"""Of the text in points."""
PNG_INCHES, PNG_DPI = (6.0, 4.2), 200


def figure_png(figure: go.Figure) -> bytes:
    """Return a figure as PNG of 1,200 by 840 pixels on white.

    Raises:
        StrokeAppError: As ``draw``.
    """
    page = Figure(figsize=PNG_INCHES, facecolor="white")
    canvas = FigureCanvasAgg(page)
    draw(figure, page.add_axes((0.12, 0.13, 0.85, 0.75)), size=9.5)
    buffer = io.BytesIO()
    # Cut to what is drawn: long names beside bars stand outside the axes.
    canvas.print_figure(buffer, dpi=PNG_DPI, format="png", bbox_inches="tight", pad_inches=0.15)
    return buffer.getvalue()


def draw(figure: go.Figure, axes: Axes, *, size: float = SIZE) -> None:
    """Draw a figure into axes.

    Args:
        figure: Made by ``strokeapp.ui.charts``.
        axes: Empty.
        size: Of the text in points.

    Raises:
        StrokeAppError: The figure has a kind of trace that is not known here.
    """
    stacked: dict[str, Any] = {"base": None, "stack": figure.layout.barmode == "stack", "size": size}
    previous = None
    for trace in figure.data:
        painter = _PAINTERS.get(trace.type)
        if painter is None:
            raise StrokeAppError("This figure cannot be printed.", detail=f"trace {trace.type}", code="bad_figure")
        painter(axes, trace, previous, stacked)
        previous = trace
    for shape in figure.layout.shapes:
        axes.axvline(shape.x0, color=color(shape.line.color), linewidth=shape.line.width * POINTS_PER_PIXEL)
    _dress(axes, figure, size)


def color(value: str | None) -> tuple[float, float, float, float]:
    """Return a color of the page as RGBA in [0, 1], darkened for paper where it is one of the theme's."""
    text = value or theme.GRAY
    found = re.fullmatch(r"rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)", text)
    alpha = float(found.group(4)) if found else 1.0
    solid = "#{:02x}{:02x}{:02x}".format(*map(int, found.groups()[:3])) if found else text
    return to_rgba(theme.PRINT_COLORS.get(solid, solid), alpha)


def _scatter(axes: Axes, trace: Any, previous: Any, _bars: dict[str, Any]) -> None:
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    label = _label(trace)
    if trace.fill == "tonexty" and previous is not None:
        axes.fill_between(x, np.asarray(previous.y), y, color=color(trace.fillcolor), linewidth=0, label=label)
        return
    if trace.mode and "lines" in trace.mode and trace.line.width != 0:
        style = {"linestyle": DASHES.get(trace.line.dash, "-"), "linewidth": (trace.line.width or 2) * POINTS_PER_PIXEL}
        axes.plot(x, y, color=color(trace.line.color), label=label, **style)
        label = None
    if trace.mode and "markers" in trace.mode:
        edge = trace.marker.line.color
        area = (POINTS_PER_PIXEL * (trace.marker.size or 6)) ** 2
        outline = color(edge) if edge else color(trace.marker.color)
        axes.scatter(x, y, s=area, color=[color(trace.marker.color)], edgecolors=[outline], label=label, zorder=5)
    if trace.error_y.array is not None:
        spread = np.array([trace.error_y.arrayminus, trace.error_y.array], float).clip(0)
        axes.errorbar(x, y, spread, fmt="none", ecolor=color(trace.line.color), elinewidth=0.8, capsize=2)


def _bars(axes: Axes, trace: Any, _previous: Any, bars: dict[str, Any]) -> None:
    look = {"color": color(trace.marker.color), "alpha": trace.marker.opacity or 1.0, "label": _label(trace)}
    if trace.orientation == "h":
        error = trace.error_x
        spread = (
            None if error.array is None else np.nan_to_num(np.array([error.arrayminus, error.array], float)).clip(0)
        )
        whisker = {"elinewidth": 1, "capsize": 3, "ecolor": color(theme.TEXT)}
        axes.barh([escaped(str(name)) for name in trace.y], trace.x, xerr=spread, error_kw=whisker, **look)
        return
    heights = np.asarray(trace.y, float)
    base = bars["base"] if bars["stack"] else None
    axes.bar(trace.x, heights, width=trace.width, bottom=base, **look)
    bars["base"] = heights if base is None else base + heights


def _heatmap(axes: Axes, trace: Any, _previous: Any, bars: dict[str, Any]) -> None:
    cells = np.asarray(trace.z, float)
    low, high = (np.array(color(shade)) for shade in theme.PRINT_CONFUSION)
    axes.imshow(low + (high - low) * np.clip(cells, 0, 1)[..., None], aspect="auto")
    for (row, column), text in np.ndenumerate(np.asarray(trace.text, object)):
        plain = re.sub(r"</?b>", "", text).replace("<br>", "\n")
        axes.text(column, row, escaped(plain), ha="center", va="center", color=theme.PRINT_TEXT,
                  fontproperties=font(bars["size"] + 2))  # fmt: skip
    axes.set_xticks(range(len(trace.x)), [escaped(str(name)) for name in trace.x])
    axes.set_yticks(range(len(trace.y)), [escaped(str(name)) for name in trace.y])
    middle = np.arange(1, max(cells.shape)) - 0.5
    axes.set_xticks(middle[: cells.shape[1] - 1], minor=True)
    axes.set_yticks(middle[: cells.shape[0] - 1], minor=True)
    axes.grid(which="minor", color="white", linewidth=3)
    axes.tick_params(which="both", length=0)


_PAINTERS = {"scatter": _scatter, "bar": _bars, "heatmap": _heatmap}


def _label(trace: Any) -> str | None:
    return escaped(trace.name) if trace.name and trace.showlegend is not False else None


def _dress(axes: Axes, figure: go.Figure, size: float) -> None:
    """Give the axes titles, ranges, ticks and legend as the page's figure has them."""
    for side, axis, layout in (("x", axes.xaxis, figure.layout.xaxis), ("y", axes.yaxis, figure.layout.yaxis)):
        axis.label.set(text=escaped(layout.title.text or ""), fontproperties=font(size), color=theme.PRINT_TEXT)
        if layout.range is not None:
            getattr(axes, f"set_{side}lim")(*layout.range)
        if layout.tickvals is not None:
            axis.set_ticks(layout.tickvals)
        if layout.tickformat == ".0%":
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        if layout.side == "top":
            axis.tick_top()
        for label in axis.get_ticklabels():
            label.set(fontproperties=font(size), color=theme.PRINT_TEXT)
    _frame(axes, figure)
    handles, labels = axes.get_legend_handles_labels()
    if labels and len(labels) > 1:
        axes.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(labels), frameon=False,
            prop=font(size), handlelength=1.4, columnspacing=1.2, borderaxespad=0.2, labelcolor=theme.PRINT_TEXT,
        )  # fmt: skip


def _frame(axes: Axes, figure: go.Figure) -> None:
    if figure.layout.yaxis.autorange == "reversed" and not axes.yaxis_inverted():
        axes.invert_yaxis()
    lined = figure.layout.xaxis.showline is not False
    for name, spine in axes.spines.items():
        spine.set(visible=lined and name in ("left", "bottom"), color=theme.PRINT_LINE, linewidth=0.8)
    if lined:
        axes.grid(visible=True, color="#e3e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(color=theme.PRINT_LINE, width=0.8, length=2.5)
