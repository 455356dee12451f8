"""Draw figures of performance with Plotly: values in, a figure out; nothing is computed but what drawing needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from strokeapp.performance.calibration import Reliability
from strokeapp.performance.curves import PrecisionRecallCurve, RocCurve
from strokeapp.performance.decision import DecisionCurve
from strokeapp.performance.threshold import Confusion
from strokeapp.ui import theme

UNDEFINED = "–"
MAX_POINTS = 500
CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]], "scrollZoom": False, "responsive": True}
"""Hand this to ``st.plotly_chart(config=...)``: on hover one button, which saves the figure as PNG."""
PNG_SCALE = 2

_CHANCE = {"color": theme.CHANCE, "dash": "dot", "width": 1}
_MARKER = {"color": theme.OPERATING_POINT, "size": 12, "line": {"color": "#000000", "width": 1}}
_UNIT_RANGE = [-0.02, 1.02]


def config(file_name: str) -> dict[str, Any]:
    """Return ``CONFIG`` with a name, without ending, for the saved figure; it has twice the pixels of the screen."""
    return CONFIG | {"toImageButtonOptions": {"format": "png", "filename": file_name, "scale": PNG_SCALE}}


def number(value: float, *, digits: int = 2) -> str:
    """Write a figure, or a dash where it is not defined."""
    return f"{value:.{digits}f}" if np.isfinite(value) else UNDEFINED


def p_value(value: float) -> str:
    """Write a p, or a dash where it is not defined."""
    return "< 0.001" if value < 0.001 else number(value, digits=3)


def with_interval(value: float, low: float, high: float, *, digits: int = 2) -> str:
    """Write a figure with its interval: ``0.91 (0.88–0.94)``; without one ``0.91``; a dash where not defined."""
    if not np.isfinite(value) or not (np.isfinite(low) and np.isfinite(high)):
        return number(value, digits=digits)
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def roc_figure(
    curve: RocCurve, *, band: tuple[NDArray, NDArray, NDArray] | None = None, point: Confusion | None = None
) -> go.Figure:
    """Draw sensitivity against 1 - specificity; the dotted diagonal is chance.

    Args:
        curve: Thinned to ``MAX_POINTS`` for drawing.
        band: Grid of false positive rates, lower and upper sensitivity, (points,) each.
        point: Marked as the operating point.
    """
    figure = _figure("1 − specificity", "Sensitivity")
    _add_band(figure, band)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_CHANCE, hoverinfo="skip", showlegend=False)
    _add_curve(figure, curve.false_positive_rate, curve.true_positive_rate, curve.thresholds)
    if point is not None:
        _add_point(figure, 1 - point.specificity, point.sensitivity)
    return _unit_axes(figure)


def precision_recall_figure(
    curve: PrecisionRecallCurve,
    *,
    prevalence: float,
    band: tuple[NDArray, NDArray, NDArray] | None = None,
    point: Confusion | None = None,
) -> go.Figure:
    """Draw precision against recall; the dotted line is chance.

    Args:
        curve: Thinned to ``MAX_POINTS`` for drawing.
        prevalence: Share of positives: the precision of flagging at random.
        band: Grid of recalls, lower and upper precision, (points,) each.
        point: Marked as the operating point.
    """
    figure = _figure("Recall (sensitivity)", "Precision")
    _add_band(figure, band)
    figure.add_scatter(x=[0, 1], y=[prevalence] * 2, mode="lines", line=_CHANCE, hoverinfo="skip", showlegend=False)
    _add_curve(figure, curve.recall, curve.precision, curve.thresholds)
    if point is not None:
        _add_point(figure, point.recall, point.precision)
    return _unit_axes(figure)


def confusion_figure(counts: Confusion, *, positive: str, negative: str) -> go.Figure:
    """Draw the confusion matrix: counts, and below them the share of the row.

    Args:
        counts: Shades follow the share of the row, so that a rare class is as visible as a common one.
        positive: Name of the class with the finding, e.g. "hemorrhage".
        negative: Of the other.
    """
    cells = np.array([[counts.tp, counts.fn], [counts.fp, counts.tn]])
    rows = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, rows, out=np.full((2, 2), np.nan), where=rows > 0)
    text = [[_cell(c, s) for c, s in zip(*pair, strict=True)] for pair in zip(cells, shares, strict=True)]
    heatmap = go.Heatmap(
        z=np.nan_to_num(shares),
        x=["Flagged", "Not flagged"],
        y=[positive, negative],
        text=text,
        colorscale=theme.CONFUSION_SCALE,
        zmin=0,
        zmax=1,
        showscale=False,
        hoverinfo="skip",
        xgap=3,
        ygap=3,
    )
    figure = _figure("", "", height=theme.SMALL_CHART_HEIGHT).add_trace(heatmap)
    # As annotations the counts keep their color; Streamlit's theme paints a heat map's own text its own way.
    for (row, column), written in np.ndenumerate(np.array(text, dtype=object)):
        font = {"size": theme.FONT_SIZE + 2, "color": theme.CONFUSION_INK}
        figure.add_annotation(x=column, y=row, text=written, showarrow=False, font=font)
    figure.update_xaxes(side="top", showgrid=False, showline=False)
    return figure.update_yaxes(autorange="reversed", showgrid=False, showline=False)


def histogram_figure(labels: NDArray, scores: NDArray, threshold: float, *, bins: int = 40) -> go.Figure:
    """Draw how the probabilities of both classes spread, each as a share of its class.

    Args:
        labels: (images,) 1 or 0.
        scores: (images,) in [0, 1].
        threshold: Marked.
        bins: Between 0 and 1.
    """
    figure = _figure("Probability", "Share of class", height=theme.SMALL_CHART_HEIGHT)
    edges = np.linspace(0, 1, bins + 1)
    for value, name, color in ((1, "With", theme.POSITIVE), (0, "Without", theme.NEGATIVE)):
        chosen = scores[labels == value]
        if not chosen.size:
            continue
        shares = np.histogram(chosen, edges)[0] / chosen.size
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=shares,
            width=1 / bins,
            marker={"color": color, "opacity": 0.65, "line": {"width": 0}},
            name=name,
            hovertemplate="%{x:.2f}: %{y:.1%}<extra></extra>",
        )
    figure.add_vline(x=threshold, line={"color": theme.OPERATING_POINT, "width": 2})
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure.update_xaxes(range=[0, 1])


def calibration_figure(curve: Reliability, *, before: Reliability | None = None) -> go.Figure:
    """Draw the observed share against the predicted probability, with Wilson intervals per bin; dotted is ideal.

    Args:
        curve: Bins with images.
        before: The same images before calibration, drawn behind.
    """
    figure = _figure("Predicted probability", "Observed share", height=theme.SMALL_CHART_HEIGHT)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_CHANCE, hoverinfo="skip", showlegend=False)
    if before is not None:
        _add_reliability(figure, before, theme.ORANGE, "Before calibration", showlegend=True)
    _add_reliability(figure, curve, theme.CURVE, "After calibration", showlegend=before is not None)
    return _unit_axes(figure)


def _add_reliability(figure: go.Figure, curve: Reliability, color: str, name: str, *, showlegend: bool) -> None:
    error = {"type": "data", "array": curve.high - curve.observed, "arrayminus": curve.observed - curve.low}
    figure.add_scatter(
        x=curve.predicted,
        y=curve.observed,
        error_y=error | {"thickness": 1, "width": 3},
        mode="lines+markers",
        marker={"color": color, "size": 7},
        line={"color": color, "width": 2},
        name=name,
        showlegend=showlegend,
        customdata=curve.counts,
        hovertemplate="predicted %{x:.2f}, observed %{y:.2f}, %{customdata:,} images<extra></extra>",
    )


def subtype_figure(subtypes: pd.DataFrame) -> go.Figure:
    """Draw the sensitivity for each hemorrhage subtype as a bar with its interval.

    Args:
        subtypes: As ``subtype_sensitivities`` returns it.
    """
    figure = _figure("Sensitivity", "", height=theme.SMALL_CHART_HEIGHT)
    names = subtypes["subtype"].str.capitalize() + " (" + subtypes["images"].map("{:,}".format) + ")"
    error = {
        "type": "data",
        "array": (subtypes["recall_high"] - subtypes["recall"]).fillna(0),
        "arrayminus": (subtypes["recall"] - subtypes["recall_low"]).fillna(0),
        "color": theme.GRAY,
        "thickness": 1.5,
        "width": 4,
    }
    figure.add_bar(
        y=names,
        x=subtypes["recall"],
        orientation="h",
        error_x=error,
        marker={"color": theme.POSITIVE, "opacity": 0.75},
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure.update_xaxes(range=[0, 1.02], tickformat=".1f")


def dice_figure(table: pd.DataFrame, *, bins: int = 20) -> go.Figure:
    """Draw how the Dice overlap of the lesion maps spreads, one color per dataset.

    Args:
        table: Columns dataset and lesion_dice, in [0, 1]; nan left out.
        bins: Between 0 and 1.
    """
    figure = _figure("Dice overlap with the drawn lesion", "Images", height=theme.SMALL_CHART_HEIGHT)
    drawn = table[table["lesion_dice"].notna()].groupby("dataset")["lesion_dice"]
    for index, (dataset, dice) in enumerate(drawn):
        color = theme.DATASET_COLORS[index % len(theme.DATASET_COLORS)]
        heights, edges = np.histogram(dice, np.linspace(0, 1, bins + 1))
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=heights,
            width=1 / bins,
            marker={"color": color, "opacity": 0.8, "line": {"width": 0}},
            name=f"{dataset} ({len(dice):,})",
            hovertemplate="%{x:.2f}: %{y:,} images<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0)
    return figure.update_xaxes(range=[0, 1])


def decision_figure(curve: DecisionCurve, threshold: float) -> go.Figure:
    """Draw the net benefit of acting on the network's flags beside acting on all and on none.

    Args:
        curve: Negative values far below none are cut off.
        threshold: Marked.
    """
    figure = _figure("Probability from which one would act", "Net benefit", height=theme.SMALL_CHART_HEIGHT)
    for name, values, color in (("Network", curve.network, theme.CURVE), ("All", curve.flag_all, theme.ORANGE)):
        figure.add_scatter(x=curve.thresholds, y=values, mode="lines", line={"color": color, "width": 2}, name=name)
    figure.add_scatter(x=[0, 1], y=[0, 0], mode="lines", line=_CHANCE, hoverinfo="skip", name="None")
    figure.add_vline(x=threshold, line={"color": theme.OPERATING_POINT, "width": 2})
    top = max(float(curve.network.max()), 0.05)
    return figure.update_xaxes(range=[0, 1]).update_yaxes(range=[-0.3 * top, 1.1 * top])


def removal_figure(table: pd.DataFrame) -> go.Figure:
    """Draw the probability while the places of an explanation are smoothed away, and while they are put back.

    Args:
        table: Columns share (of pixels replaced), deletion and insertion, in [0, 1].
    """
    figure = _figure("Share of pixels replaced, highest first", "Probability", height=theme.SMALL_CHART_HEIGHT)
    for name, color in (("deletion", theme.ORANGE), ("insertion", theme.BLUE)):
        figure.add_scatter(
            x=table["share"], y=table[name], mode="lines+markers", name=name.capitalize(),
            line={"color": color, "width": 2}, hovertemplate="%{x:.0%}: %{y:.2f}<extra></extra>",
        )  # fmt: skip
    return _unit_axes(figure)


def coverage_figure(table: pd.DataFrame) -> go.Figure:
    """Draw the error among the images that are kept, per rule by which the others are left out.

    Args:
        table: Columns rule (as written in the legend), coverage, error, error_low and error_high.
    """
    figure = _figure("Share of images read", "Error", height=theme.SMALL_CHART_HEIGHT)
    for color, (rule, part) in zip(theme.DATASET_COLORS, table.groupby("rule", sort=False), strict=False):
        above = (part["error_high"] - part["error"]).fillna(0)
        below = (part["error"] - part["error_low"]).fillna(0)
        figure.add_scatter(
            x=part["coverage"], y=part["error"], mode="lines+markers", name=rule,
            line={"color": color, "width": 2}, marker={"color": color},
            error_y={"array": above, "arrayminus": below, "symmetric": False, "thickness": 1, "width": 3},
            hovertemplate="%{x:.0%} read: error %{y:.3f}<extra></extra>",
        )  # fmt: skip
    return figure.update_xaxes(range=[1.03, 0.47], tickformat=".0%").update_yaxes(rangemode="tozero")


def _add_band(figure: go.Figure, band: tuple[NDArray, NDArray, NDArray] | None) -> None:
    if band is not None and np.isfinite(band[1]).all():
        grid, low, high = band
        figure.add_scatter(x=grid, y=low, mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False)
        figure.add_scatter(
            x=grid, y=high, line={"width": 0}, fill="tonexty", fillcolor=theme.BAND, hoverinfo="skip", name="95 % band"
        )


def _figure(x_title: str, y_title: str, *, height: int = theme.CHART_HEIGHT) -> go.Figure:
    """Return an empty figure with quiet axes and a legend above the plot."""
    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "font": {"size": theme.FONT_SIZE},
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"size": theme.FONT_SIZE - 1},
        },
        "dragmode": False,
    }
    axis = {
        "automargin": True,
        "gridcolor": theme.GRID,
        "linecolor": theme.AXIS,
        "showline": True,
        "zeroline": False,
        "fixedrange": True,
    }
    figure = go.Figure(layout=layout)
    return figure.update_xaxes(title_text=x_title, **axis).update_yaxes(title_text=y_title, **axis)


def _unit_axes(figure: go.Figure) -> go.Figure:
    ticks = {"range": _UNIT_RANGE, "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1]}
    return figure.update_xaxes(**ticks).update_yaxes(**ticks)


def _add_curve(figure: go.Figure, x: NDArray, y: NDArray, thresholds: NDArray) -> None:
    keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).round().astype(int))
    figure.add_scatter(
        x=x[keep],
        y=y[keep],
        mode="lines",
        line={"color": theme.CURVE, "width": 2.5},
        customdata=thresholds[keep],
        hovertemplate="(%{x:.3f}, %{y:.3f}) at threshold %{customdata:.3f}<extra></extra>",
        name="Network",
    )


def _add_point(figure: go.Figure, x: float, y: float) -> None:
    """Mark the operating point; a point that is not defined is not drawn."""
    if np.isfinite(x) and np.isfinite(y):
        hover = "(%{x:.3f}, %{y:.3f})<extra>operating point</extra>"
        figure.add_scatter(x=[x], y=[y], mode="markers", marker=_MARKER, hovertemplate=hover, name="Operating point")


def _cell(count: int, share: float) -> str:
    percent = f"{share:.1%}" if np.isfinite(share) else UNDEFINED
    return f"<b>{count:,}</b><br>{percent}"
