"""The way of a department lead: move the operating point, compare, look at mistakes, take everything along."""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
APP = Path(__file__).with_name("evidence_app.py")
PATIENCE = 240_000
SIZE = {"width": 1280, "height": 720}
LIGHT = {
    "STREAMLIT_THEME_BASE": "light",
    "STREAMLIT_THEME_BACKGROUND_COLOR": "#ffffff",
    "STREAMLIT_THEME_SECONDARY_BACKGROUND_COLOR": "#f0f2f6",
    "STREAMLIT_THEME_TEXT_COLOR": "#1c2733",
}


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Serve two made-up networks, without any images."""
    return serve(APP, PYTHONPATH=str(REPOSITORY / "tests"), STROKEAPP_SHARED=str(tmp_path_factory.mktemp("none")))


@pytest.fixture(scope="module")
def lead(browser, address: str) -> Iterator:
    """Give the page in a browser window; the tests of this file use it one after the other."""
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_text("Published results").wait_for()
    settled(page)
    yield page
    page.close()


def settled(page) -> None:
    """Wait until the script has ended and figures are drawn."""
    page.wait_for_timeout(500)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(1000)


def metric(page, label: str) -> float:
    tile = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True)).first
    return float(tile.get_by_test_id("stMetricValue").inner_text())


def matrix(page) -> list[int]:
    """Return what is written in the confusion matrix: true positives, missed, false alarms, rightly not flagged."""
    counts = page.locator(".js-plotly-plot").first.locator(".annotation-text")
    texts = counts.evaluate_all("nodes => nodes.map((node) => node.querySelector('tspan').textContent)")
    return [int(text.replace(",", "")) for text in texts]


def download(page, button) -> tuple[str, bytes]:
    with page.expect_download(timeout=PATIENCE) as caught:
        button.click()
    return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()


def pixels(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_operating_point_moves_matrix_and_predictive_values(lead, screenshots: Path) -> None:
    lead.get_by_role("button", name="High sensitivity").click()
    settled(lead)
    caught = matrix(lead), metric(lead, "Recall"), metric(lead, "Specificity"), metric(lead, "PPV"), metric(lead, "NPV")
    lead.screenshot(path=screenshots / "performance_high_sensitivity.png")
    lead.get_by_role("button", name="High specificity").click()
    settled(lead)
    strict = matrix(lead), metric(lead, "Recall"), metric(lead, "Specificity"), metric(lead, "PPV"), metric(lead, "NPV")
    assert sum(caught[0]) == sum(strict[0]) == 300
    assert caught[0][0] > strict[0][0] and caught[0][2] > strict[0][2]
    assert caught[1] > strict[1] and caught[2] < strict[2] and caught[3] < strict[3] and caught[4] > strict[4]
    assert strict[1] == pytest.approx(strict[0][0] / (strict[0][0] + strict[0][1]), abs=0.006)


def test_prevalence_moves_the_predictive_values_alone(lead) -> None:
    before = matrix(lead), metric(lead, "Recall"), metric(lead, "NPV")
    slider = lead.get_by_role("slider", name=re.compile("Prevalence"))
    slider.focus()
    for _ in range(20):
        lead.keyboard.press("ArrowRight")
    settled(lead)
    assert (matrix(lead), metric(lead, "Recall")) == before[:2] and metric(lead, "NPV") < before[2]


def test_two_networks_are_compared(lead, screenshots: Path) -> None:
    table = lead.get_by_test_id("stTable").filter(has_text="McNemar").first
    table.scroll_into_view_if_needed()
    text = table.inner_text()
    assert "DeLong" in text and re.search(r"AUC\s+[01]\.\d{3}\s+[01]\.\d{3}\s+\+0\.\d{3}\s+< 0\.001", text)
    lead.screenshot(path=screenshots / "performance_comparison.png")


def test_calibration_is_shown_before_and_after(lead, screenshots: Path) -> None:
    table = lead.get_by_test_id("stTable").filter(has_text="Expected calibration error").first
    table.scroll_into_view_if_needed()
    assert re.search(r"Before\s+0\.\d{3} \(0\.\d{3}.0\.\d{3}\)", table.inner_text().replace("\u2060", ""))
    assert "After calibration" in lead.locator(".js-plotly-plot").filter(has_text="Observed share").inner_text()
    lead.screenshot(path=screenshots / "performance_calibration.png")


def test_abstaining_stands_on_the_page(lead, screenshots: Path) -> None:
    table = lead.get_by_test_id("stTable").filter(has_text="Unfamiliar").first
    table.scroll_into_view_if_needed()
    assert re.search(r"MR FLAIR\s+40\s+0\.90\s+0\.12\s+0\.95", table.inner_text())
    assert "By confidence" in lead.locator(".js-plotly-plot").filter(has_text="Share of images read").inner_text()
    lead.screenshot(path=screenshots / "performance_abstaining.png")


def test_figures_and_tables_download(lead) -> None:
    roc = lead.locator(".st-key-download_roc_csv button")
    name, data = download(lead, roc)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert name == "good-1.0-hemorrhagic-all-by_image-roc.csv"
    assert float(rows[0]["true_positive_rate"]) == 0 and float(rows[-1]["true_positive_rate"]) == 1
    name, data = download(lead, lead.locator(".st-key-download_roc_png button"))
    assert name == "good-1.0-hemorrhagic-all-by_image-roc.png" and pixels(data)[0] > 900
    plots, tables = lead.locator(".js-plotly-plot").count(), lead.get_by_test_id("stTable").count()
    assert plots >= 7 and tables >= 5
    for kind in ("csv", "png"):
        offered = lead.locator(f'[class*="st-key-download_"][class*="_{kind}"]').count()
        assert offered == plots + tables + 1, kind  # the list of mistakes is neither


def test_figure_itself_is_saved_at_twice_the_pixels_of_the_screen(lead) -> None:
    plot = lead.locator(".js-plotly-plot").filter(has_text="1 − specificity")
    plot.hover()
    name, data = download(lead, plot.locator(".modebar-btn").first)
    assert name == "good-1.0-hemorrhagic-all-by_image-roc.png"
    box = plot.bounding_box()
    assert pixels(data)[0] == pytest.approx(2 * box["width"], abs=4)


def test_whole_page_downloads_as_pdf_and_as_numbers(lead) -> None:
    name, data = download(lead, lead.get_by_role("button", name="Page (PDF)"))
    assert name == "good-1.0-hemorrhagic-all-by_image.pdf" and data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", data)) >= 3
    name, data = download(lead, lead.get_by_role("button", name="Numbers (ZIP)"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {Path(entry).stem.removeprefix("good-1.0-hemorrhagic-all-by_image-") for entry in archive.namelist()}
    assert {"roc", "precision-recall", "confusion", "reliability", "decision", "histogram", "comparison"} <= names


def test_nothing_is_fetched_from_elsewhere_and_light_pages_can_be_read(
    browser, serve, tmp_path: Path, screenshots: Path
) -> None:
    address = serve(APP, PYTHONPATH=str(REPOSITORY / "tests"), STROKEAPP_SHARED=str(tmp_path), **LIGHT)
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    foreign: list[str] = []
    page.on("request", lambda request: None if address in request.url else foreign.append(request.url))
    page.goto(address)
    page.get_by_text("Published results").wait_for()
    settled(page)
    matrix_plot = page.locator(".js-plotly-plot").first
    ink = matrix_plot.locator(".annotation-text").evaluate_all("nodes => nodes.map((node) => node.style.fill)")
    assert ink == ["rgb(255, 255, 255)"] * 4  # on shades of its own: the page's ground does not matter
    assert [url for url in foreign if not url.startswith(("blob:", "data:"))] == []
    page.locator(".js-plotly-plot").nth(1).scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "performance_light.png")
    page.close()


def test_a_mistake_opens_in_the_viewer(browser, serve, shared: Path, screenshots: Path) -> None:
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    environment = {"STROKEAPP_SHARED": str(shared), "EVIDENCE_NETWORK": "mr_dwi"}
    page.goto(serve(APP, PYTHONPATH=str(REPOSITORY / "tests"), **environment))
    page.get_by_text("Published results").wait_for()
    settled(page)
    page.locator('[class*="st-key-failure-missed"] button').first.click()
    viewer = page.locator('.viewer[data-ready="true"]')
    viewer.wait_for()
    viewer.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    overlay = viewer.get_attribute("data-overlay")
    page.screenshot(path=screenshots / "performance_failure.png")
    assert "Drawn lesion" in overlay and "Lesion map" in overlay
    assert not [url for url in requests if "/media/" in url and ".png" in url]
    page.close()
