"""Write the whole performance page as a document for printing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strokeapp import __version__
from strokeapp.inference.words import DISCLAIMER
from strokeapp.ui.exhibits import HALF, Exhibit
from strokeapp.ui.print_pages import FIGURE_HEIGHT, Block, Pages
from strokeapp.ui.report import Report


def performance_pdf(report: Report) -> bytes:
    """Return a report as PDF on A4, figures as vectors.

    Args:
        report: What to print.

    Raises:
        StrokeAppError: A figure has a kind of trace that cannot be printed.
    """
    day = report.made.strftime("%Y-%m-%d")
    pages = Pages(f"StrokeApp {__version__} · {day} · {DISCLAIMER}")
    pages.title(report.title)
    pages.facts((*report.facts, ("Date", report.made.strftime("%Y-%m-%d %H:%M %Z").strip())))
    pages.paragraph(report.summary)
    for text in (DISCLAIMER, *report.warnings):
        pages.warning(text)
    for group in _groups(report.exhibits):
        _print(pages, group)
    return pages.pdf(
        {"Title": report.title, "Creator": f"StrokeApp {__version__}", "Subject": DISCLAIMER,
         "CreationDate": report.made}
    )  # fmt: skip


def _groups(exhibits: Sequence[Exhibit]) -> Iterator[tuple[Exhibit, ...]]:
    """Yield exhibits in pairs where two of half the width follow each other in one section; all others alone."""
    waiting: Exhibit | None = None
    for exhibit in exhibits:
        half = exhibit.width == HALF
        if waiting is not None and (not half or exhibit.section):
            yield (waiting,)
            waiting = None
        if half and waiting is None:
            waiting = exhibit
        else:
            yield (exhibit,) if waiting is None else (waiting, exhibit)
            waiting = None
    if waiting is not None:
        yield (waiting,)


def _print(pages: Pages, group: tuple[Exhibit, ...]) -> None:
    first = group[0]
    if first.section:
        pages.heading(first.section, keep=FIGURE_HEIGHT + 15 if first.width == HALF else 30)
    if first.width == HALF:
        pages.row([Block(one.title, one.note, one.figure, one.shown) for one in group])
    elif first.shown is not None:
        pages.table(first.title, first.shown, note=first.note)
