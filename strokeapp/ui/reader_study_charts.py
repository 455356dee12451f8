"""Draw the readers' points on the network's ROC curve."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from strokeapp.performance.curves import roc_curve
from strokeapp.ui import theme
from strokeapp.ui.charts import roc_figure
from strokeapp.ui.reader_study_words import way

HEIGHT = 480


def reader_roc_figure(readers: pd.DataFrame, network: pd.DataFrame, operating: dict[str, float]) -> go.Figure:
    """Draw each reader's sensitivity and specificity with Wilson's bars; open diamonds are readings with AI.

    Args:
        readers: As ``reader_table`` returns it; points that are not defined are left out.
        network: Cases with probability and known truth, both classes.
        operating: As ``network_row`` returns it; marked in the colour of operating points.
    """
    figure = roc_figure(roc_curve(network["truth"], network["probability"]))
    figure.add_scatter(
        x=[1 - operating["specificity"]],
        y=[operating["sensitivity"]],
        mode="markers",
        marker={"color": theme.OPERATING_POINT, "size": 12, "line": {"color": "#000000", "width": 1}},
        name="Network's operating point",
        hovertemplate="(%{x:.3f}, %{y:.3f})<extra>operating point</extra>",
    )
    names = list(dict.fromkeys(readers["reader"]))
    for row in readers.dropna(subset=["sensitivity", "specificity"]).to_dict("records"):
        color = theme.DATASET_COLORS[1:][names.index(row["reader"]) % (len(theme.DATASET_COLORS) - 1)]
        figure.add_trace(_point(row, color))
    return figure.update_layout(height=HEIGHT)


def _point(row: dict, color: str) -> go.Scatter:
    x, y = 1 - row["specificity"], row["sensitivity"]
    bars = {"type": "data", "thickness": 1, "width": 3, "color": color}
    return go.Scatter(
        x=[x],
        y=[y],
        error_x=bars | {"array": [1 - row["specificity_low"] - x], "arrayminus": [x - (1 - row["specificity_high"])]},
        error_y=bars | {"array": [row["sensitivity_high"] - y], "arrayminus": [y - row["sensitivity_low"]]},
        mode="markers",
        marker={"color": color, "size": 11, "symbol": "diamond-open" if row["aided"] else "circle"},
        name=f"{row['reader']}, {way(row['aided'])}",
        hovertemplate="1 − specificity %{x:.2f}, sensitivity %{y:.2f}<extra>" + f"{row['reader']}</extra>",
    )
