"""Completing a card and its report: all follows from predictions and the run's record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories_cards import RESAMPLES, TRAINING, install
from factories_models import SETTINGS
from factories_training import write_manifest

from factories import make_picture
from model_training.calibrate import fit_calibration
from model_training.card import calibration_record, complete_card, cross_fitted
from model_training.experiments import EXPERIMENTS, read_experiments
from model_training.figures import figures_table
from model_training.goals import slice_logits
from model_training.limits import limits_of, weak_sources
from model_training.reports import write_report
from strokeapp.errors import ManifestError, ModelError
from strokeapp.inference.slices import calibrated
from strokeapp.models.layers import count_layers
from strokeapp.models.registry import load_network, read_card
from strokeapp.performance.calibration import expected_calibration_error
from strokeapp.performance.predictions import known, read_predictions
from strokeapp.types import Finding


def test_completing_adds_what_was_measured_and_keeps_what_was_recorded(done) -> None:
    raw = json.loads((done.folder / "card.json").read_text(), parse_constant=pytest.fail)
    assert raw["training"] == TRAINING and raw["findings"]["ischemic"] == SETTINGS
    assert raw["network"]["convolutional_layers"] == count_layers(load_network(done)).convolutional > 50
    assert {row["attribute"] for row in raw["subgroups"]} == {"source"}
    assert raw["subgroups_unknown"] == ["age", "sex", "lesion size", "scanner"]
    assert raw["experiments"][0]["figure"] == 0.71 and len(raw["claim"]) == 44
    table = read_predictions(done.predictions).set_index("path")
    for row in raw["gallery"]:
        assert table.loc[row["path"], f"{row['finding']}_probability"] == row["probability"]


def test_completing_twice_changes_nothing(done) -> None:
    before = (done.folder / "card.json").read_text()
    complete_card(done.folder, n=RESAMPLES)
    assert (done.folder / "card.json").read_text() == before


def test_calibration_errors_are_those_of_raw_shipped_and_cross_fitted_probabilities(done) -> None:
    table, settings = read_predictions(done.predictions), done.findings[Finding.ISCHEMIC]
    record = done.raw["calibration"]["ischemic"]
    sample = known(table, "ischemic")
    assert record["after"]["ece"] == pytest.approx(expected_calibration_error(*sample[:2]))
    logits = slice_logits(sample.scores, settings)
    np.testing.assert_allclose(calibrated(logits, settings), sample.scores, atol=1e-6)
    raw = 1 / (1 + np.exp(-logits))
    assert record["before"]["ece"] == pytest.approx(expected_calibration_error(sample.labels, raw), abs=1e-6)
    folds, out = table["fold"].to_numpy(), np.zeros(len(table))
    for name, others in (("0", ["1"]), ("1", ["0"]), ("external", ["0", "1"])):
        fit = np.isin(folds, others)
        out[folds == name] = fit_calibration(logits[fit], sample.labels[fit])(logits[folds == name])
    assert record["cross_fitted"]["ece"] == pytest.approx(expected_calibration_error(sample.labels, out), abs=1e-6)
    assert record["images"] == 260 and record["patients"] == 61


def test_a_fold_without_others_to_fit_on_gives_no_cross_fitted_figure(done) -> None:
    assert cross_fitted(np.zeros(4), np.array([0, 1, 0, 1]), np.array(["0"] * 4)) is None
    table = read_predictions(done.predictions)
    one = calibration_record(table.assign(fold="0"), Finding.ISCHEMIC, done.findings[Finding.ISCHEMIC], n=RESAMPLES)
    assert set(one) == {"images", "patients", "before", "after"}


def test_report_holds_goals_figures_card_and_methods(done, tmp_path) -> None:
    markdown, record = write_report(done, tmp_path / "reports", n=RESAMPLES)
    text = markdown.read_text()
    for heading in ("## Goals", "## Figures per dataset", "## Model card", "### Limits", "## Methods", "### CLAIM"):
        assert heading in text
    assert "| missed |" in text and not any(word in text for word in ("None", "nan)", "| nan"))
    values = json.loads(record.read_text(), parse_constant=pytest.fail)
    assert values["figures"] and values["card"]["name"] == "toy_ct" and "blanks" in values["methods"]
    assert values["goals"] == done.raw["goals"] and text.count("| hemorrhage per slice, ct_ich: AUC |") == 1
    points = values["operating_points"]["ischemic"]
    assert points["shipped"] == SETTINGS["operating_points"]["balanced"] and set(points["folds"]) == {"0", "1"}


def test_figures_stand_with_and_without_presumed_labels_for_every_dataset(done) -> None:
    lines = [line.split(" | ") for line in figures_table(done, n=RESAMPLES).splitlines() if " | " in line]
    counts = {(line[0].strip("| "), line[1]): line[2] for line in lines}
    assert counts[("hemorrhagic", "all")] == "240 (60, 60)"
    assert counts[("hemorrhagic", "all, presumed labels left out")] == "120 (60, 30)"
    assert counts[("hemorrhagic", "teknofest")] == "120 (0, 30)"
    assert counts[("hemorrhagic", "teknofest, presumed labels left out")] == "0 (0, 0)"
    assert counts[("hemorrhagic", "ct_ich")] == "120 (60, 30)"
    assert ("hemorrhagic", "ct_ich, presumed labels left out") not in counts, "none of them is presumed"
    assert counts[("ischemic", "ct_ich, presumed labels left out")] == "0 (0, 0)"


def test_an_incomplete_card_gives_no_report(tmp_path) -> None:
    with pytest.raises(ModelError, match="model_training card toy_ct"):
        write_report(install(tmp_path), tmp_path)


def test_limits_differ_by_sequence() -> None:
    texts = {name: set(limits_of([name])) for name in ("NCCT", "DWI", "FLAIR", "SWI")}
    common = set.intersection(*texts.values())
    assert any("medical device" in text for text in common)
    assert all(len(text - common) >= 1 for text in texts.values())
    assert "CT" not in " ".join(texts["DWI"] - common) and "one fixed axial" in " ".join(texts["FLAIR"]).lower()
    assert len(limits_of(["DWI", "FLAIR"])) == len(texts["DWI"] | texts["FLAIR"])


def test_sources_on_which_a_network_measurably_fails_are_limits() -> None:
    def row(**changes: object) -> dict:
        ends = {f"{name}_{end}": None for name in ("recall", "specificity") for end in ("low", "high")}
        start = {"finding": "ischemic", "attribute": "source", "group": "web", "images": 48, "positives": 0}
        return start | {"recall": None, "specificity": 0.542} | ends | changes

    (limit,) = weak_sources([row(specificity_low=0.396, specificity_high=0.688)])
    assert "web" in limit and "ischemic specificity 0.542 (0.396–0.688) on 48 images without" in limit
    assert "recall 0.700 on 30 images with" in weak_sources([row(images=48, positives=30, recall=0.7)])[0]
    fine = (row(specificity=0.8), row(images=19), row(attribute="age"), row(positives=48, recall=0.9))
    assert weak_sources(fine) == []


@pytest.mark.parametrize(
    "text",
    ["{", "{}", "[1]", '[{"name": "a", "what": "b"}]', '[{"name": "a", "what": "b", "figure": "high"}]',
     '[{"name": "a", "what": "b", "figure": NaN}]', '[{"name": "a", "what": "b", "figure": 1, "low": "x"}]'],
)  # fmt: skip
def test_bad_experiments_are_refused(tmp_path, text) -> None:
    (tmp_path / EXPERIMENTS).write_text(text)
    with pytest.raises(ModelError, match=EXPERIMENTS):
        read_experiments(tmp_path)


def manifest_of(folder: Path, table: pd.DataFrame, *, drop: int = 0) -> Path:
    """Write a manifest of the table's rows; the last two have masks of 12 and 0 pixels."""
    masks = {table["path"].iloc[-2]: 12, table["path"].iloc[-1]: 0}
    rows = [{"path": row.path, "dataset": row.dataset, "patient": row.patient, "modality": "CT", "sequence": "NCCT",
             "slice": str(number), "mask": f"mask-{row.path}" if row.path in masks else ""}
            for number, row in enumerate(table.itertuples())]  # fmt: skip
    for name, count in masks.items():
        mask = np.zeros((8, 8), np.uint8)
        mask.flat[:count] = 255
        make_picture(folder / f"mask-{name}", mask)
    return write_manifest(folder / "manifest.csv", rows[drop:])


def test_sizes_and_slices_come_from_the_manifest(tmp_path) -> None:
    card = install(tmp_path / "weights")
    before = read_predictions(card.predictions)
    manifest = manifest_of(tmp_path, before)
    complete_card(card.folder, manifest=manifest, n=RESAMPLES)
    after = read_predictions(card.predictions)
    assert list(after["lesion_pixels"].iloc[-3:]) == ["", "12", "0"] and after["slice"].iloc[5] == "5"
    pd.testing.assert_frame_equal(after[before.columns], before)
    sizes = [row for row in read_card(card.folder).raw["subgroups"] if row["attribute"] == "lesion size"]
    assert [(row["group"], row["positives"]) for row in sizes] == [("under 50 pixels", 2)]


def test_a_manifest_of_other_images_is_refused(tmp_path) -> None:
    card = install(tmp_path / "weights")
    manifest = manifest_of(tmp_path, read_predictions(card.predictions), drop=3)
    text = card.predictions.read_text()
    with pytest.raises(ManifestError, match="lacks 3 image"):
        complete_card(card.folder, manifest=manifest, n=RESAMPLES)
    assert card.predictions.read_text() == text
