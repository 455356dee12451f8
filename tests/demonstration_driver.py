"""Open a demonstration study in a browser, by its title."""

from __future__ import annotations

BLEED = "CT with a bleed in the left basal ganglia"
INFARCT = "CT with a right middle cerebral artery infarct"
NO_LESION = "CT without a lesion"
DIFFUSION = "Diffusion MR with a left middle cerebral artery infarct"


def open_demonstration(page, title: str) -> None:
    """Press the button of one demonstration study once the page has come to rest, and wait for the study.

    While the page is still being drawn, its tiles move and a press can land on another one.
    """
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    tile = page.get_by_test_id("stColumn").filter(has_text=title)
    tile.get_by_role("button", name="Open", exact=True).click()
    page.get_by_text(f"{title} (synthetic)").first.wait_for()
    page.get_by_role("button", name="Read this scan").wait_for()
