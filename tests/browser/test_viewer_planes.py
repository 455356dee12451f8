"""Cuts, crosshair, projection, measuring, two series and snapshot, against a phantom whose every mm is known."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from viewer_driver import Viewer, contrast, luminance

pytestmark = pytest.mark.browser

MARKER = {"x": 20.0, "y": -10.0, "z": 30.0}
CENTROID = """(canvas) => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [n, sx, sy] = [0, 0, 0];
  for (let i = 0; i < width * height; i++) {
    if (data[4 * i] <= 120) continue; // 1000 HU is 164 in the bone window, 50 HU is 77
    n += 1;
    sx += i % width;
    sy += Math.floor(i / width);
  }
  return { n, x: sx / n + 0.5, y: sy / n + 0.5 };
}"""


def probe_mm(viewer: Viewer, panel: str) -> dict[str, float]:
    """Return the patient position that a panel names under the mouse."""
    text = viewer.panel(panel).locator(".probe").inner_text().replace("−", "-")
    return {axis: float(value) for axis, value in re.findall(r"([xyz]) (-?[\d.]+)", text)}


def point_at_white(viewer: Viewer, panel: str) -> dict[str, float]:
    """Put the mouse on the middle of what is white in a panel and return the position named there."""
    canvas = viewer.panel(panel).locator(".image")
    middle = canvas.evaluate(CENTROID)
    assert middle["n"] > 20
    box = canvas.bounding_box()
    viewer.page.mouse.move(box["x"] + middle["x"], box["y"] + middle["y"])
    viewer.settle()
    return probe_mm(viewer, panel)


def whites(viewer: Viewer, panel: str) -> int:
    return viewer.panel(panel).locator(".image").evaluate(CENTROID)["n"]


def letters(viewer: Viewer, panel: str) -> list[str]:
    return viewer.panel(panel).locator(".edge").all_inner_texts()


def test_no_plane_has_letters_where_the_file_states_no_orientation(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom("/")
    viewer.press("g")
    assert set(letters(viewer, "axial")) == {"A", "P", "R", "L"} and set(letters(viewer, "sagittal")) == set("SIAP")
    viewer = open_phantom("/?unoriented=1")
    viewer.press("g")
    for panel in ("axial", "coronal", "sagittal", "slab"):
        assert set(letters(viewer, panel)) == {""}
    assert "mm" in viewer.panel("coronal").locator(".place").inner_text()


def projected(viewer: Viewer) -> None:
    viewer.settle()
    viewer.page.wait_for_selector('.panel[data-panel="slab"][data-computing="false"]')
    viewer.settle()


@pytest.mark.parametrize("query", ["/", "/?tilt=20", "/?tilt=-15", "/?uneven=1"])
def test_marker_lies_where_it_is_in_every_plane(open_phantom: Callable[..., Viewer], query: str) -> None:
    viewer = open_phantom(query)
    viewer.press("5", "g", "x")  # a bone window shows the marker alone; no lines over it
    viewer.root.get_by_role("button", name="Drag sets window").click()
    for _ in range(40):
        if whites(viewer, "axial") > 20:
            break
        viewer.panel("axial").locator(".image").focus()
        viewer.press("ArrowUp")
    seen = point_at_white(viewer, "axial")
    assert (seen["x"], seen["y"]) == pytest.approx((MARKER["x"], MARKER["y"]), abs=2)
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    viewer.settle()
    for panel, off in (("coronal", "y"), ("sagittal", "x")):
        assert float(viewer.panel(panel).get_attribute("data-position")) == pytest.approx(MARKER[off], abs=2)
        seen = point_at_white(viewer, panel)
        for axis in {"x", "y", "z"} - {off}:
            assert seen[axis] == pytest.approx(MARKER[axis], abs=1.5), (panel, axis)


def test_click_in_a_cut_moves_the_other_panels_to_that_place(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom()
    viewer.press("g")
    viewer.hover((73, 84), "axial")  # row 73 lies at y = 73 - 63.5, column 84 at x = 84 - 63.5
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    viewer.settle()
    assert viewer.place_text("coronal") == "y 9.5 mm"
    assert viewer.place_text("sagittal") == "x 20.5 mm"
    box = viewer.panel("coronal").locator(".image").bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    viewer.settle()
    wanted = probe_mm(viewer, "coronal")["z"]
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    viewer.settle()
    assert viewer.slice == round((wanted + 20) / 2.5)
    assert viewer.place_text("sagittal").startswith("x ")


def test_letters_of_every_panel_and_layout_keys(open_phantom: Callable[..., Viewer], screenshots: Path) -> None:
    viewer = open_phantom("/?tilt=20")
    expected = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
    for key, name in (("c", "coronal"), ("s", "sagittal"), ("a", "axial")):
        viewer.press(key)
        assert viewer.attribute("plane") == name
        assert "".join(viewer.text(f'[data-edge="{e}"]') for e in ("left", "right", "top", "bottom")) == expected[name]
    viewer.press("g")
    assert viewer.attribute("layout") == "grid"
    assert [viewer.panel(name).is_visible() for name in ("axial", "coronal", "sagittal", "slab", "second")] == [
        True
    ] * 4 + [False]
    projected(viewer)
    viewer.page.screenshot(path=screenshots / "viewer_grid.png")
    viewer.press("g")
    assert viewer.attribute("layout") == "one"
    viewer.root.get_by_role("button", name="Four panels").click()
    assert viewer.attribute("layout") == "grid"


def test_slab_holds_what_lies_within_its_thickness(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom()
    viewer.press("5", "p")
    viewer.root.locator(".slider").fill("4")  # z = -10; the ball begins at z = 24
    viewer.root.locator(".slab-thickness").fill("20")
    viewer.root.locator(".slab-thickness").press("Enter")
    projected(viewer)
    assert whites(viewer, "slab") == 0
    viewer.root.locator(".slab-thickness").fill("90")
    viewer.root.locator(".slab-thickness").press("Enter")
    projected(viewer)
    assert whites(viewer, "slab") > 100
    assert "90 mm" in viewer.text(".kind")
    viewer.root.locator(".slab-mode").select_option("min")
    projected(viewer)
    assert whites(viewer, "slab") == 0


def drag(viewer: Viewer, start: tuple[float, float], end: tuple[float, float]) -> None:
    viewer.hover(start)
    viewer.page.mouse.down()
    x, y = viewer.hover(end)
    viewer.page.mouse.move(x, y)
    viewer.page.mouse.up()
    viewer.settle()


def measures(viewer: Viewer) -> list[dict[str, str]]:
    return json.loads(viewer.attribute("measures"))


def test_distance_and_angle_in_the_patient(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom("/?tilt=20")
    viewer.press("d")
    drag(viewer, (20, 30), (50, 70))
    viewer.press("n")
    drag(viewer, (90, 40), (60, 40))
    viewer.hover((60, 80))
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    viewer.settle()
    distance, angle = measures(viewer)
    assert float(distance["text"].removesuffix(" mm")) == pytest.approx(50.0, abs=0.3)
    assert float(angle["text"].removesuffix("°")) == pytest.approx(90.0, abs=0.6)
    viewer.press("ArrowDown")
    assert viewer.root.locator(".measure-count").inner_text() == "2"
    viewer.press("m")
    viewer.root.locator(".measure-show").first.click()
    assert viewer.slice == 20
    viewer.root.get_by_role("button", name="Delete distance").click()
    assert [item["kind"] for item in measures(viewer)] == ["angle"]
    viewer.root.get_by_role("button", name="Delete all").click()
    assert measures(viewer) == []


def test_ellipse_counts_stored_values_not_gray(open_phantom: Callable[..., Viewer], screenshots: Path) -> None:
    viewer = open_phantom()
    viewer.press("5", "l")  # in the bone window the block is one dark gray
    drag(viewer, (64, 30), (82, 46))  # inside the block: rows 62 to 85, columns 27 to 50
    text = measures(viewer)[0]["text"]
    assert text.startswith("mean 50.0 HU · SD 0.0")
    area = float(re.search(r"([\d.]+) mm²", text)[1])
    assert area == pytest.approx(math.pi * 9 * 8, rel=0.03)
    count = int(re.search(r"(\d+) px", text)[1])
    assert count == pytest.approx(area, rel=0.06)
    viewer.page.screenshot(path=screenshots / "viewer_measure.png")
    drag(viewer, (64, 10), (82, 44))  # half in the block, half in 0 HU
    mean, deviation = map(float, re.search(r"mean ([\d.]+) HU · SD ([\d.]+)", measures(viewer)[1]["text"]).groups())
    assert 20 < mean < 30 and 24 < deviation < 26


def test_measuring_on_a_cut_uses_mm_of_the_patient(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom("/?tilt=20")
    viewer.press("s", "d")
    drag(viewer, (30, 20), (30, 60))
    _, _, wide, _ = map(float, viewer.attribute("transform").split(","))
    assert float(measures(viewer)[0]["text"].removesuffix(" mm")) == pytest.approx(40.0, abs=1.5 / wide)


def place_mm(viewer: Viewer, panel: str) -> float:
    text = viewer.place_text(panel).replace("−", "-")
    return float(re.search(r"z (-?[\d.]+) mm", text)[1])


def test_two_series_scroll_together_in_mm(open_phantom: Callable[..., Viewer], screenshots: Path) -> None:
    viewer = open_phantom("/?beside=same")
    viewer.page.wait_for_selector('.viewer[data-layout="compare"]')
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "PageDown", "PageUp", "PageUp"):
        viewer.press(key)
        assert abs(place_mm(viewer, "axial") - place_mm(viewer, "second")) <= 2.0
    before = place_mm(viewer, "second")
    viewer.panel("second").locator(".image").focus()
    viewer.press("ArrowDown", "ArrowDown")
    assert place_mm(viewer, "second") == pytest.approx(before + 8)
    assert abs(place_mm(viewer, "axial") - place_mm(viewer, "second")) <= 1.25
    viewer.press("2")
    first = viewer.panel("axial").locator(".window").inner_text()
    assert (first, viewer.panel("second").locator(".window").inner_text()) == ("W 80 L 40", "W 40 L 40")
    viewer.page.screenshot(path=screenshots / "viewer_compare.png")


def test_frames_that_differ_are_said_and_can_be_linked_by_hand(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom("/?beside=other")
    viewer.page.wait_for_selector('.viewer[data-layout="compare"]')
    viewer.settle()
    assert "Frames of reference differ" in viewer.panel("second").locator(".notes").inner_text()
    viewer.press("u")
    still = place_mm(viewer, "second")
    viewer.press("ArrowDown", "ArrowDown", "ArrowDown")
    assert place_mm(viewer, "second") == still
    viewer.press("u")
    apart = place_mm(viewer, "second") - place_mm(viewer, "axial")
    viewer.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    assert abs(place_mm(viewer, "second") - place_mm(viewer, "axial") - apart) <= 2.0


def test_snapshot_carries_its_labels(open_phantom: Callable[..., Viewer], tmp_path: Path) -> None:
    viewer = open_phantom("/?overlay=1")
    viewer.press("o")
    viewer.page.wait_for_selector('.viewer[data-overlay="Map"][data-overlay-drawn="true"]')
    with viewer.page.expect_download() as download:
        viewer.press("v")
    assert download.value.suggested_filename == "strokeapp-axial-slice-21.png"
    download.value.save_as(tmp_path / "view.png")
    picture = Image.open(io.BytesIO((tmp_path / "view.png").read_bytes()))
    box = viewer.root.locator(".panels").bounding_box()
    assert picture.size == pytest.approx((2 * box["width"], 2 * (box["height"] + 46)), abs=4)
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    foot, corner = pixels[-92:], pixels[:80, :300]
    assert (foot.max(axis=2) > 150).mean() > 0.01  # the warning and the color bar
    assert (corner.max(axis=2) > 150).any()  # the series
    assert (foot[:, :, 2] - foot[:, :, 0]).max() > 80  # blue end of the map's colors


def test_overlays_show_each_its_own_color_bar(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom("/?overlay=1")
    viewer.root.locator(".overlay-map").select_option("Map")
    viewer.root.locator(".overlay-explanation").select_option("Why")
    viewer.page.wait_for_selector('.viewer[data-overlay="Map + Why"][data-overlay-drawn="true"]')
    bars = viewer.root.locator(".colorbar:visible")
    assert [re.sub(r"\s+", " ", text) for text in bars.all_inner_texts()] == [
        "0 0.5 1 probability",
        "0 0.5 1 relative attribution",
    ]


def test_inversion_turns_gray_around(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom()
    before = viewer.pixel((73, 38))[0]
    viewer.press("i")
    assert viewer.pixel((73, 38))[0] == pytest.approx(255 - before, abs=1)
    assert viewer.attribute("inverted") == "true"


def test_help_lists_every_key(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom()
    viewer.press("?")
    text = viewer.root.locator(".help").inner_text()
    for words in ("coronal", "two series side by side", "measure a distance", "save a picture", "window presets"):
        assert words in text
    viewer.press("Escape")
    assert not viewer.root.locator(".help").is_visible()


def test_everything_that_moves_pictures_is_silent(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom("/?tilt=20")
    viewer.page.wait_for_timeout(500)
    viewer.traffic.clear()
    viewer.press("g", "ArrowDown", "c", "ArrowDown", "s", "PageUp", "p", "i", "2", "x", "+", "g")
    viewer.press("d")
    drag(viewer, (20, 30), (50, 70))
    viewer.page.wait_for_timeout(300)
    assert viewer.traffic.requests == []
    assert viewer.traffic.sent == []


@pytest.mark.parametrize("layout", ["one", "grid"])
def test_thirty_keys_in_a_second_show_about_thirty_frames(
    open_phantom: Callable[..., Viewer], layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer = open_phantom("/?tilt=20")
    if layout == "grid":
        viewer.press("g")
    projected(viewer) if layout == "grid" else viewer.settle()
    shown = viewer.page.evaluate(
        """() => new Promise((done) => {
          const root = document.querySelector(".viewer") ?? [...document.querySelectorAll("*")]
            .map((node) => node.shadowRoot?.querySelector(".viewer")).find(Boolean);
          const canvas = root.querySelector(".panel.active .image");
          const slices = new Set();
          let [pressed, running] = [0, true];
          const watch = () => {
            slices.add(root.dataset.frames);
            if (running) requestAnimationFrame(watch);
          };
          requestAnimationFrame(watch);
          const timer = setInterval(() => {
            const key = pressed % 20 < 10 ? "ArrowDown" : "ArrowUp";
            canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true }));
            if (++pressed < 30) return;
            clearInterval(timer);
            setTimeout(() => { running = false; done(slices.size - 1); }, 100);
          }, 1000 / 30);
        })"""
    )
    with capsys.disabled():
        print(f"\n30 keys in one second, layout {layout}: {shown} frames")
    assert shown >= 20


LIGHT = {"base": "light", "backgroundColor": "#ffffff", "secondaryBackgroundColor": "#f0f2f6", "textColor": "#1c2733"}


@pytest.fixture(scope="module")
def light_address(serve: Callable[..., str]) -> str:
    """Serve the phantom in a light theme."""
    names = {name: re.sub("([A-Z])", r"_\1", name).upper() for name in LIGHT}
    themed = {f"STREAMLIT_THEME_{names[name]}": value for name, value in LIGHT.items()}
    return serve(Path(__file__).with_name("planes_app.py"), **themed)


@pytest.mark.parametrize("size", [(1280, 720), (820, 1180)])
@pytest.mark.parametrize("light", [False, True], ids=["dark", "light"])
def test_grid_fits_small_windows_and_can_be_read(
    open_phantom: Callable[..., Viewer], light_address: str, screenshots: Path, size: tuple[int, int], light: bool
) -> None:
    base = {"base": light_address} if light else {}
    viewer = open_phantom("/?overlay=1", viewport={"width": size[0], "height": size[1]}, **base)
    viewer.press("g")
    projected(viewer)
    box = viewer.root.bounding_box()
    for name in ("axial", "coronal", "sagittal", "slab"):
        inner = viewer.panel(name).bounding_box()
        assert inner["width"] > 200 and inner["height"] > 150
        assert inner["y"] + inner["height"] <= box["y"] + box["height"] <= size[1]
    for button in viewer.root.get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.inner_text()
    assert contrast(viewer) > 7
    background = viewer.root.evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert (luminance(background) > 0.5) is light
    viewer.page.screenshot(path=screenshots / f"viewer_grid_{size[0]}x{size[1]}_{'light' if light else 'dark'}.png")


def test_pinch_zooms(open_phantom: Callable[..., Viewer]) -> None:
    viewer = open_phantom(has_touch=True)
    session = viewer.page.context.new_cdp_session(viewer.page)
    x, y = viewer.hover((64, 64))
    for kind, half in (("touchStart", 30), ("touchMove", 60), ("touchMove", 90), ("touchEnd", None)):
        points = [] if half is None else [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert float(viewer.attribute("zoom")) > 1.5
    assert viewer.slice == 20
