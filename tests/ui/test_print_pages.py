"""Printed pages: nothing is cut, nothing runs off the paper, every page says what it is."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from factories_networks import predictions
from matplotlib.backends.backend_agg import RendererAgg
from PIL import Image

from strokeapp.performance.curves import roc_curve
from strokeapp.performance.threshold import confusion
from strokeapp.ui import charts
from strokeapp.ui.exhibits import HALF, Exhibit
from strokeapp.ui.performance_pdf import performance_pdf
from strokeapp.ui.print_pages import BOTTOM, HEIGHT, INNER, MARGIN, WIDTH, Block, Pages, table_png
from strokeapp.ui.print_table import PAD, lay_out
from strokeapp.ui.print_text import height_mm, width_mm, wrapped
from strokeapp.ui.report import Report

LONG = "Turkish Ministry of Health set; no patient ids, so leakage cannot be excluded"
WIDE = pd.DataFrame({f"Column {i}": ["0.91 (0.88–0.94)", LONG, f"{10**i:,}"] for i in range(8)})
TALL = pd.DataFrame({"Dataset": [f"row {i}" for i in range(120)], "Images": range(120)})
TABLE = predictions()
ROC = charts.roc_figure(roc_curve(TABLE["hemorrhagic"], TABLE["hemorrhagic_probability"]))

COUNTS = confusion(TABLE["hemorrhagic"], TABLE["hemorrhagic_probability"], 0.45)
CALLS = charts.confusion_figure(COUNTS, positive="Hemorrhage", negative="No hemorrhage")
SUBTYPES = pd.DataFrame({"subtype": ["intraparenchymal", "epidural"], "images": [12345, 3], "recall": [0.9, 0.5],
                         "recall_low": [0.8, 0.1], "recall_high": [1.0, 0.9]})  # fmt: skip
BARS = charts.subtype_figure(SUBTYPES)


def pages() -> Pages:
    """Fill pages with everything there is."""
    made = Pages("Research use")
    made.title("Performance of a network with a name that is rather long and does not fit on one line")
    made.facts([("Weights", "ab" * 60), ("Network", "CT")])
    made.paragraph(LONG * 4)
    made.warning(LONG * 2)
    made.heading("Tables", keep=30)
    made.table("Wide", WIDE, note=LONG)
    made.table("Tall", TALL, note=LONG * 3)
    made.row([Block("Curve", LONG, ROC), Block("Table", LONG, table=WIDE.iloc[:, :3])])
    made.row([Block("Alone", figure=ROC)])
    made.row([Block("Calls", figure=CALLS), Block("Subtypes", figure=BARS)])
    return made


def fine(sheet) -> RendererAgg:
    """Return a renderer of high resolution: at that of a screen, hinting widens text."""
    sheet.set_dpi(720)
    return RendererAgg(16, 16, 720)


def boxes(sheet) -> list[tuple[str, float, float, float, float]]:
    """Return text, left, right, top and bottom in mm of everything written on a page itself."""
    renderer, scale = fine(sheet), 25.4 / sheet.dpi
    found = []
    for text in (text for text in sheet.texts if text.get_text()):
        box = text.get_window_extent(renderer)
        found.append(
            (text.get_text(), box.x0 * scale, box.x1 * scale, HEIGHT - box.y1 * scale, HEIGHT - box.y0 * scale)
        )
    return found


def test_nothing_runs_into_the_margins() -> None:
    sheets = pages().sheets
    assert len(sheets) >= 3
    for sheet in sheets:
        for text, left, right, top, bottom in boxes(sheet):
            assert left >= MARGIN - 0.5 and right <= WIDTH - MARGIN + 0.5, text
            assert top >= MARGIN - 1 and bottom <= HEIGHT - BOTTOM + 1, text


def test_figures_and_their_ticks_stay_on_the_paper() -> None:
    for sheet in pages().sheets:
        renderer = fine(sheet)
        for axes in sheet.axes:
            box = axes.get_tightbbox(renderer)
            assert box.x0 * 25.4 / sheet.dpi >= MARGIN - 1 and box.x1 * 25.4 / sheet.dpi <= WIDTH - MARGIN + 1
            assert box.y0 * 25.4 / sheet.dpi >= BOTTOM - 5


def test_texts_of_a_page_do_not_overlap() -> None:
    for sheet in pages().sheets:
        written = boxes(sheet)
        for number, (text, left, right, top, bottom) in enumerate(written):
            for other, left2, right2, top2, bottom2 in written[number + 1 :]:
                wide, high = min(right, right2) - max(left, left2), min(bottom, bottom2) - max(top, top2)
                assert wide < 0.3 or high < 0.6, (text, other)


def test_head_of_a_long_table_is_repeated_and_no_row_is_lost() -> None:
    words = [[box[0] for box in boxes(sheet)] for sheet in pages().sheets]
    together = [word for page in words for word in page]
    assert [word for word in together if re.fullmatch(r"row \d+", word)] == TALL["Dataset"].tolist()
    for page in words:
        if any(word.startswith("row ") for word in page):
            assert "Dataset" in page


def test_a_table_as_a_picture_shows_every_row_and_grows_with_them() -> None:
    def rows(picture: Image.Image) -> int:
        """Count the rules under rows: dark or faint lines over nearly the whole width."""
        line = (np.asarray(picture.convert("L")) < 250).mean(axis=1) > 0.9
        return int((line[1:] & ~line[:-1]).sum())

    pictures = [Image.open(io.BytesIO(table_png("Tall", TALL[:count], note=LONG))) for count in (3, 120)]
    assert all(picture.format == "PNG" for picture in pictures)
    assert rows(pictures[0]) == 3 + 2, "above and below the head"
    assert rows(pictures[1]) >= 120 + 2, "a second sheet repeats the head"
    assert abs(pictures[0].width - pictures[1].width) < 8


@pytest.mark.parametrize("width", [40.0, INNER])
def test_lines_of_a_table_fit_their_columns(width: float) -> None:
    layout = lay_out(WIDE, width, 7.5)
    edges = [*layout.lefts, width]
    assert edges == sorted(edges)
    for cells in layout.rows:
        for left, right, lines in zip(edges, edges[1:], cells, strict=False):
            assert all(width_mm(line, 7.5) <= right - left - PAD + 0.01 or len(line) == 1 for line in lines)


def test_wrapping_loses_no_word_and_breaks_what_is_too_long() -> None:
    assert " ".join(wrapped(LONG, 30, 9)) == LONG
    parts = wrapped("ab" * 60, 30, 9)
    assert "".join(parts) == "ab" * 60 and len(parts) > 3 and all(width_mm(part, 9) <= 30 for part in parts)
    assert wrapped("one\ntwo", 30, 9) == ["one", "two"] and wrapped("", 30, 9) == [""]


def test_width_grows_with_size_and_a_dollar_is_no_formula() -> None:
    assert width_mm(LONG, 18) == pytest.approx(2 * width_mm(LONG, 9), rel=0.01)
    assert width_mm("$1$2$", 9) > width_mm("12", 9) and width_mm("", 9) == 0
    assert height_mm(2, 10) == pytest.approx(2 * height_mm(1, 10))


def test_report_says_what_it_is_on_every_page() -> None:
    exhibits = (
        Exhibit("roc", "ROC", TABLE, figure=ROC, section="Curves", width=HALF),
        Exhibit("pr", "Other", TABLE, figure=ROC, width=HALF),
        Exhibit("tall", "Tall", TALL, shown=TALL, section="Tables"),
    )
    report = Report("Title", (("Weights, SHA-256", "ab" * 32),), "Summary.", ("Careful.",), exhibits,
                    datetime(2026, 1, 2, 3, 4, tzinfo=UTC))  # fmt: skip
    data = performance_pdf(report)
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    count = int(re.search(rb"/Type /Pages\b.*?/Count (\d+)|/Count (\d+)", data, re.S).group(0).split()[-1])
    assert count == len(re.findall(rb"/Type /Page\b", data)) >= 3
    assert b"/MediaBox [ 0 0 595.2" in data and b"not a medical device" in data and b"(Title)" in data
    assert b"/Subtype /Image" not in data, "figures are vectors"
