"""Goals: measured on the rows they name, met or missed by the figure itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from factories_cards import RESAMPLES, install, predictions
from factories_models import SETTINGS
from sklearn.metrics import f1_score, precision_score, roc_auc_score, roc_curve

from model_training.goals import Evidence, GoalRow, Measured, goal_rows, slice_logits
from strokeapp.models.card_text import card_markdown
from strokeapp.performance.predictions import read_predictions
from strokeapp.types import Finding


def test_goals_are_measured_on_the_rows_they_name(done) -> None:
    table = read_predictions(done.predictions)
    rows = {row.what: row for row in goal_rows(Evidence(done, table, RESAMPLES))}
    bleeds = table[table["dataset"] == "ct_ich"]
    per_slice = rows["hemorrhage per slice, ct_ich: AUC"]
    expected = roc_auc_score(bleeds["hemorrhagic"], bleeds["hemorrhagic_probability"])
    assert per_slice.measured.value == pytest.approx(expected) and per_slice.measured.n == 120
    assert per_slice.met == (expected >= 0.96)
    top = bleeds.groupby("patient")["hemorrhagic_probability"].apply(
        lambda p: slice_logits(np.sort(p.to_numpy())[-2:], done.findings[Finding.HEMORRHAGIC]).mean()
    )
    labels = bleeds.groupby("patient")["hemorrhagic"].max()
    study = rows["hemorrhage per study, ct_ich: AUC"].measured
    assert study.value == pytest.approx(roc_auc_score(labels, top)) and study.n == 30
    assert rows["hemorrhage, ct_ich left out of training: AUC"].measured == Measured(0.71, (0.6, 0.8), 9, "without it")
    assert rows["hemorrhage, phe_sich left out of training: AUC"].met is None
    unseen = table[(table["dataset"] == "aisd") | ((table["ischemic"] == 0) & (table["hemorrhagic"] == 0))]
    found = rows["infarct, aisd unseen, against lesion-free CT: AUC"].measured
    assert found.value == pytest.approx(roc_auc_score(unseen["ischemic"], unseen["ischemic_probability"]))
    scores = table["ischemic_probability"] >= points_of_other_folds(table, done.findings[Finding.ISCHEMIC].threshold)
    precision = rows["ischemic, the paper's precision"].measured.value
    assert precision == pytest.approx(precision_score(table["ischemic"], scores))
    even = 1 / table.groupby("ischemic")["ischemic"].transform("size")
    for measure, score in (("precision", precision_score), ("f1", f1_score)):
        expected = score(table["ischemic"], scores, sample_weight=even)
        assert rows[f"ischemic, the paper's {measure}"].measured.note.endswith(f"where half had it: {expected:.3f}")
    assert len([what for what in rows if "the paper's" in what]) == 10
    same = table["ischemic_probability"] >= done.findings[Finding.ISCHEMIC].threshold
    note = rows["ischemic, the paper's precision"].measured.note
    assert note.startswith("operating point chosen on the other folds; at the shipped one, chosen on these same images")
    assert f": {precision_score(table['ischemic'], same):.3f};" in note
    assert not rows["ischemic, the paper's auc"].measured.note


def points_of_other_folds(table: pd.DataFrame, shipped: float) -> np.ndarray:
    """Choose for either of two folds the point of highest sensitivity + specificity on the other, by scikit-learn."""
    found = np.full(len(table), shipped)
    for fold, other in (("0", "1"), ("1", "0")):
        rows = table[table["fold"] == other]
        false, true, cuts = roc_curve(rows["ischemic"], rows["ischemic_probability"], drop_intermediate=False)
        found[table["fold"] == fold] = cuts[np.argmax(true - false)]
    return found


def test_an_unseen_source_without_patients_gets_an_interval_by_image_and_says_so(done) -> None:
    table = read_predictions(done.predictions)
    (found,) = (row for row in goal_rows(Evidence(done, table, 400)) if "aisd unseen" in row.what)
    low, high = found.measured.interval
    assert low < found.measured.value < high and "by image for aisd" in found.measured.note
    assert "its 20 images are one group" in found.measured.note
    # By hand: positives drawn one by one, the others with all images of their patient.
    rows = table[(table["dataset"] == "aisd") | ((table["ischemic"] == 0) & (table["hemorrhagic"] == 0))]
    free, scores = rows[rows["ischemic"] == 0], rows.loc[rows["ischemic"] == 1, "ischemic_probability"].to_numpy()
    parts = [part["ischemic_probability"].to_numpy() for _, part in free.groupby("patient")]
    draw, areas = np.random.default_rng(0), []
    for _ in range(400):
        negative = np.concatenate([parts[i] for i in draw.integers(0, len(parts), len(parts))])
        positive = draw.choice(scores, scores.size)
        areas.append(roc_auc_score(np.repeat([1, 0], [positive.size, negative.size]), np.append(positive, negative)))
    assert (low, high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])), abs=0.04)
    named = table.assign(patient=table["patient"].where(table["fold"] != "external", "a" + table.index.astype(str)))
    (found,) = (row for row in goal_rows(Evidence(done, named, RESAMPLES)) if "aisd unseen" in row.what)
    assert found.measured.interval.defined and not found.measured.note


def test_the_card_holds_the_goals_as_plain_rows(done) -> None:
    table = read_predictions(done.predictions)
    assert done.raw["goals"] == [row.record() for row in goal_rows(Evidence(done, table, RESAMPLES))]
    missed = next(row for row in done.raw["goals"] if row["what"] == "hemorrhage, ct_ich left out of training: AUC")
    assert (missed["goal"], missed["value"], missed["met"]) == (0.93, 0.71, False)
    line = f"| {missed['what']} | at least 0.93 | 0.710 (0.600–0.800) | 9 | missed |"
    assert line in card_markdown(done.raw)


def test_goals_of_mr_networks_are_their_own(tmp_path) -> None:
    flair = install(tmp_path, name="flair", modality="MR", sequences=["FLAIR"], findings={"ischemic": dict(SETTINGS)})
    table = predictions().replace({"dataset": {"ct_ich": "soop_flair", "teknofest": "soop_flair"}})
    table["lesion_pixels"] = np.where(table["ischemic"] == 1, np.where(table.index % 2, 49, 50), "")
    table.to_csv(flair.predictions, index=False)
    read = read_predictions(flair.predictions)
    rows = {row.what: row.measured for row in goal_rows(Evidence(flair, read, RESAMPLES))}
    large = table[(table["lesion_pixels"].astype(str) == "50") & (table["dataset"] == "soop_flair")]
    dice = rows["infarct on FLAIR, lesions of 50 pixels and over: lesion Dice"]
    assert dice.n == len(large) and dice.value == pytest.approx(large["lesion_dice"].mean())
    assert not any("hemorrhag" in what or "DWI" in what for what in rows)
    assert len([what for what in rows if "the paper's" in what]) == 5


def test_volumes_and_figures_of_diffusion_are_told_apart_by_slice_number(tmp_path) -> None:
    card = install(tmp_path, name="dwi", modality="MR", sequences=["DWI"], findings={"ischemic": dict(SETTINGS)})
    table = predictions().assign(dataset="isles22_dwi")
    table["slice"] = np.where(table.index < 200, table.index.astype(str), "")
    table.to_csv(card.predictions, index=False)
    rows = {row.what: row.measured for row in goal_rows(Evidence(card, read_predictions(card.predictions), RESAMPLES))}
    assert rows["infarct on DWI, slices of the volumes: AUC"].n == 200
    assert rows["infarct on DWI, figure slices: lesion Dice"].value == pytest.approx(table["lesion_dice"][200:].mean())


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (GoalRow("", 0.9, Measured(0.9)), True),
        (GoalRow("", 0.9, Measured(0.9), strictly=True), False),
        (GoalRow("", 0.04, Measured(0.05), at_most=True), False),
        (GoalRow("", 0.04, Measured(0.03), at_most=True), True),
        (GoalRow("", None, Measured(0.9)), None),
        (GoalRow("", 0.9, Measured(float("nan"))), None),
    ],
)
def test_a_goal_is_met_by_the_figure_itself(row, met) -> None:
    assert row.met is met
