"""The explanations page without a browser: the measured table, and one slice under every method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories_models import card_values, head_scan, install_network
from streamlit.testing.v1 import AppTest

from strokeapp.imaging.scan_digest import scan_digest
from strokeapp.inference.classify import read_scan
from strokeapp.inference.explanation.measured import EXPLANATIONS
from strokeapp.inference.explanation.registry import METHODS
from strokeapp.models.registry import Card
from strokeapp.types import Reading, Scan
from strokeapp.ui.guard import ENTERED
from strokeapp.ui.state import KEY, OpenStudy

REPOSITORY = Path(__file__).resolve().parents[2]


def figures(finding: str = "ischemic") -> dict:
    """Return two rows of figures of one finding, one method of which failed."""
    common = {"finding": finding, "images": 50, "patients": 20, "hit_low": 0.7, "hit_high": 0.9, "iou": 0.25}
    rows = [common | {"method": name, "hits": hits} for name, hits in (("LesionMap", 41), ("LayerGradCam", 39))]
    rows.append(common | {"method": "GuidedGradCam", "hits": 30})
    tested = {
        name: {"passed": value < 0.5, "stages": [{"stage": "all", "finding": finding, "rank_correlation": value}]}
        for name, value in (("LayerGradCam", 0.12), ("GuidedGradCam", 0.81))
    }
    tested["LayerGradCam"]["stages"].append({"stage": "labels", "finding": finding, "rank_correlation": 0.03})
    rows[0] |= {"flagged_hits": 38, "flagged_images": 40}
    protocol = {"max_rank_correlation": 0.5, "tolerance_px": 3.0, "picture_px": 192}
    return {"version": "0.0.1", "default": "LayerGradCam", "protocol": protocol, "rows": rows, "randomization": tested}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the page with the given networks and open study."""

    def run(*networks: Card, study: OpenStudy | None = None) -> AppTest:
        monkeypatch.setattr("strokeapp.models.registry.installed", lambda: networks)
        monkeypatch.setattr("strokeapp.ui.explanations_view.find", lambda _name: networks[0])
        test = AppTest.from_file(str(REPOSITORY / "pages" / "explanations.py"), default_timeout=300)
        test.session_state[ENTERED] = True
        if study is not None:
            test.session_state[KEY] = study
        return test.run()

    return run


def words(app: AppTest) -> str:
    return "\n".join(item.value for item in (*app.caption, *app.info, *app.markdown, *app.error))


def test_without_a_network_or_figures_the_page_says_so(page, tmp_path: Path) -> None:
    app = page()
    assert not app.exception and "No network is installed" in app.info[0].value
    app = page(install_network(tmp_path))
    assert not app.exception and "have not been measured" in app.info[0].value
    assert "Open a study" in app.info[1].value


def test_the_table_is_what_was_measured_for_the_findings_of_the_network(page, tmp_path: Path) -> None:
    values = card_values()
    only = values | {"findings": {"ischemic": values["findings"]["ischemic"]}}
    card = install_network(tmp_path, values=only)
    (card.folder / EXPLANATIONS).write_text(json.dumps(figures()))
    app = page(card)
    assert not app.exception
    (table,) = (item.value for item in app.dataframe)
    assert table["Method"].tolist() == ["Lesion map", "Grad-CAM (default)", "Guided Grad-CAM"]
    assert table["Hits"].tolist()[0] == "41 of 50 (70%–90%)"
    assert table["Shuffled weights"].tolist() == ["–", "0.12", "0.81"]
    assert table["Shuffled labels"].tolist() == ["–", "0.03", "–"]
    assert table["Flagged"].tolist() == ["38 of 40", "–", "–"]
    assert "Not offered" in words(app) and "Guided Grad-CAM" in words(app)


def test_figures_stand_with_their_interval_and_the_number_of_images(page, tmp_path: Path) -> None:
    values, found = card_values(), figures()
    more = {"deletion": 0.4, "deletion_low": 0.3, "deletion_high": 0.55, "insertion": 0.8, "insertion_low": None}
    more |= {"large_hits": 30, "large_images": 40, "large_low": 0.6, "large_high": 0.85}
    found["rows"][1] |= more | {"fidelity_images": 12, "sensitivity_images": 6, "sensitivity": 0.2}
    tested = found["randomization"]
    for stage, count in zip(tested["LayerGradCam"]["stages"], (4, 2), strict=True):
        stage |= {"standard_error": 0.1, "images": count}
    tested["GuidedGradCam"]["verdict"] = "not decided"
    card = install_network(tmp_path, values=values | {"findings": {"ischemic": values["findings"]["ischemic"]}})
    (card.folder / EXPLANATIONS).write_text(json.dumps(found))
    app = page(card)
    assert not app.exception
    table = app.dataframe[0].value.set_index("Method")
    row = table.loc["Grad-CAM (default)"]
    assert row["Large lesions"] == "30 of 40 (60%–85%)"
    assert (row["Deletion"], row["Insertion"]) == ("0.40 (0.30–0.55)", "0.80")
    assert (row["Shuffled weights"], row["Images"]) == ("0.12 ± 0.10", "12 · 6 · 4, 2")
    assert table["Shuffles"].tolist() == ["–", "passed", "not decided"]
    assert "too few images were looked at" in words(app)


