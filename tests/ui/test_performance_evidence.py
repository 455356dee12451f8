"""The evidence page, driven without a browser: calibration, use, comparison, gallery, downloads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories_networks import POINTS, FakeCard, abstaining, network, predictions
from scipy.special import expit, logit
from streamlit.testing.v1 import AppTest

from strokeapp.performance.abstaining import COVERAGE
from strokeapp.performance.calibration import expected_calibration_error
from strokeapp.performance.comparison import compare
from strokeapp.performance.prevalence import predictive_values
from strokeapp.performance.threshold import confusion
from strokeapp.ui import performance_view
from strokeapp.ui.guard import ENTERED
from strokeapp.ui.performance_pdf import performance_pdf
from strokeapp.ui.report import Report

REPOSITORY = Path(__file__).resolve().parents[2]
CALIBRATION = {"temperature": 1.5, "shift": -0.2, "study_temperature": 2.0, "study_shift": 0.3}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return a function that runs the page with the given networks installed and no images at hand."""
    monkeypatch.setenv("STROKEAPP_SHARED", str(tmp_path / "nowhere"))

    def run(*networks: FakeCard) -> AppTest:
        monkeypatch.setattr("strokeapp.models.registry.installed", lambda: networks)
        monkeypatch.setattr("strokeapp.models.registry.earlier", lambda: ())
        test = AppTest.from_file(str(REPOSITORY / "pages" / "performance.py"), default_timeout=120)
        test.session_state[ENTERED] = True
        return test.run()

    return run


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Report, dict[str, pd.DataFrame]]]:
    """Collect what the page offers for download, run by run."""
    offered = []
    monkeypatch.setattr(
        performance_view,
        "_offer_page",
        lambda place, report, exhibits: offered.append((report, {one.name: one.numbers for one in exhibits.items})),
    )
    return offered


def table_with(app: AppTest, column: str) -> pd.DataFrame:
    return next(one.value for one in app.table if column in one.value.columns)


def test_calibration_stands_before_and_after_with_its_interval(page, reports, tmp_path: Path) -> None:
    table = predictions()
    app = page(network(tmp_path, table, **CALIBRATION))
    assert not app.exception
    shown = table_with(app, "Expected calibration error")
    scores = table["hemorrhagic_probability"].clip(1e-7, 1 - 1e-7)
    before = expit((logit(scores) + 0.2) * 1.5)
    numbers = reports[-1][1]["calibration"].set_index("calibration")
    assert numbers.loc["before", "ece"] == pytest.approx(expected_calibration_error(table["hemorrhagic"], before))
    assert numbers.loc["after", "ece"] == pytest.approx(
        expected_calibration_error(table["hemorrhagic"], table["hemorrhagic_probability"])
    )
    assert (numbers["ece_low"] <= numbers["ece"]).all() and (numbers["ece"] <= numbers["ece_high"]).all()
    assert shown["Calibration"].tolist() == ["Before", "After"]
    assert f"{numbers.loc['before', 'ece']:.3f} (" in shown["Expected calibration error"].iloc[0].replace(
        " :gray[", " "
    )


def test_studies_are_judged_before_calibration_by_their_own_logits(page, reports, tmp_path: Path) -> None:
    app = page(network(tmp_path, predictions(), **CALIBRATION))
    group = next(group for group in app.button_group if group.label == "Count by")
    assert not group.set_value("patient").run().exception
    table = predictions()
    logits = (logit(table["hemorrhagic_probability"].clip(1e-7, 1 - 1e-7)).to_numpy() + 0.2) * 1.5
    raw = expit(np.sort(logits.reshape(-1, 5), axis=1)[:, -2:].mean(axis=1))
    labels = table["hemorrhagic"].to_numpy().reshape(-1, 5).max(axis=1)
    numbers = reports[-1][1]["calibration"].set_index("calibration")
    assert numbers.loc["before", "ece"] == pytest.approx(expected_calibration_error(labels, raw), abs=1e-9)


def test_card_without_a_calibration_is_judged_as_it_is(page, reports, tmp_path: Path) -> None:
    app = page(network(tmp_path, predictions()))
    assert reports[-1][1]["calibration"]["calibration"].tolist() == ["after"]
    assert any("does not tell how the probabilities were calibrated" in one.value for one in app.caption)


def test_slider_moves_matrix_and_predictive_values_together(page, reports, tmp_path: Path) -> None:
    table = predictions()
    app = page(network(tmp_path, table))
    prevalence = next(slider for slider in app.slider if "Prevalence" in slider.label)
    for threshold, percent in ((0.3, 10.0), (0.6, 10.0), (0.6, 2.0)):
        app.slider[0].set_value(threshold)
        app = prevalence.set_value(percent).run()
        prevalence = next(slider for slider in app.slider if "Prevalence" in slider.label)
        counts = confusion(table["hemorrhagic"], table["hemorrhagic_probability"], threshold)
        values = predictive_values(counts.recall, counts.specificity, percent / 100)
        metrics = {one.label: one.value for one in app.metric}
        assert metrics["PPV"] == f"{values.positive:.3f}" and metrics["NPV"] == f"{values.negative:.3f}"
        assert metrics["Recall"] == f"{counts.recall:.2f}" and metrics["Specificity"] == f"{counts.specificity:.2f}"
        matrix = reports[-1][1]["confusion"]
        assert matrix["flagged"].tolist() == [counts.tp, counts.fp]
        assert matrix["not_flagged"].tolist() == [counts.fn, counts.tn]
        numbers = table_with(app, "Worth").set_index("Called")["Number"].astype(int)
        assert abs(numbers.sum() - 1000) <= 2  # each is rounded by itself
        assert numbers["Missed"] == round(1000 * percent / 100 * (1 - counts.recall))


