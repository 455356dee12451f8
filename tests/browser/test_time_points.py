"""A perfusion series is looked through in time: the picture changes, the view stays, and nothing is read."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from viewer_driver import Traffic, Viewer

from factories import make_nifti

pytestmark = pytest.mark.browser

PATIENCE = 90_000
TIMES, SECONDS = 12, 1.5
RAS = np.array([[2.0, 0, 0, -96], [0, 2.0, 0, -110], [0, 0, 5.0, 0], [0, 0, 0, 1]])


def bolus() -> np.ndarray:
    """Return (96, 110, 14, 12) int16 in RAS order: a head of 800 that a bolus darkens by 50 a time point, air of 0."""
    x, y, z = np.mgrid[:96, :110, :14].astype(np.float32)
    radius = np.sqrt(((x - 48) / 38) ** 2 + ((y - 55) / 47) ** 2 + ((z - 6) / 9) ** 2)
    texture = np.random.default_rng(0).normal(0, 12, radius.shape)
    ventricle = np.sqrt(((x - 48) / 9) ** 2 + ((y - 55) / 16) ** 2 + ((z - 7) / 4) ** 2) < 1
    times = []
    for number in range(TIMES):
        head = np.where(radius < 1, 800 - 50 * number + texture, 0)
        times.append(np.where(ventricle, 1100 + texture, head))
    return np.stack(times, axis=-1).astype(np.int16)


def opened(page, folder: Path, *names: str) -> Viewer:
    """Upload the series under some names and give the viewer of the first."""
    header = {"xyzt_units": 2 | 8, "pixdim": [1, 2, 2, 5, SECONDS, 1, 1, 1]}
    paths = [make_nifti(folder / name, bolus(), RAS, header=header) for name in names]
    page.locator("input[type=file]").first.set_input_files(paths)
    page.locator('.viewer[data-ready="true"][data-time="1"]').wait_for()
    return Viewer(page, Traffic())


def compare_with(page, name: str) -> None:
    """Choose the series beside; in its first second on the page the list takes a click without opening."""
    option, deadline = page.get_by_role("option", name=name).first, time.monotonic() + PATIENCE / 1000
    while not option.is_visible() and time.monotonic() < deadline:
        page.get_by_test_id("stSelectbox").locator("input").click()
        page.wait_for_timeout(1000)
    option.click()


def mean_in_ellipse(viewer: Viewer) -> float:
    """Return the mean that the one measurement shows."""
    text = viewer.root.locator(".measure-items .measure-show").first.text_content()
    return float(text.partition("mean ")[2].partition(" ")[0])


def measure_beside_the_middle(viewer: Viewer) -> None:
    """Draw an ellipse in the left half of the head, where the bolus passes."""
    box = viewer.active.locator("canvas.image").bounding_box()
    viewer.active.locator("canvas.image").focus()
    viewer.press("l")
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]
    viewer.page.mouse.move(x + 70, y - 15)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x + 100, y + 15, steps=4)
    viewer.page.mouse.up()
    viewer.settle()


def step(viewer: Viewer, key: str, number: int) -> None:
    """Press a key on the slider and wait for the picture of a time point."""
    viewer.page.get_by_role("slider", name="Time point").press(key)
    viewer.page.locator(f'.viewer[data-time="{number}"]').wait_for()
    viewer.settle()


def test_time_is_stepped_through_and_the_view_stays(page, tmp_path: Path, screenshots: Path) -> None:
    viewer, sidebar = opened(page, tmp_path, "sub-1_dsc_perfusion.nii"), page.get_by_test_id("stSidebar")
    assert "12 time points, the first shown" in sidebar.inner_text()
    assert page.get_by_role("button", name="Read this scan").count() == 0
    page.get_by_text("No reading: abstained").wait_for()
    viewer.active.locator("canvas.image").focus()
    viewer.press("ArrowUp", "ArrowUp", "+")
    measure_beside_the_middle(viewer)
    before = viewer.slice, viewer.window, viewer.text(".zoom")
    first = mean_in_ellipse(viewer)
    page.screenshot(path=screenshots / "time_point_first.png")
    for number in range(2, 6):
        step(viewer, "ArrowRight", number)
        assert (viewer.slice, viewer.window, viewer.text(".zoom")) == before
        assert mean_in_ellipse(viewer) == pytest.approx(first - 50 * (number - 1), abs=1)
    sidebar.get_by_text("6.0 s after the first").wait_for()
    assert viewer.text(".time") == "Time point 5 of 12"
    sidebar.get_by_text("12 time points, number 5 shown").wait_for()
    page.screenshot(path=screenshots / "time_point.png")
    step(viewer, "End", TIMES)
    step(viewer, "Home", 1)
    assert mean_in_ellipse(viewer) == pytest.approx(first, abs=0.1)
    assert page.get_by_role("button", name="Read this scan").count() == 0
    assert not page.get_by_role("alert").count()


def test_two_time_series_beside_each_other_have_a_time_each(page, tmp_path: Path, screenshots: Path) -> None:
    viewer = opened(page, tmp_path, "sub-1_dsc.nii", "sub-2_dsc.nii")
    compare_with(page, "MR perfusion")
    page.locator('.viewer[data-layout="compare"][data-time="1 1"]').wait_for()
    viewer.root.get_by_role("button", name="Linked").click()
    for slider, times in ((1, "1 2"), (0, "2 2")):
        page.get_by_role("slider", name="Time point").nth(slider).press("ArrowRight")
        page.locator(f'.viewer[data-time="{times}"]').wait_for()
        assert viewer.attribute("layout") == "compare"
        assert viewer.root.get_by_role("button", name="Not linked").count() == 1
    assert [viewer.panel(name).locator(".time").inner_text() for name in ("axial", "second")] == 2 * [
        "Time point 2 of 12"
    ]
    page.get_by_text("number 2 is shown").wait_for()
    page.screenshot(path=screenshots / "time_points_compared.png")
