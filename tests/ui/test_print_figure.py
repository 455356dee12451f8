"""Figures on paper: the same numbers as on the page, whatever kind of chart."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from factories_networks import predictions
from matplotlib.figure import Figure
from PIL import Image

from strokeapp.errors import StrokeAppError
from strokeapp.performance.abstaining import doubts, error_at_coverage
from strokeapp.performance.calibration import reliability
from strokeapp.performance.curves import precision_recall_curve, roc_curve
from strokeapp.performance.decision import decision_curve
from strokeapp.performance.predictions import known
from strokeapp.performance.subtypes import subtype_sensitivities
from strokeapp.performance.threshold import confusion
from strokeapp.types import SUBTYPES
from strokeapp.ui import charts, theme
from strokeapp.ui.print_figure import color, draw, figure_png

TABLE = predictions().assign(**dict.fromkeys(SUBTYPES[1:], 0.0))
LABELS, SCORES = TABLE["hemorrhagic"].to_numpy(), TABLE["hemorrhagic_probability"].to_numpy()
COUNTS = confusion(LABELS, SCORES, 0.45)
GRID = np.linspace(0, 1, 11)
BAND = (GRID, GRID * 0.9, np.minimum(1, GRID + 0.1))
CURVE = reliability(LABELS, SCORES)
ERRORS = pd.concat(
    error_at_coverage(known(TABLE, "hemorrhagic"), 0.45, doubt, n=50).assign(rule=rule)
    for rule, doubt in doubts(SCORES, 0.45, SCORES, 0.9).items()
)
FIGURES = {
    "roc": charts.roc_figure(roc_curve(LABELS, SCORES), band=BAND, point=COUNTS),
    "precision": charts.precision_recall_figure(precision_recall_curve(LABELS, SCORES), prevalence=0.2, band=BAND),
    "confusion": charts.confusion_figure(COUNTS, positive="Hemorrhage", negative="No hemorrhage"),
    "histogram": charts.histogram_figure(LABELS, SCORES, 0.45),
    "calibration": charts.calibration_figure(CURVE, before=reliability(LABELS, SCORES**2)),
    "subtypes": charts.subtype_figure(subtype_sensitivities(TABLE, 0.45)),
    "dice": charts.dice_figure(TABLE),
    "decision": charts.decision_figure(decision_curve(LABELS, SCORES), 0.45),
    "coverage": charts.coverage_figure(ERRORS),
}


def axes_of(name: str):
    """Draw a figure and return its axes."""
    axes = Figure(figsize=(4, 3)).add_axes((0.2, 0.2, 0.7, 0.7))
    draw(FIGURES[name], axes)
    return axes


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_becomes_a_picture_with_something_in_it(name: str) -> None:
    with Image.open(io.BytesIO(figure_png(FIGURES[name]))) as picture:
        assert picture.format == "PNG" and picture.width > 900 and picture.height > 600
        gray = np.asarray(picture.convert("L"))
    assert (gray == 255).mean() > 0.2 and (gray < 200).mean() > 0.005
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    assert (border == 255).all(), "something is cut off at the border"


def test_roc_line_on_paper_is_that_of_the_page() -> None:
    axes, trace = axes_of("roc"), next(trace for trace in FIGURES["roc"].data if trace.name == "Network")
    line = next(line for line in axes.get_lines() if line.get_label() == "Network")
    assert np.array_equal(line.get_xdata(), trace.x) and np.array_equal(line.get_ydata(), trace.y)
    assert axes.get_xlim() == tuple(FIGURES["roc"].layout.xaxis.range)
    assert axes.xaxis.label.get_text() == "1 − specificity"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["95 % band", "Network", "Operating point"]


def test_confusion_matrix_on_paper_has_its_counts_in_their_places() -> None:
    axes = axes_of("confusion")
    cells = {text.get_position(): text.get_text().split("\n")[0] for text in axes.texts}
    expected = {(0, 0): COUNTS.tp, (1, 0): COUNTS.fn, (0, 1): COUNTS.fp, (1, 1): COUNTS.tn}
    assert cells == {place: str(count) for place, count in expected.items()}
    assert axes.yaxis_inverted()


def test_bars_and_the_operating_point_stand_where_they_stand_on_the_page() -> None:
    axes = axes_of("histogram")
    heights = [bar.get_height() for bar in axes.patches]
    assert sum(heights) == pytest.approx(2)  # each class adds up to one
    assert axes.get_lines()[0].get_xdata() == [0.45, 0.45]


def test_stacked_bars_stand_on_each_other() -> None:
    two = TABLE.assign(lesion_dice=0.5)
    axes = Figure().add_axes((0, 0, 1, 1))
    draw(charts.dice_figure(two), axes)
    middle = [bar for bar in axes.patches if bar.get_height() > 0]
    assert middle[1].get_y() == middle[0].get_height() and middle[0].get_y() == 0


def test_colors_of_the_theme_are_darkened_and_transparency_is_kept() -> None:
    assert color(theme.BLUE) == color("#0072b2") and color(theme.BAND)[3] == 0.25
    assert color(theme.BAND)[:3] == color("#0072b2")[:3] and color("#123456") == pytest.approx(
        (0x12 / 255, 0x34 / 255, 0x56 / 255, 1)
    )


def test_unknown_kinds_of_trace_are_refused() -> None:
    with pytest.raises(StrokeAppError, match="cannot be printed"):
        figure_png(go.Figure(go.Pie(values=[1, 2])))


def test_errors_against_coverage_keep_the_colors_and_whiskers_of_the_page() -> None:
    axes = axes_of("coverage")
    lines = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    for trace in FIGURES["coverage"].data:
        assert np.array_equal(lines[trace.name].get_ydata(), trace.y)
        assert tuple(lines[trace.name].get_color()) == color(trace.line.color)
    assert len(axes.containers) == 3 and axes.xaxis_inverted()
