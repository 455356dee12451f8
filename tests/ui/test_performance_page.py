"""The performance page, driven without a browser: what is shown follows from the stored predictions."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from factories_networks import POINTS, FakeCard, predictions
from factories_networks import network as card
from streamlit.testing.v1 import AppTest

from strokeapp.performance.curves import auc
from strokeapp.performance.threshold import confusion
from strokeapp.ui import charts, theme
from strokeapp.ui.guard import ENTERED

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the page with the given networks installed."""

    def run(*networks: FakeCard) -> AppTest:
        monkeypatch.setattr("strokeapp.models.registry.installed", lambda: networks)
        monkeypatch.setattr("strokeapp.models.registry.earlier", lambda: ())
        test = AppTest.from_file(str(REPOSITORY / "pages" / "performance.py"), default_timeout=60)
        test.session_state[ENTERED] = True
        return test.run()

    return run


def metric(app: AppTest, label: str) -> str:
    return next(one.value for one in app.metric if one.label == label)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def choose(app: AppTest, label: str, value: object) -> AppTest:
    return next(group for group in app.button_group if group.label == label).set_value(value).run()


def test_without_a_network_the_page_says_so(page) -> None:
    app = page()
    assert not app.exception and "No network is installed" in app.info[0].value


def test_figures_are_those_of_the_stored_operating_point_to_the_last_digit(page, tmp_path: Path) -> None:
    table = predictions()
    app = page(card(tmp_path, table))
    assert not app.exception
    labels, scores = table["hemorrhagic"], table["hemorrhagic_probability"]
    counts = confusion(labels, scores, POINTS["balanced"])
    assert metric(app, "Recall") == f"{counts.recall:.2f}" and metric(app, "F1") == f"{counts.f1:.2f}"
    assert metric(app, "AUC") == f"{auc(labels, scores):.2f}"
    assert "300 images of 60 patients, 50 with the finding; 3 folds" in app.caption[0].value
    assert "100 images without the finding are presumed so" in app.caption[0].value


def test_buttons_move_the_threshold_and_the_slider_is_free(page, tmp_path: Path) -> None:
    table = predictions()
    app = press(page(card(tmp_path, table)), "High sensitivity")
    assert app.slider[0].value == pytest.approx(0.2)
    for threshold in (POINTS["high_sensitivity"], 0.615):
        counts = confusion(table["hemorrhagic"], table["hemorrhagic_probability"], threshold)
        assert metric(app, "Specificity") == f"{counts.specificity:.2f}"
        app = app.slider[0].set_value(0.615).run()
    assert not app.exception


def test_choices_narrow_the_selection(page, tmp_path: Path) -> None:
    app = page(card(tmp_path, predictions()))
    app = choose(app, "Presumed labels", "Left out")
    assert "200 images of 40 patients" in app.caption[0].value and "presumed" not in app.caption[0].value
    app = choose(choose(app, "Presumed labels", "Included"), "Count by", "patient")
    assert "60 patients, each judged by the highest" in app.caption[0].value
    app = choose(app, "Count by", "image").selectbox[0].set_value("infarcts").run()
    assert not app.exception
    assert metric(app, "AUC") == metric(app, "Recall") == "–" and metric(app, "Specificity") != "–"
    assert any("one kind only" in one.value for one in app.info)


def test_source_that_equals_the_class_is_warned_of(page, tmp_path: Path) -> None:
    app = page(card(tmp_path, predictions()))
    assert not app.warning
    app = choose(app, "Finding", "ischemic")
    assert "different datasets" in app.warning[0].value
    app = choose(app, "Presumed labels", "Left out").selectbox[0].set_value("trauma").run()
    assert not app.exception and any("Nothing is known" in one.value for one in app.info)


def test_networks_can_be_changed_and_missing_predictions_are_told(page, tmp_path: Path) -> None:
    app = page(card(tmp_path, predictions()), card(tmp_path, None, name="bare"))
    app = app.radio[0].set_value(1).run()
    assert not app.exception and "No stored predictions" in app.error[0].value


def test_damaged_predictions_are_told(page, tmp_path: Path) -> None:
    app = page(card(tmp_path, predictions().assign(hemorrhagic_probability=7)))
    assert not app.exception and "between 0 and 1" in app.error[0].value


def test_a_card_without_operating_points_gets_them_from_the_predictions(page, tmp_path: Path) -> None:
    bare = card(tmp_path, predictions())
    app = page(FakeCard(bare.name, bare.version, bare.title, bare.folder, {}))
    assert not app.exception and 0.3 < app.slider[0].value < 0.7


