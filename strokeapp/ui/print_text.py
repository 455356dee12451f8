"""Choose the font of printed pages, measure text in it, and wrap it."""

from __future__ import annotations

from functools import lru_cache

from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

FAMILIES = ("Inter", "Liberation Sans", "Arial", "DejaVu Sans")
"""The first that is installed is used; the last comes with Matplotlib."""
MM_PER_POINT = 25.4 / 72
_FINENESS = 10
"""Text is measured this much larger, so that hinting does not round its width."""


@lru_cache(maxsize=1)
def family() -> str:
    """Return the font family that is used."""
    present = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in FAMILIES if name in present), FAMILIES[-1])


def font(size: float, *, bold: bool = False) -> FontProperties:
    """Return the font at a size in points."""
    return FontProperties(family=family(), size=size, weight="bold" if bold else "normal")


def escaped(text: str) -> str:
    """Return text in which a dollar sign is a dollar sign, not the start of a formula."""
    return text.replace("$", r"\$")


@lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(16, 16, 72 * _FINENESS)


@lru_cache(maxsize=8192)
def width_mm(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide one line of text is, in mm.

    Args:
        text: Without line breaks.
        size: In points.
        bold: Whether in bold.
    """
    if not text:
        return 0.0
    width, _, _ = _renderer().get_text_width_height_descent(text, font(size, bold=bold), ismath=False)
    return width / _FINENESS * MM_PER_POINT


def wrapped(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Break text into lines that fit; a word that is too long by itself is broken within.

    Args:
        text: Line breaks in it are kept.
        width: In mm.
        size: In points.
        bold: Whether in bold.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if width_mm(longer, size, bold=bold) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *full, line = _broken(word, width, size, bold)
            lines += full
        lines.append(line)
    return lines


def _broken(word: str, width: float, size: float, bold: bool) -> list[str]:
    parts, part = [], ""
    for letter in word:
        if part and width_mm(part + letter, size, bold=bold) > width:
            parts.append(part)
            part = ""
        part += letter
    return [*parts, part]


def height_mm(lines: int, size: float, *, spacing: float = 1.3) -> float:
    """Return the height of some lines in mm."""
    return lines * size * spacing * MM_PER_POINT
