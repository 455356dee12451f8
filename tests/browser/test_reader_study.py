"""A reader study from its set-up to its result, in a real browser: one lead, three readers, three synthetic cases."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 240_000
READERS = ("Reader A", "Reader B", "Reader C")
CODE = re.compile(r"[2-9A-Z]{5}(?:-[2-9A-Z]{5}){3}")
CASES = 3


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Serve the app with a data folder of the test's own."""
    return serve(REPOSITORY / "app.py", STROKEAPP_DATA=str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def open_page(browser, address: str) -> Iterator:
    """Give a function that opens the reader study page in a browser session of its own."""
    contexts = []

    def start():
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.get_by_text("Or open a demonstration study").wait_for()
        page.get_by_text("Reader study", exact=True).first.click()
        page.get_by_text("Set up a study").wait_for()
        return page

    yield start
    for context in contexts:
        context.close()


def main_text(page) -> str:
    return page.get_by_test_id("stMain").inner_text()


def press(page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name).click()


def enter(page, code: str) -> None:
    page.get_by_label("Access code").fill(code)
    page.get_by_role("button", name="Enter", exact=True).click()


def set_up(page, screenshots: Path) -> dict[str, str]:
    """Fill the form, create the study, and return every code by name."""
    page.get_by_label("Title").fill("Pilot on synthetic heads")
    page.get_by_label("Readers, one name or code per line").fill("\n".join(READERS))
    page.get_by_text("Two sessions: without AI, then with AI").click()
    washout = page.get_by_role("spinbutton", name="Washout in days")
    washout.fill("0")
    washout.press("Enter")
    page.screenshot(path=screenshots / "reader_study_setup.png", full_page=True)
    press(page, "Create the study")
    page.get_by_text(CODE).nth(len(READERS)).wait_for()
    codes = CODE.findall(main_text(page))
    assert len(codes) == 1 + len(READERS)
    page.screenshot(path=screenshots / "reader_study_codes.png")
    press(page, "I have kept the codes")
    page.get_by_text("Network", exact=True).wait_for()
    return dict(zip(("Lead", *READERS), codes, strict=True))


def picture_ready(page, position: int) -> None:
    """Wait until a case is whole: while a run is under way, what is left of the case before is still on screen."""
    page.get_by_role("heading", name=f"Case {position} of {CASES}").wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator(".viewer[data-ready=true]").first.wait_for()
    assert page.get_by_test_id("stMain").locator("input:checked").count() == 0


def answer(page, steps: tuple[int, int]) -> None:
    """Choose a step per question and commit; the next case or the end is then on screen."""
    before = page.get_by_role("heading", name=re.compile(r"Case \d of \d")).inner_text()
    session = re.search(r"Session \d", main_text(page)).group()
    for group, step in zip(page.get_by_role("radiogroup").all(), steps, strict=True):
        group.locator("label", has_text=re.compile(f"^{step} ·")).click()
        group.locator("input").nth(step - 1).and_(page.locator(":checked")).wait_for(state="attached")
    press(page, "Commit answer")
    page.wait_for_function(
        "([before, session]) => { const text = document.querySelector('[data-testid=stMain]').innerText;"
        " return !(text.includes(before) && text.includes(session)); }",
        arg=[before, session],
    )


def steps_for(reader: int, position: int) -> tuple[int, int]:
    """Let every reader answer differently, so that figures have something to differ in."""
    return 1 + (reader + position) % 5, 1 + (2 * reader + position) % 5


def test_lead_sets_up_three_readers_read_blind_and_the_result_shows_them(open_page, screenshots: Path) -> None:
    lead = open_page()
    codes = set_up(lead, screenshots)
    lead.get_by_text(f"{CASES} of {CASES} cases read").wait_for()
    lead.screenshot(path=screenshots / "reader_study_progress.png")

    for number, name in enumerate(READERS):
        page = open_page()
        enter(page, codes[name])
        press(page, "Start reading")
        for position in range(1, CASES + 1):
            picture_ready(page, position)
            text = main_text(page)
            assert "without AI" in text
            assert "Network:" not in text and "operating point" not in text
            if number == 0 and position == 2:
                page.screenshot(path=screenshots / "reader_study_blind.png")
                page.close()
                page = resume(open_page, codes[name], position)
            if number == 0 and position == 3:
                look_elsewhere(page, position)
            answer(page, steps_for(number, position))
        for position in range(1, CASES + 1):
            picture_ready(page, position)
            text = main_text(page)
            assert "with AI" in text and "Network:" in text and "operating point" in text
            if number == 0 and position == 1:
                page.screenshot(path=screenshots / "reader_study_aided.png")
            answer(page, steps_for(number, position + 1))
        page.get_by_text("All 6 readings are committed").wait_for()
        page.close()

    check_result(open_page(), codes["Lead"], screenshots)


def resume(open_page, code: str, position: int):
    """Come back in another browser session: the same case is on, not the first."""
    page = open_page()
    enter(page, code)
    page.get_by_text(f"{position - 1} of 6 readings answered").wait_for()
    press(page, "Continue reading")
    picture_ready(page, position)
    return page


def look_elsewhere(page, position: int) -> None:
    """Turn to another page of the app and back: the case is opened anew."""
    page.get_by_text("Performance", exact=True).first.click()
    page.get_by_role("heading", name="Performance").wait_for()
    page.get_by_text("Reader study", exact=True).first.click()
    picture_ready(page, position)


def check_result(page, code: str, screenshots: Path) -> None:
    enter(page, code)
    page.get_by_text("Readers", exact=True).wait_for()
    page.get_by_text("Result", exact=True).click()
    page.get_by_text("Records intact").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    page.get_by_text("Download", exact=True).wait_for()
    page.wait_for_timeout(1500)
    page.screenshot(path=screenshots / "reader_study_result.png", full_page=True)
    text = main_text(page)
    for name in READERS:
        assert name in text
    assert "18 answers" in text
    assert "Fleiss' kappa" in text and "McNemar" in text
    assert "two cases with and two without" in text
    legend = page.locator(".js-plotly-plot .legendtext").all_text_contents()
    assert {f"{name}, {way} AI" for name in READERS for way in ("with", "without")} <= set(legend)
    with page.expect_download() as download:
        page.get_by_role("button", name="Answers").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 3 * CASES * 2 * 2
    assert lines[0].startswith("reader,case,finding,aided")
    rows = [row for row in csv.DictReader(lines) if row["reader"] == READERS[0] and row["aided"] == "False"]
    assert [(row["openings"], row["untimed_openings"]) for row in rows[::2]] == [("1", "0"), ("2", "1"), ("2", "0")]


def test_a_wrong_code_opens_nothing(open_page) -> None:
    page = open_page()
    enter(page, "22222-22222-22222-22222")
    page.get_by_text("This code is not known").wait_for()
    assert page.get_by_text("Set up a study").count() == 1
