"""See why in the browser: facts, all slices in the background, and the page of measured explanations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from demonstration_driver import INFARCT, open_demonstration
from PIL import Image

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 240_000


def test_a_demonstration_infarct_is_explained_on_all_slices_and_under_all_methods(
    browser, serve, screenshots: Path
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(serve(REPOSITORY / "app.py"))
    page.get_by_text("Or open a demonstration study").wait_for()
    open_demonstration(page, INFARCT)
    page.get_by_role("button", name="Read this scan").click()
    page.get_by_text(re.compile("is marked on")).wait_for()
    page.get_by_text(re.compile(r"known infarcts|has not been measured")).first.wait_for()
    page.get_by_role("button", name="Explain all slices").click()
    page.get_by_text(re.compile("of all slices is under Explanation")).wait_for()
    page.screenshot(path=screenshots / "why_all_slices.png", full_page=True)
    page.get_by_role("link", name="Explanations").first.click()
    page.get_by_text("One slice under all methods").wait_for()
    page.get_by_role("button", name="Explain with all methods").click()
    for title in ("Grad-CAM", "Occlusion", "Lesion map"):
        page.get_by_role("img", name=title, exact=True).wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download PNG").click()
    assert saved.value.suggested_filename.endswith(".png")
    panel = Image.open(saved.value.path())
    assert panel.format == "PNG" and panel.width > 1000
    with page.expect_download() as table:
        page.get_by_role("button", name="CSV").first.click()
    assert b"hit_rate" in Path(table.value.path()).read_bytes()
    page.screenshot(path=screenshots / "explanations.png", full_page=True)
    assert page.get_by_test_id("stException").count() == 0
    page.close()
