"""The panel of explanations as one picture: every picture in its place, its words burned in, nothing cut off."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from strokeapp.ui.explanation_panel import GAP, LINE, SIDE, Tile, laid_over, panel_png, square


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def flat(title: str, color: tuple[int, int, int], note: str = "") -> Tile:
    return Tile(title, np.full((64, 64, 3), color, np.uint8), note)


def test_every_picture_stands_in_its_place_under_its_title() -> None:
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
    page = opened(panel_png([flat(f"Method {i}", color) for i, color in enumerate(colors)], "Infarct, slice 3"))
    cell = SIDE + 3 * LINE + GAP
    for number, color in enumerate(colors):
        row, column = divmod(number, 3)
        top, left = 2 * LINE + row * cell, GAP + column * (SIDE + GAP)
        assert tuple(page[top + LINE + SIDE // 2, left + SIDE // 2]) == color
        assert page[top : top + LINE, left : left + SIDE].max() > 150  # the title
    assert page[: 2 * LINE - 4].max() > 150  # the heading


def test_notes_are_burned_in_and_a_long_one_stays_within_its_picture() -> None:
    long = "Points into the lesion in 75 of 100 known infarcts, 66 of the 72 that the network flags."
    with_note, without = (opened(panel_png([flat("Grad-CAM", (9, 9, 9), note)], "Infarct")) for note in (long, ""))
    assert with_note.shape == without.shape
    changed = np.argwhere((with_note != without).any(-1))
    first, last = changed.min(0), changed.max(0)
    assert first[0] > 2 * LINE + LINE + SIDE and last[0] - first[0] > LINE
    assert first[1] >= GAP and last[1] <= GAP + SIDE


def test_attribution_is_laid_over_gray_and_the_rest_stays() -> None:
    gray, values = np.full((40, 60), 0.5, np.float32), np.zeros((40, 60), np.float32)
    values[10:20, 10:20] = 1
    plain, colored = laid_over(gray, None), laid_over(gray, values)
    assert (plain == plain[0, 0]).all() and len(set(plain[0, 0])) == 1
    np.testing.assert_array_equal(colored[30, 50], np.rint([127.5] * 3))
    assert colored[15, 15, 0] > 180 and colored[15, 15, 2] < 110
    padded = square(plain)
    assert padded.shape == (60, 60, 3) and padded[0].max() == 0 and (padded[10:50] == plain).all()