def test_patients_are_judged_as_a_reading_judges_a_study(page, tmp_path: Path) -> None:
    table, calibration = (
        predictions(),
        {"temperature": 1.5, "shift": -0.2, "study_temperature": 2.0, "study_shift": 0.3},
    )
    network = card(tmp_path, table)
    entry = network.raw["findings"]["hemorrhagic"] | calibration | {"study_operating_points": {"balanced": 0.55}}
    network.raw["findings"]["hemorrhagic"] = entry
    app = choose(page(network), "Count by", "patient")
    assert app.slider[0].value == 0.55 and "as a reading judges a study" in app.caption[0].value
    scores = np.clip(table["hemorrhagic_probability"].to_numpy(), 1e-7, 1 - 1e-7).reshape(-1, 5)
    logits = np.sort((np.log(scores / (1 - scores)) + 0.2) * 1.5, axis=1)[:, -2:].mean(axis=1)
    studies = 1 / (1 + np.exp(-(logits / 2.0 + 0.3)))
    counts = confusion(table["hemorrhagic"].to_numpy().reshape(-1, 5).max(axis=1), studies, 0.55)
    assert metric(app, "Specificity") == f"{counts.specificity:.2f}" and metric(app, "Recall") == f"{counts.recall:.2f}"
    assert any("Counted by image, flagged from 0.450 on" in one.value for one in app.caption)


def test_paper_is_said_to_have_other_images(page, tmp_path: Path) -> None:
    captions = " ".join(one.value for one in page(card(tmp_path, predictions())).caption)
    assert "were not measured on these images" in captions


def tables(app: AppTest) -> list:
    return [one.value for one in app.table]


def test_goals_of_the_card_are_shown_missed_or_met(page, tmp_path: Path) -> None:
    def goal(what: str, value: float | None, met: bool | None, **changes: object) -> dict:
        known = {"rule": "at least", "goal": 0.9, "low": 0.5, "high": 0.95, "n": 1234, "note": ""}
        return {"what": what, "value": value, "met": met} | known | changes

    network = card(tmp_path, predictions())
    assert not any("What" in table for table in tables(page(network)))
    network.raw["goals"] = [
        goal("blood: AUC", 0.8, False),
        goal("ischemic, the paper's auc", 0.91, True),
        goal("elsewhere", None, None, low=None, high=None, n=0, note="not measured"),
        goal("only told", 0.3, None, goal=None, rule=""),
    ]
    app = page(network)
    assert not app.exception and any("1 of 2 goals missed" in one.value for one in app.markdown)
    shown = next(table for table in tables(app) if "What" in table)
    assert list(shown["What"][:2]) == ["Blood: AUC", "Ischemic, the paper's AUC"]
    assert list(shown["Result"]) == ["Missed", "Met", "–", "–"]
    assert list(shown["Goal"]) == ["at least 0.9"] * 3 + ["reported"]
    assert shown["Measured"][0].startswith("0.800") and shown["Measured"][2] == "–" and shown["n"][0] == "1,234"


def test_beside_the_paper_stand_points_chosen_on_the_other_folds(page, tmp_path: Path) -> None:
    table = predictions()
    app = page(card(tmp_path, table))
    folds, right = table["fold"].to_numpy(), 0
    labels, scores = table["hemorrhagic"].to_numpy(), table["hemorrhagic_probability"].to_numpy()
    for fold in (0, 1, 2):
        cuts = np.sort(scores[folds != fold])
        found = [
            (scores[folds != fold][labels[folds != fold] == 1] >= cut).mean()
            - (scores[folds != fold][labels[folds != fold] == 0] >= cut).mean()
            for cut in cuts
        ]
        flagged = scores[folds == fold] >= cuts[int(np.argmax(found))]
        right += int((flagged == labels[folds == fold]).sum())
    shown = next(one for one in tables(app) if "Paper" in one)
    accuracy = shown[shown["Measure"] == "Accuracy"]["This network"].iloc[0]
    assert accuracy.startswith(f"{right / len(table):.2f}")
    assert any("operating point chosen on the other folds" in one.value for one in app.caption)
    alone = page(card(tmp_path, table.assign(fold=0), name="alone"))
    assert any("chosen on these same images" in one.value for one in alone.caption)
    assert not any("chosen on the other folds" in one.value for one in alone.caption)


def test_figures_that_are_not_defined_are_a_dash() -> None:
    nan = float("nan")
    assert charts.number(nan) == charts.with_interval(nan, 0.1, 0.2) == "–"
    assert charts.with_interval(0.913, 0.88, 0.944) == "0.91 (0.88–0.94)"
    assert charts.with_interval(0.913, nan, nan) == "0.91"


def test_chart_colors_are_those_of_the_page() -> None:
    config = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text())
    assert list(theme.DATASET_COLORS) == config["theme"]["chartCategoricalColors"]
    assert config["theme"]["textColor"] == theme.TEXT


def luminance(color: str) -> float:
    """Return the relative luminance of #rrggbb, as WCAG 2.2 defines it."""
    shares = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("shade", [shade for _, shade in theme.CONFUSION_SCALE])
def test_counts_in_the_confusion_matrix_can_be_read_on_every_shade(shade: str) -> None:
    contrast = (luminance(theme.CONFUSION_INK) + 0.05) / (luminance(shade) + 0.05)
    assert contrast >= 4.5, "WCAG 2.2, success criterion 1.4.3"
