"""The viewer's toolbars on narrow screens and under fingers: rows, size of the targets, menu, keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from viewer_driver import Viewer, viewers

pytestmark = pytest.mark.browser

PATIENCE = 90_000
FINGER = 44  # CSS pixels; WCAG 2.2, success criterion 2.5.5
PORTRAIT = [(820, 1180), (768, 1024), (480, 1024), (320, 900)]  # the app's columns can be as narrow as the last
LANDSCAPE = [(1280, 720), (1440, 900)]
TARGETS = """(bars) => bars.flatMap((bar) => [...bar.querySelectorAll("button, select")])
  .filter((node) => node.getClientRects().length)
  .map((node) => { const box = node.getBoundingClientRect(); return [box.top, box.bottom, box.width, box.height]; })"""
FOCUSED = """(root) => { const node = root.getRootNode().activeElement;
  return node ? node.getAttribute("aria-label") || node.textContent : ""; }"""


@pytest.fixture(scope="module")
def address(serve: Callable[..., str]) -> str:
    return serve(Path(__file__).with_name("planes_app.py"))


@pytest.fixture
def open_sized(browser, address: str) -> Iterator[Callable[..., Viewer]]:
    with viewers(browser, address, height=800, patience=PATIENCE) as opened:

        def sized(size: tuple[int, int], query: str = "/?overlay=1&beside=other", **options) -> Viewer:
            viewer = opened(query, viewport={"width": size[0], "height": size[1]}, **options)
            if "beside" in query:
                viewer.page.wait_for_selector('.viewer[data-layout="compare"]')
            viewer.settle()
            return viewer

        yield sized


def targets(viewer: Viewer) -> list[tuple[float, float, float, float]]:
    """Return top, bottom, width and height of everything to press in the toolbars."""
    return [tuple(box) for box in viewer.root.locator(".first-bar, .second-bar").evaluate_all(TARGETS)]


def rows(boxes: list[tuple[float, float, float, float]]) -> int:
    """Return in how many lines boxes stand: a box that begins below all before begins a line."""
    count, bottom = 0, float("-inf")
    for top, low, _, _ in sorted(boxes):
        if top >= bottom:
            count += 1
        bottom = max(bottom, low)
    return count


@pytest.mark.parametrize("size", PORTRAIT)
def test_portrait_toolbar_takes_two_rows_of_finger_sized_targets(
    open_sized: Callable[..., Viewer], screenshots: Path, size: tuple[int, int]
) -> None:
    viewer = open_sized(size, has_touch=True)
    boxes = targets(viewer)
    assert rows(boxes) == 2
    assert min(min(wide, high) for _, _, wide, high in boxes) >= FINGER
    stage, whole = viewer.root.locator(".stage").bounding_box(), viewer.root.bounding_box()
    assert stage["height"] > 0.6 * whole["height"]
    for part in (".more-button", ".link", ".slider", ".overlay-explanation", ".opacity"):
        inner = viewer.root.locator(part).bounding_box()
        assert inner["x"] >= whole["x"] and inner["x"] + inner["width"] <= whole["x"] + whole["width"]
        assert inner["y"] + inner["height"] <= whole["y"] + whole["height"]
    viewer.page.screenshot(path=screenshots / f"viewer_toolbar_{size[0]}x{size[1]}.png")


@pytest.mark.parametrize("size", LANDSCAPE)
def test_a_mouse_on_a_wide_screen_sees_every_tool(open_sized: Callable[..., Viewer], size: tuple[int, int]) -> None:
    viewer = open_sized(size)
    assert viewer.attribute("folded") == "false"
    assert rows(targets(viewer)) == 2
    assert not viewer.root.get_by_role("button", name="More tools").is_visible()
    for name in ("Save a picture of this view", "Reset view", "Keys and gestures", "List of measurements"):
        assert viewer.root.get_by_role("button", name=name, exact=True).is_visible()


def test_folded_actions_are_in_the_menu_with_their_names(open_sized: Callable[..., Viewer], screenshots: Path) -> None:
    viewer = open_sized((480, 1024), "/", has_touch=True)
    viewer.press("3", "+", "+")
    more = viewer.root.get_by_role("button", name="More tools")
    reset = viewer.root.get_by_role("button", name="Reset view")
    assert not reset.is_visible()
    more.tap()
    assert more.get_attribute("aria-expanded") == "true"
    assert reset.inner_text().strip() == "Reset view"
    box, whole = reset.bounding_box(), viewer.root.bounding_box()
    assert box["height"] >= FINGER and box["x"] + box["width"] <= whole["x"] + whole["width"]
    viewer.page.screenshot(path=screenshots / "viewer_toolbar_menu.png")
    reset.tap()
    assert (viewer.attribute("zoom"), viewer.window) == ("1", (80, 40))
    assert not reset.is_visible()
    more.tap()
    viewer.hover((64, 64))
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    assert not reset.is_visible()


def test_keyboard_reaches_tools_that_are_scrolled_away_and_the_menu(open_sized: Callable[..., Viewer]) -> None:
    viewer = open_sized((320, 900), "/")
    viewer.root.get_by_role("button", name="Drag sets window and level").focus()
    reached = []
    for _ in range(12):
        reached.append(viewer.root.evaluate(FOCUSED))
        if reached[-1] == "Four panels":
            viewer.settle()
            group, four = (viewer.root.locator(part).bounding_box() for part in (".tools", '[data-layout="grid"]'))
            assert group["x"] - 1 <= four["x"] and four["x"] + four["width"] <= group["x"] + group["width"] + 1
            viewer.press("Enter")
            assert viewer.attribute("layout") == "grid"
        viewer.press("Tab")
    assert {"Measure inside an ellipse", "Four panels", "Plane"} <= set(reached)
    viewer.root.get_by_role("button", name="More tools").focus()
    viewer.press("Enter", "Tab")
    assert viewer.root.evaluate(FOCUSED) == "List of measurements"
    viewer.press("Escape")
    assert viewer.root.evaluate(FOCUSED) == "More tools"
    assert viewer.attribute("menu") == "closed"


def test_turning_the_screen_unfolds_the_menu(open_sized: Callable[..., Viewer]) -> None:
    viewer = open_sized((480, 1024), "/", has_touch=True)
    viewer.root.get_by_role("button", name="More tools").tap()
    viewer.page.set_viewport_size({"width": 1024, "height": 480})
    viewer.settle()
    assert (viewer.attribute("folded"), viewer.attribute("menu")) == ("false", "closed")
    assert viewer.root.get_by_role("button", name="Reset view").is_visible()
    assert not viewer.root.get_by_role("button", name="More tools").is_visible()
