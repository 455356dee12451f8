"""The viewer as a reader uses it: what is drawn, what keys and mouse do, and what stays silent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from viewer_driver import Viewer, viewers

pytestmark = pytest.mark.browser

PATIENCE = 90_000
BRAIN = (200, 128)
BLEED = (120, 160)
BOX = (128, 98)


@pytest.fixture(scope="module")
def address(serve: Callable[..., str]) -> str:
    return serve(Path(__file__).with_name("viewer_app.py"))


@pytest.fixture
def open_viewer(browser, address: str) -> Iterator[Callable[..., Viewer]]:
    with viewers(browser, address, height=800, patience=PATIENCE) as opened:
        yield opened


@pytest.fixture
def viewer(open_viewer: Callable[..., Viewer]) -> Viewer:
    return open_viewer()


def test_opens_where_asked_with_letters_and_labels(viewer: Viewer, screenshots: Path) -> None:
    assert viewer.slice == 5
    assert viewer.window == (80, 40)
    letters = {edge: viewer.text(f'[data-edge="{edge}"]') for edge in ("left", "right", "top", "bottom")}
    assert letters == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert viewer.text(".place") == "Slice 6 / 24 · z −35.0 mm"
    assert viewer.text(".notes") == "Gantry tilt 12.0°."
    assert viewer.attribute("synthetic") == "true"
    viewer.page.screenshot(path=screenshots / "viewer.png")


def test_without_geometry_nothing_is_claimed(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("/?nogeometry=1")
    assert {viewer.text(f'[data-edge="{edge}"]') for edge in ("left", "right", "top", "bottom")} == {""}
    assert "No geometry" in viewer.text(".notes")
    assert viewer.text(".place") == "Slice 6 / 24"
    four = viewer.root.get_by_role("button", name="Four panels")
    assert four.get_attribute("aria-disabled") == "true"
    assert "no geometry" in four.get_attribute("title")
    viewer.press("g", "c")
    assert (viewer.attribute("layout"), viewer.attribute("plane")) == ("one", "axial")
    viewer.press("d")
    viewer.hover((100, 100))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.hover((130, 140)))
    viewer.page.mouse.up()
    text = json.loads(viewer.attribute("measures"))[0]["text"]
    assert text.endswith(" px")
    assert float(text.removesuffix(" px")) == pytest.approx(50, abs=0.6)
    assert not viewer.root.locator(".panel.active .scale").is_visible()


def test_keys_move_through_the_slices(viewer: Viewer) -> None:
    places = []
    for key in ("ArrowDown", "ArrowUp", "PageDown", "PageUp", "End", "ArrowDown", "Home", "ArrowUp"):
        viewer.press(key)
        places.append(viewer.slice)
    assert places == [6, 5, 8, 5, 23, 23, 0, 0]


def test_wheel_slider_and_strip_move_through_the_slices(viewer: Viewer) -> None:
    viewer.hover(BRAIN)
    viewer.page.mouse.wheel(0, 100)
    viewer.page.mouse.wheel(0, 100)
    assert viewer.slice == 7
    viewer.page.mouse.wheel(0, -100)
    assert viewer.slice == 6
    viewer.root.locator(".slider").fill("17")
    assert viewer.slice == 17
    strips = viewer.root.locator(".strips")
    box = strips.bounding_box()
    strips.click(position={"x": 8 + 12 / 23 * (box["width"] - 16), "y": 10})
    assert viewer.slice == 12
    assert "Hemorrhagic 0.90" in viewer.text(".labels")
    assert "Hemorrhagic: 0.90 (threshold 0.50)" in strips.get_attribute("title")


@pytest.mark.parametrize(("key", "window"), [("1", (80, 40)), ("2", (40, 40)), ("3", (8, 32)), ("4", (200, 75))])
def test_drawn_gray_is_the_window_of_the_voxel(viewer: Viewer, key: str, window: tuple[int, int]) -> None:
    viewer.press(key)
    assert viewer.window == window
    for voxel, hu in ((BRAIN, 35), (BOX, 5)):
        gray = round(255 * min(1, max(0, (hu - window[1]) / window[0] + 0.5)))
        assert viewer.pixel(voxel) == pytest.approx([gray] * 3, abs=1)


def test_preset_buttons_set_the_window(viewer: Viewer) -> None:
    viewer.root.get_by_role("button", name="Bone").click()
    assert viewer.window == (2800, 600)
    assert viewer.root.get_by_role("button", name="Bone").get_attribute("aria-pressed") == "true"


def test_value_under_the_cursor(viewer: Viewer) -> None:
    viewer.press("End")
    for voxel, hu in ((BOX, 23), ((119, 140), 35)):
        viewer.hover(voxel)
        assert viewer.text(".probe").startswith(f"{hu} HU · row {voxel[0] + 1}, column {voxel[1] + 1}")


def test_drag_sets_window_pans_and_resets(viewer: Viewer) -> None:
    x, y = viewer.hover(BRAIN)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x + 30, y - 30)
    viewer.page.mouse.up()
    assert viewer.window == pytest.approx((88, 32))
    before = viewer.place(BRAIN)
    viewer.page.keyboard.down("Shift")
    viewer.page.mouse.down()
    viewer.page.mouse.move(x + 50, y - 50)
    viewer.page.mouse.up()
    viewer.page.keyboard.up("Shift")
    moved = viewer.place(BRAIN)
    assert (moved[0] - before[0], moved[1] - before[1]) == pytest.approx((20, -20), abs=0.1)
    viewer.page.mouse.dblclick(x, y)
    assert viewer.window == (80, 40)
    assert viewer.place(BRAIN) == pytest.approx(before, abs=0.1)


def test_zoom_keeps_the_voxel_under_the_cursor(viewer: Viewer) -> None:
    viewer.hover(BLEED)
    before = viewer.place(BLEED)
    viewer.page.keyboard.down("Control")
    viewer.page.mouse.wheel(0, -200)
    viewer.page.keyboard.up("Control")
    assert float(viewer.attribute("zoom")) > 1.3
    assert viewer.place(BLEED) == pytest.approx(before, abs=0.6)


def test_drag_mode_scrolls(viewer: Viewer) -> None:
    viewer.root.get_by_role("button", name="Drag moves slices").click()
    x, y = viewer.hover(BRAIN)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x, y + 72, steps=6)
    viewer.page.mouse.up()
    assert viewer.slice > 6
    assert viewer.window == (80, 40)


def test_overlay_colors_what_is_high_and_nothing_else(viewer: Viewer, screenshots: Path) -> None:
    viewer.root.locator(".slider").fill("12")
    bleed, brain = viewer.pixel(BLEED), viewer.pixel(BRAIN)
    viewer.root.locator(".overlay-map").select_option(label="Lesion map")
    viewer.page.wait_for_selector('.viewer[data-overlay-drawn="true"]')
    red, _, blue = viewer.pixel(BLEED)
    assert red > blue
    assert viewer.pixel(BRAIN) == brain
    viewer.page.screenshot(path=screenshots / "viewer_overlay.png")
    viewer.page.locator(".panel.active .image").focus()
    viewer.press("o")
    assert viewer.attribute("overlay") == ""
    assert viewer.pixel(BLEED) == bleed
    viewer.press("o")
    assert viewer.attribute("overlay") == "Lesion map"


def test_looking_is_silent_and_fast(viewer: Viewer, capsys: pytest.CaptureFixture[str]) -> None:
    viewer.page.wait_for_timeout(500)
    viewer.traffic.clear()
    times = []
    for index in range(30):
        viewer.press("ArrowDown" if index % 20 < 10 else "ArrowUp")
        times.append(float(viewer.attribute("draw-ms")))
    viewer.press("2", "r", "c", "o", "o", "+", "?", "?")
    viewer.hover(BLEED)
    viewer.page.mouse.wheel(0, 300)
    viewer.page.wait_for_timeout(300)
    assert viewer.traffic.requests == []
    assert viewer.traffic.sent == []
    median = sorted(times)[len(times) // 2]
    with capsys.disabled():
        print(f"\nkey press to drawn slice: median {median:.1f} ms, worst {max(times):.1f} ms")
    assert median < 50


def test_explaining_returns_the_slice_and_keeps_the_view(viewer: Viewer, screenshots: Path) -> None:
    volume_bytes = max(viewer.traffic.received)
    assert volume_bytes > 300_000
    viewer.root.locator(".slider").fill("11")
    viewer.page.locator(".panel.active .image").focus()
    viewer.press("4", "+")
    zoom = viewer.attribute("zoom")
    viewer.traffic.clear()
    viewer.press("e")
    viewer.page.get_by_text("Event: explain 11").wait_for()
    viewer.page.wait_for_selector('.viewer[data-overlay="Grad-CAM slice 12"][data-overlay-drawn="true"]')
    assert (viewer.slice, viewer.window, viewer.attribute("zoom")) == (11, (200, 75), zoom)
    # The viewer's own code comes along (about 120 kB), the volume does not.
    assert sum(viewer.traffic.received) < volume_bytes / 4
    viewer.page.screenshot(path=screenshots / "viewer_explained.png")
    viewer.press("ArrowDown")
    assert viewer.text(".overlay-note") == "Not on this slice; made for slice 12"
    viewer.root.get_by_role("button", name="Explain this slice").click()
    viewer.page.get_by_text("Event: explain 12").wait_for()


def test_touch_scrolls(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer(has_touch=True)
    session = viewer.page.context.new_cdp_session(viewer.page)
    x, y = viewer.hover(BRAIN)
    touches = [("touchStart", y - 60), ("touchMove", y - 30), ("touchMove", y), ("touchEnd", None)]
    for kind, height in touches:
        points = [] if height is None else [{"x": x, "y": height}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert viewer.slice > 5
    assert viewer.window == (80, 40)


def test_view_survives_leaving_and_coming_back(viewer: Viewer) -> None:
    viewer.press("End", "5", "+")
    zoom = viewer.attribute("zoom")
    hide = viewer.page.get_by_text("Hide", exact=True)
    hide.click()
    viewer.root.wait_for(state="detached")
    hide.click()
    viewer.page.wait_for_selector('.viewer[data-ready="true"]')
    assert (viewer.slice, viewer.window, viewer.attribute("zoom")) == (23, (2800, 600), zoom)


def test_mr_in_source_units_with_its_own_windows_and_pixel_shape(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("/?mr=1")
    names = viewer.root.locator("[data-preset]").all_inner_texts()
    assert names == ["Auto", "Soft", "Bright"]
    _, _, wide, tall = map(float, viewer.attribute("transform").split(","))
    assert tall / wide == pytest.approx(2)
    assert [viewer.text(f'[data-edge="{edge}"]') for edge in ("left", "top")] == ["A", "S"]
    viewer.hover((60, 123))
    assert viewer.text(".probe").startswith("1.23 a.u.")
    viewer.hover((0, 123))
    assert viewer.text(".probe") == "no value"
    viewer.press("2")
    width, level = viewer.window
    assert (width, level) == pytest.approx((2.55, 1.275), rel=1e-3)
    assert viewer.pixel((60, 123)) == pytest.approx([123] * 3, abs=2)
    assert not viewer.root.get_by_role("button", name="Explain this slice").is_visible()


def test_choosing_overlays_does_not_move_the_picture(viewer: Viewer) -> None:
    for width in (1280, 1000, 820):
        viewer.page.set_viewport_size({"width": width, "height": 800})
        viewer.root.locator(".overlay-map").select_option(index=0)
        viewer.settle()
        before = viewer.root.locator(".panel.active .image").bounding_box()
        viewer.root.locator(".overlay-map").select_option(label="Lesion map")
        viewer.settle()
        assert viewer.root.locator(".panel.active .image").bounding_box() == before


def test_first_slices_are_shown_while_others_are_on_their_way(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("/?arriving=2")
    assert viewer.text(".arrival") == "Loading slices, 33 %"
    assert viewer.slice == 5
    viewer.hover(BOX)
    assert viewer.text(".probe").startswith("5 HU")
    viewer.press("End")
    assert (viewer.text(".kind"), viewer.text(".probe")) == ("Axial, loading", "loading")
    assert viewer.attribute("complete") == "false"
    viewer.press("v")
    viewer.root.get_by_text("still loading").wait_for()
    viewer.page.get_by_role("button", name="More").click()
    viewer.page.wait_for_selector('.viewer[data-complete="true"]')
    assert viewer.slice == 23
    viewer.settle()
    assert viewer.text(".kind") == "Axial, acquired"
    assert viewer.pixel(BOX) == pytest.approx([round(255 * 23 / 80)] * 3, abs=1)
    assert not viewer.root.locator(".arrival").is_visible()
    viewer.page.locator(".panel.active .image").focus()
    viewer.press("c")
    assert viewer.text(".kind") == "Coronal, interpolated"
    viewer.press("a", "Home")
    assert viewer.pixel(BOX) == pytest.approx([0] * 3, abs=1)


def test_damaged_overlay_is_said_and_the_picture_stays(viewer: Viewer) -> None:
    # The page's own table of packed arrays is where the bytes of a broken transfer would stand.
    cut = """() => {
      const table = globalThis[Symbol.for("strokeapp.blobs")];
      for (const entry of table.held.values()) entry.bytes = entry.bytes.slice(0, entry.bytes.length / 2);
    }"""
    viewer.page.evaluate(cut)
    viewer.root.locator(".overlay-map").select_option(label="Lesion map")
    viewer.root.get_by_text("This overlay cannot be shown").wait_for()
    viewer.hover(BRAIN)
    viewer.page.mouse.wheel(0, 100)
    assert viewer.slice == 6
    assert viewer.text(".overlay-note").startswith("This overlay cannot be shown")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", "no image to show"),
        ("truncated", "data is damaged"),
        ("changed", "data is damaged"),
        ("unreadable", "data is damaged"),
    ],
)
def test_broken_data_gets_a_message(browser, address: str, how: str, message: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/?broken={how}")
    page.locator(".message").get_by_text(message).wait_for(timeout=PATIENCE)
    page.close()


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (820, 1180)])
def test_everything_fits_the_window(open_viewer: Callable[..., Viewer], screenshots: Path, size: tuple) -> None:
    viewer = open_viewer()
    viewer.page.set_viewport_size({"width": size[0], "height": size[1]})
    viewer.settle()
    box = viewer.root.bounding_box()
    if viewer.attribute("folded") == "true":
        viewer.root.get_by_role("button", name="More tools").click()
    for part in (".reset", ".explain", ".help-button", ".panel.active .image", ".slider", ".overlay-map", ".opacity"):
        inner = viewer.root.locator(part).bounding_box()
        assert inner["x"] >= box["x"] and inner["x"] + inner["width"] <= box["x"] + box["width"]
        assert inner["y"] + inner["height"] <= box["y"] + box["height"] <= size[1]
    viewer.page.screenshot(path=screenshots / f"viewer_{size[0]}x{size[1]}.png")
