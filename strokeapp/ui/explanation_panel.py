"""Draw one slice of the open study under all explanations, and lay it out as one picture to take away."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from strokeapp.imaging.scan_input import Slab, gray_window, slab_gray
from strokeapp.inference.explanation.registry import method_of
from strokeapp.types import Attribution, Scan
from strokeapp.ui.print_text import font

COLUMNS = 3
SIDE = 384
"""Of a picture on the panel, in pixels."""
GAP, LINE = 16, 22
TITLE_POINTS, NOTE_POINTS = 17, 13
HEAT = np.array([224, 164, 88], np.float32)
"""Color of full attribution over gray."""
INK, FAINT = (240, 244, 248), (170, 180, 190)


@dataclass(frozen=True)
class Tile:
    """Hold one picture of the panel.

    Args:
        title: Of the method; "Slice" for the slice alone.
        pixels: (side, side, 3) uint8.
        note: How far it can be trusted; may be empty.
    """

    title: str
    pixels: NDArray[np.uint8]
    note: str = ""


def tiles_of(scan: Scan, index: int, results: Mapping[str, Attribution], notes: Mapping[str, str]) -> list[Tile]:
    """Return the slice alone, then under every explanation.

    Args:
        scan: As it was read.
        index: Of the slice.
        results: By method name.
        notes: By method name.
    """
    gray = slab_gray(scan, Slab(index, index), gray_window(scan))
    tiles = [Tile("Slice", square(laid_over(gray, None)))]
    for name, item in results.items():
        tiles.append(Tile(method_of(name).title, square(laid_over(gray, item.values)), notes.get(name, "")))
    return tiles


def laid_over(gray: NDArray[np.float32], values: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) uint8: gray in [0, 1] with the attribution in [0, 1], if any, laid over it."""
    base = np.repeat(255 * gray[..., None], 3, axis=2)
    if values is None:
        return base.astype(np.uint8)
    shape = gray.shape[::-1]
    weight = np.asarray(Image.fromarray(values).resize(shape, Image.Resampling.BILINEAR))[..., None] * 0.75
    return np.rint(base * (1 - weight) + HEAT * weight).astype(np.uint8)


def square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad a picture to a square, black."""
    rows, columns = pixels.shape[:2]
    side = max(rows, columns)
    top, left = (side - rows) // 2, (side - columns) // 2
    return np.pad(pixels, ((top, side - rows - top), (left, side - columns - left), (0, 0)))


def panel_png(tiles: Sequence[Tile], heading: str, *, columns: int = COLUMNS) -> bytes:
    """Return all pictures as one PNG, with heading, titles and notes burned in, on black.

    Args:
        tiles: In order.
        heading: Says what is shown: finding, slice, network; nothing of the patient.
        columns: Pictures beside each other.
    """
    columns = min(columns, len(tiles))
    cell = SIDE + 3 * LINE + GAP
    rows = -(-len(tiles) // columns)
    size = (columns * (SIDE + GAP) + GAP, 2 * LINE + rows * cell + GAP)
    page = Image.new("RGB", size)
    pen = ImageDraw.Draw(page)
    _write(pen, (GAP, GAP // 2), heading, TITLE_POINTS, size[0] - 2 * GAP, INK, bold=True)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        left, top = GAP + column * (SIDE + GAP), 2 * LINE + row * cell
        _write(pen, (left, top), tile.title, TITLE_POINTS, SIDE, INK, bold=True)
        page.paste(Image.fromarray(tile.pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR), (left, top + LINE + 4))
        _write(pen, (left, top + LINE + SIDE + 6), tile.note, NOTE_POINTS, SIDE, FAINT)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    points: int,
    width: int,
    color: tuple[int, int, int],
    *,
    bold: bool = False,
) -> None:
    """Write text within a width, in as many lines as that takes."""
    face = ImageFont.truetype(font_manager.findfont(font(points, bold=bold)), points)
    line, top = "", place[1]
    for word in [*text.split(), None]:
        longer = f"{line} {word}".strip() if word is not None else None
        if longer is not None and (not line or pen.textlength(longer, face) <= width):
            line = longer
            continue
        pen.text((place[0], top), line, fill=color, font=face)
        line, top = word or "", top + points + 4
