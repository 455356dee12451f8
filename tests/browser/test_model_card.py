"""The way of somebody who must answer for a network: card, failures, CLAIM items and methods, all to take along."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from strokeapp.models.registry import Card, installed

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 240_000
CARD = installed()[0]


@pytest.fixture(scope="module")
def auditor(browser, serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Give the page as a fresh clone shows it, without any images; the tests use it one after the other."""
    address = serve(REPOSITORY / "app.py", STROKEAPP_SHARED=str(tmp_path_factory.mktemp("none")))
    page = browser.new_page(viewport={"width": 768, "height": 1024})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_role("link", name="Model card").first.click()
    page.get_by_role("heading", name="Intended use").wait_for()
    yield page
    assert page.get_by_test_id("stException").count() == 0
    page.close()


def raw(card: Card) -> dict:
    return json.loads((card.folder / "card.json").read_text(encoding="utf-8"))


def turn_to(page, tab: str) -> str:
    """Show a tab and return what it says once the script has ended."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.get_by_role("tab", name=tab, exact=True).click()
    panel = page.get_by_role("tabpanel", name=tab, exact=True)
    panel.wait_for()
    page.wait_for_timeout(500)
    return panel.inner_text().replace("\u2060", "")


def saved(page, button) -> tuple[str, str]:
    """Press a button and return name and text of the file it saves."""
    with page.expect_download(timeout=PATIENCE) as caught:
        button.click()
    return caught.value.suggested_filename, Path(caught.value.path()).read_text(encoding="utf-8-sig")


def test_the_card_says_what_its_file_says_and_is_saved_as_it_is(auditor, screenshots: Path) -> None:
    values = raw(CARD)
    text = turn_to(auditor, "Card")
    facts = [*values["limits"], *values["intended_use"].values(), values["weights"]["sha256"], values["license"]]
    facts += [source["name"] for source in values["sources"]]
    facts += [f"{value:.3f}" for value in values["findings"]["ischemic"]["operating_points"].values()]
    assert [fact for fact in facts if fact not in text] == []
    name, content = saved(auditor, auditor.get_by_role("button", name="Card, JSON"))
    assert name == f"{CARD.name}-{CARD.version}-card.json" and json.loads(content) == values
    auditor.screenshot(path=screenshots / "model_card.png", full_page=True)


def test_failures_are_named_where_the_images_are_not_at_hand(auditor) -> None:
    text = turn_to(auditor, "Failures")
    assert [row["path"] for row in raw(CARD)["gallery"] if row["path"] not in text] == []
    assert "not part of the application" in text


def test_every_item_of_the_checklist_is_shown_and_saved(auditor, screenshots: Path) -> None:
    items = raw(CARD)["claim"]
    text = " ".join(turn_to(auditor, "CLAIM").split())
    assert [item["where"] for item in items if " ".join(item["where"].split()) not in text] == []
    name, content = saved(auditor, auditor.locator(".st-key-card_claim_csv button"))
    rows = list(csv.DictReader(io.StringIO(content)))
    assert name == f"{CARD.name}-{CARD.version}-claim.csv"
    assert rows == [{key: str(value) for key, value in item.items()} for item in items]
    auditor.screenshot(path=screenshots / "model_card_claim.png", full_page=True)


def test_the_methods_section_is_filled_from_the_card_and_saved(auditor) -> None:
    training = raw(CARD)["training"]
    auditor.get_by_role("tab", name="Methods", exact=True).click()
    auditor.get_by_role("heading", name="The paper's blanks").wait_for()
    learnt = f"{training['images']:,} images of {training['patients']:,} patients"
    facts = (learnt, training["loss"], training["optimizer"], training["hardware"], f"{CARD.size} × {CARD.size} pixels")
    text = turn_to(auditor, "Methods")
    name, content = saved(auditor, auditor.get_by_role("button", name="Methods, Markdown"))
    assert name == f"{CARD.name}-{CARD.version}-methods.md"
    assert content.startswith(f"# Methods: {CARD.title} {CARD.version}\n")
    assert [fact for fact in facts if fact not in text or fact not in content] == []


def test_another_network_brings_its_own_card(auditor) -> None:
    other = installed()[-1]
    auditor.get_by_text(f"{other.title} · {other.version}").click()
    auditor.get_by_role("tab", name="Card", exact=True).click()
    auditor.get_by_role("tabpanel").get_by_text(raw(other)["weights"]["sha256"]).wait_for()
    assert raw(CARD)["weights"]["sha256"] not in turn_to(auditor, "Card")


def test_narrow_pages_cut_nothing_off(auditor) -> None:
    """Whatever is wider than the page can be scrolled to; nothing is hidden."""
    turn_to(auditor, "Subgroups")
    wide = "nodes => nodes.filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => "
    wide += "getComputedStyle(node).overflowX)"
    assert auditor.get_by_test_id("stMain").evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    found = auditor.get_by_test_id("stMarkdownContainer").evaluate_all(wide)
    assert set(found) <= {"auto", "scroll"}