def test_two_networks_are_compared_on_the_same_cases(page, tmp_path: Path) -> None:
    first, second = predictions(noise=0.1), predictions(seed=5, noise=0.4)
    app = page(network(tmp_path, first), network(tmp_path, second, name="worse"))
    assert not app.exception
    balanced = POINTS["balanced"]
    for threshold in (balanced, 0.7):
        found = compare(first, second, "hemorrhagic", (threshold, balanced))
        shown = table_with(app, "Test").set_index("Test")
        assert shown.loc["DeLong, by patient", "Difference"] == f"{found.areas.difference:+.3f}"
        assert shown.loc["McNemar, by patient", "Difference"] == f"{found.calls.difference:+.3f}"
        assert shown.loc["DeLong, by patient", "p"] == "< 0.001"
        calls = table_with(app, "The other wrong")
        assert int(calls["The other wrong"].iloc[0]) == found.calls.only_first
        app = app.slider[0].set_value(0.7).run()


def test_presumed_labels_left_out_are_left_out_of_comparison_and_mistakes(page, reports, tmp_path: Path) -> None:
    first, second = predictions(noise=0.3), predictions(seed=5, noise=0.4)
    app = page(network(tmp_path, first), network(tmp_path, second, name="worse"))
    assert reports[-1][1]["comparison"]["cases"].tolist() == [300, 300]
    assert reports[-1][1]["mistakes"]["presumed"].any()
    group = next(group for group in app.button_group if group.label == "Presumed labels")
    app = group.set_value("Left out").run()
    assert not app.exception
    assert reports[-1][1]["comparison"]["cases"].tolist() == [200, 200]
    assert reports[-1][1]["comparison"]["patients"].tolist() == [40, 40]
    assert len(reports[-1][1]["mistakes"]) and not reports[-1][1]["mistakes"]["presumed"].any()


def test_difference_without_variance_has_a_dash_for_p(page, tmp_path: Path) -> None:
    table = predictions()
    right = table.assign(hemorrhagic_probability=np.where(table["hemorrhagic"] == 1, 0.9, 0.1))
    wrong = right.assign(hemorrhagic_probability=1 - right["hemorrhagic_probability"])
    app = page(network(tmp_path, right), network(tmp_path, wrong, name="worse"))
    shown = table_with(app, "Test").set_index("Test")
    assert shown.loc["DeLong, by patient", ["Difference", "p"]].tolist() == ["+1.000", "–"]


def test_without_images_the_gallery_is_a_list_and_says_how_to_give_them(page, tmp_path: Path) -> None:
    app = page(network(tmp_path, predictions()))
    assert any("Give their folder" in one.value for one in app.info) and len(app.dataframe) == 1
    app = app.text_input(key="performance_images").set_value(str(tmp_path / "absent")).run()
    assert not app.exception and any("no such folder" in one.value for one in app.error)


def test_downloads_name_no_image_and_no_patient(page, reports, tmp_path: Path) -> None:
    page(network(tmp_path, predictions(), **CALIBRATION))
    report, tables = reports[-1]
    expected = {"figures", "confusion", "in-use", "roc", "precision-recall", "histogram", "decision", "reliability",
                "calibration", "datasets", "mistakes", "literature", "paper-hemorrhagic", "paper-ischemic"}  # fmt: skip
    assert expected <= set(tables)
    for table in tables.values():
        text = table.to_csv()
        assert "slice-" not in text and "patient-" not in text
    assert dict(report.facts)["Weights, SHA-256"] == "ab" * 32
    assert "n = 300 images of 60 patients; 50 with the finding" in dict(report.facts)["Numbers"]
    assert performance_pdf(report).startswith(b"%PDF-")


def test_abstaining_shows_the_chosen_findings_errors_and_what_is_stopped(page, reports, tmp_path: Path) -> None:
    table = predictions()
    card = network(tmp_path, table)
    content = abstaining(card, table)
    app = page(card)
    assert not app.exception and "Abstaining" in [one.value for one in app.subheader]
    numbers = reports[-1][1]["coverage"]
    expected = [row["error"] for row in content["errors"] if row["finding"] == "hemorrhagic"]
    assert numbers["error"].tolist() == pytest.approx(expected)
    whole = numbers[numbers["coverage"] == 1]["error"]
    wrong = (table["hemorrhagic_probability"] >= POINTS["balanced"]) != (table["hemorrhagic"] == 1)
    assert whole.tolist() == pytest.approx([wrong.mean()] * 3)
    shown = table_with(app, "Unfamiliar").set_index("Input")
    assert shown.loc["MR FLAIR", ["Unfamiliar", "Suitability", "Either"]].tolist() == ["0.90", "0.12", "0.95"]
    assert any("1 of 60 held-out volumes" in one.value for one in app.caption)
    assert performance_pdf(reports[-1][0]).startswith(b"%PDF-")


def test_abstaining_that_is_not_measured_is_not_shown_and_a_damaged_file_is_told(page, reports, tmp_path: Path) -> None:
    card = network(tmp_path, predictions())
    app = page(card)
    assert not app.exception and not {"coverage", "unlike"} & set(reports[-1][1])
    assert "Abstaining" not in [one.value for one in app.subheader]
    (card.folder / COVERAGE).write_text("{")
    assert any("abstaining" in one.value and "damaged" in one.value for one in page(card).error)
