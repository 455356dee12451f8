"""The picture of the view: what must stand in it, and when none is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from viewer_driver import Viewer

pytestmark = pytest.mark.browser


def projected(viewer: Viewer) -> None:
    viewer.settle()
    viewer.page.wait_for_selector('.panel[data-panel="slab"][data-computing="false"]')
    viewer.settle()


def snapshot(viewer: Viewer, folder: Path) -> np.ndarray:
    """Save a picture of the view; return it as (rows, columns, 3)."""
    with viewer.page.expect_download() as download:
        viewer.press("v")
    download.value.save_as(folder / "view.png")
    return np.asarray(Image.open(folder / "view.png").convert("RGB")).astype(int)


@pytest.mark.parametrize(("beside", "warned"), [("other", True), ("same", False)])
def test_snapshot_of_two_series_says_that_they_are_not_registered(
    open_phantom: Callable[..., Viewer], tmp_path: Path, beside: str, warned: bool
) -> None:
    viewer = open_phantom(f"/?beside={beside}")
    viewer.page.wait_for_selector('.viewer[data-layout="compare"]')
    viewer.settle()
    picture = snapshot(viewer, tmp_path)
    rows, columns = picture.shape[:2]
    corner = picture[20 : rows // 5, 3 * columns // 4 :]
    amber = (corner[..., 0] > 150) & (corner[..., 0] - corner[..., 2] > 40)
    assert bool(amber.sum() > 200) is warned


def test_snapshot_waits_for_the_projection(open_phantom: Callable[..., Viewer], tmp_path: Path) -> None:
    viewer = open_phantom()
    viewer.press("5", "p")
    projected(viewer)
    # Under a clock that leaps no frame has time for a piece of the projection.
    viewer.page.evaluate(
        """() => {
          const clock = performance.now.bind(performance);
          let leaps = 0;
          performance.now = () => clock() + 100 * ++leaps;
          globalThis.heal = () => { performance.now = clock; };
        }"""
    )
    viewer.press("ArrowDown", "v")
    viewer.root.get_by_text("still being computed").wait_for()
    viewer.page.evaluate("globalThis.heal()")
    projected(viewer)
    assert snapshot(viewer, tmp_path).max() > 200