def test_damaged_figures_are_told(page, tmp_path: Path) -> None:
    card = install_network(tmp_path)
    (card.folder / EXPLANATIONS).write_text("{}")
    app = page(card)
    assert not app.exception and "Reinstall" in app.error[0].value


class Nothing:
    """Stand in for what the page does not touch."""


def read_study(scan: Scan, folder: Path) -> OpenStudy:
    """Return an open study, always of the same name, whose scan the toy network has read."""
    reading = read_scan(scan, folder=folder, examined=True)
    assert isinstance(reading, Reading)
    outcome = Nothing()
    outcome.reading = reading
    return OpenStudy("toy", Nothing(), Nothing(), chosen="a", scan=("a", scan), outcomes={"a": outcome})


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_another_scan_of_the_same_name_does_not_get_the_explanations_of_the_one_before(
    page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strokeapp.ui.explanations_view.METHODS", {"LayerGradCam": METHODS["LayerGradCam"]})
    looked: list[Scan] = []
    monkeypatch.setattr("strokeapp.ui.state.scan_digest", lambda scan: looked.append(scan) or scan_digest(scan))
    card, other = install_network(tmp_path), head_scan(slices=3)
    other.voxels[:, 40:80, 40:80] += 5
    first, second = (read_study(scan, tmp_path) for scan in (head_scan(slices=3), other))
    app = press(page(card, study=first), "Explain with all methods")
    assert "**Grad-CAM**" in words(app.run())
    assert len(looked) == 1, "the voxels are looked at once, not at every rerun"
    app.session_state[KEY] = second
    assert not app.run().exception and "**Grad-CAM**" not in words(app)


def test_methods_that_failed_are_laid_beside_the_others_only_where_that_is_asked_for(page, tmp_path: Path) -> None:
    card = install_network(tmp_path)
    (card.folder / EXPLANATIONS).write_text(json.dumps(figures()))
    study = read_study(head_scan(slices=3), tmp_path)
    app = press(page(card, study=study), "Explain with all methods")
    assert "**Grad-CAM**" in words(app) and "**Guided Grad-CAM**" not in words(app)
    app.toggle[0].set_value(True).run()
    assert "**Grad-CAM**" not in words(app), "what is on show must be what is asked for"
    app = press(app, "Explain with all methods")
    assert "**Guided Grad-CAM**" in words(app) and "Not offered: it failed" in words(app)


def test_removal_curves_of_the_chosen_method_are_drawn_on_demand(page, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("strokeapp.ui.explanations_view.METHODS", {"LayerGradCam": METHODS["LayerGradCam"]})
    card = install_network(tmp_path)
    study = read_study(head_scan(slices=3), tmp_path)
    app = press(page(card, study=study), "Explain with all methods")
    assert not app.get("plotly_chart")
    app = press(app, "Draw curves")
    assert not app.exception and len(app.get("plotly_chart")) == 1
    table = study.curves[1] if study.curves else app.session_state[KEY].curves[1]
    assert table["share"].iloc[[0, -1]].tolist() == [0, 1]
    # Nothing removed is everything put in: the slice as it is; and the other way about.
    assert table["deletion"].iloc[0] == pytest.approx(table["insertion"].iloc[-1], abs=1e-5)
    assert table["deletion"].iloc[-1] == pytest.approx(table["insertion"].iloc[0], abs=1e-5)
    choice = next(item for item in app.selectbox if item.key == "explanations-curves")
    choice.set_value("LesionMap").run()
    assert not app.get("plotly_chart"), "the curves of another method are not those on show"


def test_one_slice_is_shown_under_every_method(page, tmp_path: Path) -> None:
    card = install_network(tmp_path)
    app = press(page(card, study=read_study(head_scan(slices=3), tmp_path)), "Explain with all methods")
    assert not app.exception
    shown = words(app)
    assert all(f"**{method.title}**" in shown for method in METHODS.values())
    assert "**Lesion map**" in shown and "**Slice**" in shown
    choice = next(item for item in app.selectbox if item.label == "Save as PNG")
    assert choice.options[:3] == ["All pictures", "Slice", "Lesion map"]
    choice.set_value("Grad-CAM").run()
    assert not app.exception
