"""The ways through the app that a clinician and a department lead take, each in a real browser."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from demonstration_driver import BLEED, DIFFUSION, NO_LESION, open_demonstration

from factories import make_ct_series

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 90_000


def upload(page, paths: list[Path]) -> None:
    page.locator("input[type=file]").first.set_input_files(paths)


def read(page) -> str:
    """Press the button and return the text of the reading."""
    page.get_by_role("button", name="Read this scan").click()
    page.get_by_text("Why", exact=True).wait_for()
    return page.get_by_test_id("stMain").inner_text()


def settled(page, attribute: str, pattern: str) -> None:
    page.wait_for_function(
        """([name, pattern]) => {
            const find = (root) => {
                for (const node of root.querySelectorAll('*')) {
                    if (node.matches('.viewer')) return node;
                    if (node.shadowRoot) { const inner = find(node.shadowRoot); if (inner) return inner; }
                }
                return null;
            };
            const viewer = find(document);
            return viewer !== null && new RegExp(pattern).test(viewer.getAttribute('data-' + name) || '');
        }""",
        arg=[attribute, pattern],
        timeout=PATIENCE,
    )


def test_uploaded_ct_and_dwi_are_listed_read_and_explained(page, shared: Path, screenshots: Path) -> None:
    case = shared / "cases" / "ct_dwi_acute_ischaemia_dicom"
    upload(page, sorted(case.glob("*/*.dcm")))
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("2 series found").wait_for()
    sidebar.get_by_text("MR DWI").wait_for()
    assert sidebar.get_by_text("CT NCCT").count() == 1
    assert sidebar.get_by_text("MR DWI").count() == 1
    settled(page, "ready", "true")
    page.screenshot(path=screenshots / "upload_listed.png")
    text = read(page)
    assert re.search(r"operating point 0\.\d\d", text)
    assert "ct_slice" in text
    assert "not a medical device" in text
    assert "tilt" in text
    page.get_by_role("button", name=re.compile("the highest")).click()
    settled(page, "overlay", "Grad-CAM")
    page.screenshot(path=screenshots / "upload_explained.png")


def test_demonstration_bleed_is_flagged_and_scrolling_is_silent(page, screenshots: Path) -> None:
    open_demonstration(page, BLEED)
    text = read(page)
    assert "flagged" in text and "Nothing flagged" not in text
    assert "SYNTHETIC" in page.locator(".viewer").inner_text().upper()
    settled(page, "ready", "true")
    # The page fetches parts of its own code while the script still runs; scrolling starts after that.
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(1000)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    before = page.locator(".viewer").get_attribute("data-slice")
    page.locator(".viewer canvas").first.focus()
    for _ in range(10):
        page.keyboard.press("ArrowUp")
    page.wait_for_timeout(300)
    assert page.locator(".viewer").get_attribute("data-slice") != before
    assert requests == []
    page.screenshot(path=screenshots / "demonstration_reading.png")


def test_demonstration_without_a_lesion_is_not_called_normal(page) -> None:
    open_demonstration(page, NO_LESION)
    text = read(page)
    assert "Not flagged is not normal" in text


def test_a_diffusion_study_is_read_for_infarcts_only(page, screenshots: Path) -> None:
    open_demonstration(page, DIFFUSION)
    page.get_by_role("button", name="Read this scan").click()
    page.get_by_text("Ischemic stroke flagged").wait_for()
    settled(page, "ready", "true")
    assert "DWI slice network" in page.content() or "mr_dwi" in page.content()
    page.screenshot(path=screenshots / "diffusion.png")


def test_a_b0_series_is_shown_but_not_read(page, shared: Path, screenshots: Path) -> None:
    upload(page, [shared / "cases" / "mr_dwi_skull_on_nifti" / "Subject01_b0.nii.gz"])
    page.get_by_text("No reading: abstained").wait_for()
    assert page.get_by_role("button", name="Read this scan").count() == 0
    settled(page, "ready", "true")
    page.screenshot(path=screenshots / "abstained.png")


def test_bad_files_get_a_sentence_and_the_app_lives_on(page, tmp_path: Path, screenshots: Path) -> None:
    text = tmp_path / "letter.dcm"
    text.write_text("Dear colleague, please find enclosed the scan.", encoding="utf-8")
    upload(page, [text])
    page.get_by_role("alert").first.wait_for()
    assert "Traceback" not in page.content()
    page.screenshot(path=screenshots / "bad_file.png")
    empty = tmp_path / "empty.zip"
    empty.write_bytes(b"")
    upload(page, [empty])
    page.get_by_role("alert").first.wait_for()
    open_demonstration(page, NO_LESION)


def test_zip_with_one_bad_file_still_opens_the_series(page, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    make_ct_series(folder, n=4)
    (folder / "broken.dcm").write_bytes(b"\0" * 10)
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.iterdir()):
            out.write(path, path.name)
    upload(page, [archive])
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("1 series found").wait_for()
    sidebar.get_by_text("1 file not used").wait_for()
    assert sidebar.get_by_text("1 file not used").count() == 1
    page.get_by_role("button", name="Close study").click()
    page.get_by_text("Or open a demonstration study").wait_for()


def test_text_of_the_tags_is_shown_as_it_is_and_patients_are_told_apart(page, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    text = "a_b_c *x* :red[y] $z$ ![p](http://other.invalid/p.png)"
    for patient, description in (("Doe", text), ("Roe", "Head")):
        folder = tmp_path / patient
        tags = {"SeriesDescription": description}
        make_ct_series(folder, n=4, patient=patient, series_uid=f"1.2.826.0.1.{len(description)}", tags=tags)
    upload(page, sorted(tmp_path.glob("*/*")))
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("2 different patients").wait_for()
    for words in ("Patient A · ", "Patient B · "):
        sidebar.get_by_text(words).wait_for()
    sidebar.get_by_text(text, exact=True).wait_for()
    assert "Doe" not in sidebar.inner_text()
    assert not [url for url in asked if "other.invalid" in url]


def test_folder_is_uploaded_whole(page, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    for number, name in enumerate(("first", "second"), 1):
        (folder / name).mkdir(parents=True)
        make_ct_series(folder / name, n=4, series_uid=f"1.2.826.0.1.3680043.8.498.{number}")
    page.get_by_role("tab", name="Folder").click()
    page.locator("input[type=file]").nth(1).set_input_files(folder)
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("2 series found").wait_for()
    assert sidebar.get_by_text("export").count() >= 1


@pytest.mark.parametrize(
    ("address", "shown"), [("model_card", "Intended use"), ("study", "Or open a demonstration study")]
)
def test_first_visitor_of_a_server_comes_by_the_entry_to_the_page_asked_for(serve, browser, address, shown) -> None:
    opened = browser.new_page()
    opened.set_default_timeout(PATIENCE)
    opened.goto(f"{serve(REPOSITORY / 'app.py')}/{address}")
    opened.get_by_text(shown).first.wait_for()
    opened.get_by_text("Reader study", exact=True).first.wait_for()
    assert opened.get_by_test_id("stSidebarNav").count() == 0
    opened.close()


def test_performance_page_shows_curves_of_the_shipped_network(page, screenshots: Path) -> None:
    page.get_by_text("Performance", exact=True).first.click()
    page.get_by_text("ROC curve").first.wait_for()
    page.locator(".js-plotly-plot").nth(1).wait_for()
    text = page.get_by_test_id("stMain").inner_text()
    assert "out-of-fold" in text
    assert re.search(r"AUC 0\.\d\d", text)
    page.wait_for_timeout(1500)
    page.screenshot(path=screenshots / "performance.png", full_page=True)


def test_on_a_narrow_page_the_viewer_takes_the_row_and_the_reading_stands_below(page, screenshots: Path) -> None:
    open_demonstration(page, BLEED)
    settled(page, "ready", "true")
    viewer, button = page.locator(".viewer"), page.get_by_role("button", name="Read this scan")
    for size, beside in (((1440, 900), True), ((820, 1180), False), ((1280, 720), True)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_function(
            """(beside) => {
                const columns = [...document.querySelectorAll('[data-testid="stMain"] [data-testid="stColumn"]')];
                const [one, two] = columns.slice(0, 2).map((column) => column.getBoundingClientRect());
                return beside ? two.left >= one.right : two.top >= one.bottom;
            }""",
            arg=beside,
        )
        place, other = viewer.bounding_box(), button.bounding_box()
        row = page.get_by_test_id("stMain").get_by_test_id("stHorizontalBlock").first.bounding_box()
        if beside:
            assert other["x"] >= place["x"] + place["width"] and place["width"] >= 0.6 * row["width"]
        else:
            assert other["y"] >= place["y"] + place["height"] and place["width"] >= 0.98 * row["width"]
            page.screenshot(path=screenshots / "study_820.png", full_page=True)
