"""Completing a card, the CLAIM checklist, goals and reports: all follow from predictions and the run's record."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories_models import SETTINGS, card_values, install_network
from factories_training import toy_recipe, write_manifest
from sklearn.metrics import f1_score, precision_score, roc_auc_score, roc_curve

from factories import make_picture
from model_training.__main__ import main
from model_training.calibrate import fit_calibration
from model_training.card import SHARE_ALIKE, _license, calibration_record, complete_card, cross_fitted
from model_training.claim import ITEMS, Status, claim_items
from model_training.experiments import EXPERIMENTS, read_experiments
from model_training.figures import figures_table
from model_training.goals import Evidence, GoalRow, Measured, goal_rows, slice_logits
from model_training.limits import limits_of, weak_sources
from model_training.reports import write_report
from model_training.runs import earlier_training
from model_training.sources import TERMS
from strokeapp.errors import ManifestError, ModelError, RecipeError
from strokeapp.inference.slices import calibrated
from strokeapp.models.card_text import card_markdown
from strokeapp.models.layers import LayerCount, count_layers
from strokeapp.models.methods_text import _start, methods_record
from strokeapp.models.registry import load_network, read_card
from strokeapp.performance.calibration import expected_calibration_error
from strokeapp.performance.predictions import known, read_predictions
from strokeapp.types import Finding

N = 30
TRAINING = {
    "images": 240, "patients": 60, "external_images": 20, "per_dataset": {"ct_ich": 120, "teknofest": 120},
    "split": "2 folds by patient", "loss": "cross-entropy", "optimizer": "AdamW", "learning_rate": 0.001,
    "schedule": "cosine", "batch": 24, "epochs": 2, "refinement": None, "images_per_epoch": 8, "init": "scratch",
    "augmentation": {"flip": 0.5}, "ema": 0.99, "seed": 1, "seconds": {"final": 5}, "hardware": "two cores",
    "framework": "PyTorch 2",
}  # fmt: skip


def predictions(*, size: int = 260, seed: int = 0) -> pd.DataFrame:
    """Make slices of a bleeding source, one of infarcts and one never learnt from, four to a patient."""
    generator, index = np.random.default_rng(seed), np.arange(size)
    dataset = np.where(index < 120, "ct_ich", np.where(index < 240, "teknofest", "aisd"))
    bleeds = ((index < 120) & (index // 4 % 2 == 0)).astype(int)
    infarcts = (index >= 120).astype(int)
    logits = generator.normal(0, 1.5, (2, size)) + 3 * np.stack([bleeds, infarcts]) - 1.5
    return pd.DataFrame(
        {
            "path": [f"{i}.png" for i in index],
            "patient": np.where(index < 240, np.char.add("p", (index // 4).astype(str)), ""),
            "dataset": dataset,
            "fold": np.where(index < 240, (index // 4 % 4 // 2).astype(str), "external"),
            "ischemic": infarcts,
            "hemorrhagic": np.where(index < 240, bleeds.astype(str), ""),
            "presumed": np.where(index < 120, "ischemic", "hemorrhagic"),
            **{f"{name}_probability": np.round(1 / (1 + np.exp(-z)), 6)
               for name, z in zip(("hemorrhagic", "ischemic"), logits, strict=True)},
            "lesion_dice": np.where(infarcts == 1, np.round(generator.random(size), 4), np.nan),
        }
    )  # fmt: skip


def install(folder: Path, **changes):
    """Install a network of random weights with these predictions and an incomplete card."""
    network = {"pooled": ["hemorrhagic"], "top_share": 0.0045, "kind": "U-Net"}
    weights = {"file": "weights.safetensors", "sha256": "0" * 64, "parameters": 1}
    more = {"training": TRAINING, "license": TERMS, "sources": [], "network": network, "weights": weights}
    card = install_network(folder, values=card_values(**(more | changes)))
    predictions().to_csv(card.predictions, index=False)
    return card


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return a completed card."""
    card = install(tmp_path_factory.mktemp("weights"))
    rows = [
        {"name": "left_out:hemorrhagic:ct_ich", "what": "without it", "figure": 0.71, "low": 0.6, "high": 0.8, "n": 9}
    ]
    (card.folder / EXPERIMENTS).write_text(json.dumps(rows))
    return complete_card(card.folder, n=N)


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
    complete_card(done.folder, n=N)
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
    one = calibration_record(table.assign(fold="0"), Finding.ISCHEMIC, done.findings[Finding.ISCHEMIC], n=N)
    assert set(one) == {"images", "patients", "before", "after"}


def test_goals_are_measured_on_the_rows_they_name(done) -> None:
    table = read_predictions(done.predictions)
    rows = {row.what: row for row in goal_rows(Evidence(done, table, N))}
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
    (found,) = (row for row in goal_rows(Evidence(done, named, N)) if "aisd unseen" in row.what)
    assert found.measured.interval.defined and not found.measured.note


def test_the_card_holds_the_goals_as_plain_rows(done) -> None:
    table = read_predictions(done.predictions)
    assert done.raw["goals"] == [row.record() for row in goal_rows(Evidence(done, table, N))]
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
    rows = {row.what: row.measured for row in goal_rows(Evidence(flair, read, N))}
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
    rows = {row.what: row.measured for row in goal_rows(Evidence(card, read_predictions(card.predictions), N))}
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


def test_report_holds_goals_figures_card_and_methods(done, tmp_path) -> None:
    markdown, record = write_report(done, tmp_path / "reports", n=N)
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
    lines = [line.split(" | ") for line in figures_table(done, n=N).splitlines() if " | " in line]
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


def test_all_items_of_the_checklist_are_answered_or_said_not_to_be(done) -> None:
    rows = done.raw["claim"]
    assert [row["number"] for row in rows] == list(range(1, 45)) and len(set(ITEMS)) == 44
    assert all(row["where"].endswith(".") and row["section"] for row in rows)
    assert {row["status"] for row in rows} == {status.value for status in Status}
    assert rows[0]["section"] == "Title and abstract" and rows[-1]["section"] == "Other information"


def test_the_checklist_admits_what_the_card_lacks(done) -> None:
    bare = {name: value for name, value in done.raw.items() if name not in ("gallery", "subgroups", "experiments")}
    bare["external"] = None
    status = {row["number"]: row["status"] for row in claim_items(bare)}
    assert status[30] == status[33] == status[39] == Status.NOT_ANSWERED


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ({"images": 24, "patients": 1, "with": {"a": 24}, "without": {"a": 0}}, Status.PARTLY, "one group"),
        ({"images": 24, "patients": 1, "with": {"a": 12}, "without": {"a": 12}}, Status.PARTLY, "too few to tell"),
        ({"images": 90, "patients": 90, "with": {"a": 90}, "without": {"a": 0}}, Status.PARTLY, "without a finding"),
        ({"images": 90, "patients": 90, "with": {"a": 9}, "without": {"a": 81}}, Status.ANSWERED, "90 patients"),
    ],
)  # fmt: skip
def test_external_data_answer_their_item_only_with_several_patients_of_both_kinds(done, found, status, words) -> None:
    item = claim_items({**done.raw, "external": found})[32]
    assert item["status"] == status and words in item["where"] and "left out" in item["where"]
    assert done.raw["external"] == {
        "images": 20, "patients": 1, "with": {"hemorrhagic": 0, "ischemic": 20},
        "without": {"hemorrhagic": 0, "ischemic": 0},
    }  # fmt: skip


def test_measured_explanations_answer_their_item_for_the_version_they_were_measured_on(done) -> None:
    def item(**changes) -> dict:
        return claim_items({**done.raw, **changes})[30]

    found = {"version": done.version, "default": "grad_cam", "hits": {"ischemic": "Points into the lesion in 9 of 10."}}
    assert done.raw["explanations"] is None and item()["status"] == Status.PARTLY
    answered = item(explanations=found)
    assert answered["status"] == Status.ANSWERED and "9 of 10" in answered["where"]
    older = item(explanations={**found, "version": "0.0.0"})
    assert older["status"] == Status.PARTLY and "version 0.0.0" in older["where"]


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


def test_weights_carry_the_strictest_terms(tmp_path) -> None:
    free, closed = {"terms": "CC BY-SA 4.0"}, {"terms": "none stated"}
    anew = toy_recipe(init="imagenet")
    assert _license([free], anew) == SHARE_ALIKE
    assert _license([free, closed], anew) == _license([free], toy_recipe(init="pretrained:x")) == TERMS
    for datasets, terms in ((("soop_flair", "isles22_flair"), SHARE_ALIKE), (("soop_flair", "phe_sich"), TERMS)):
        only = [{"dataset": datasets[0], "share": 1.0}]
        before = toy_recipe(init="imagenet", datasets=datasets, strata=only, external=())
        (tmp_path / "recipe.json").write_text(json.dumps(asdict(before)), encoding="utf-8")
        assert _license([free], toy_recipe(init=f"pretrained:{tmp_path}/final/checkpoint.pt")) == terms


def test_what_a_network_goes_on_from_is_told_in_its_card_and_methods(tmp_path) -> None:
    before = toy_recipe(name="first", init="imagenet", size=64, epochs=3)
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(before)), encoding="utf-8")
    (tmp_path / "fold0").mkdir()
    (tmp_path / "fold0" / "facts.json").write_text('{"training_seconds": 7}', encoding="utf-8")
    after = toy_recipe(init=f"pretrained:{tmp_path}/{{part}}/checkpoint.pt")
    told = earlier_training(after)
    assert (told["name"], told["size"], told["epochs"], told["same_part"]) == ("first", 64, 3, True)
    assert told["seconds"] == {"fold0": 7} and earlier_training(before) is None
    sentence = _start({"init": after.init, "earlier": told})
    assert "the same part of the run first (64 × 64 pixels, 3 epochs" in sentence and "ImageNet" in sentence


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
    complete_card(card.folder, manifest=manifest, n=N)
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
        complete_card(card.folder, manifest=manifest, n=N)
    assert card.predictions.read_text() == text


def test_a_circle_of_runs_is_refused(tmp_path) -> None:
    runs = [tmp_path / name for name in ("a", "b")]
    for run, start in zip(runs, reversed(runs), strict=True):
        run.mkdir()
        values = asdict(toy_recipe(name=run.name, init=f"pretrained:{start}/final/checkpoint.pt"))
        (run / "recipe.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RecipeError, match="goes on from itself"):
        earlier_training(toy_recipe(init=f"pretrained:{runs[0]}/final/checkpoint.pt"))


def test_the_whole_chain_of_runs_is_told_in_card_and_methods(tmp_path) -> None:
    second = {"epochs": 2, "rate": 0.5, "augmentation": {"extra_axial": 0.3}}
    chain = {"first": {"init": "imagenet", "epochs": 6, "refinement": second}, "middle": {"epochs": 1}}
    start = None
    for number, (name, changes) in enumerate(chain.items(), start=1):
        values = {"name": name, **changes} | ({} if start is None else {"init": start})
        part = tmp_path / name / "fold0"
        part.mkdir(parents=True)
        recipe = json.dumps(asdict(toy_recipe(**values)))
        (tmp_path / name / "recipe.json").write_text(recipe, encoding="utf-8")
        (part / "facts.json").write_text(json.dumps({"training_seconds": 3600 * number}), encoding="utf-8")
        start = f"pretrained:{tmp_path / name}/{{part}}/checkpoint.pt"
    told = earlier_training(toy_recipe(init=start, epochs=4))
    assert (told["name"], told["earlier"]["name"], told["earlier"]["earlier"]) == ("middle", "first", None)
    changes = {"init": start, "earlier": told, "epochs": 4, "seconds": {"final": 1800}, "start_share": 0.5}
    card = install(tmp_path / "weights", training=TRAINING | changes)
    record = methods_record(card, LayerCount(1, 0, 1))
    assert record.epochs.endswith("13 together with those of the 2 runs it goes on from (see Network)")
    assert "3.5 hours for all parts, 3.0 of them in the runs" in record.details["time"]
    assert "(share 0.5)" in record.details["aids"]
    expected = ("run middle (64", "1 epoch of 8", "run first (64", "6 epochs and 2 in a second cycle (extra axial 0.3)")
    assert [words for words in (*expected, "from ImageNet weights") if words not in record.details["start"]] == []


def test_methods_tell_a_first_size_and_what_the_second_cycle_changes(tmp_path) -> None:
    second = {"epochs": 2, "rate": 0.4, "augmentation": {"contrast": 0.2}}
    changes = {"epochs": 5, "first_size": 192, "refinement": second, "images_per_epoch": 2880}
    card = install(tmp_path / "weights", training=TRAINING | changes)
    expected = (
        "5 at 192 × 192 pixels, then 2 more in a second cycle at 0.4 times the rate, at full size (contrast 0.2); "
        "2,880 images drawn in each"
    )
    assert methods_record(card, LayerCount(1, 0, 1)).epochs == expected


def test_the_command_prints_the_methods_of_a_shipped_network(capsys) -> None:
    assert main(["methods", "ct_slice"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    expected = (
        "# Methods: CT slice network", "the same part of the run ct_slice_256 (256 × 256 pixels, 1 epoch of 2,560",
        "the same part of the run ct_slice_192 (192 × 192 pixels, 6 epochs and 2 in a second cycle (extra axial 0.3",
        "ImageNet weights in the encoder", "10 together with those of the 2 runs", "Training took 3.2 hours",
        "operating point chosen on the other folds",
    )  # fmt: skip
    assert [words for words in expected if words not in text] == []
    assert "an earlier training" not in text


def test_a_network_that_is_not_there_has_no_methods(capsys) -> None:
    assert main(["methods", "no_such_network"]) == 1
    assert "No network called no_such_network" in capsys.readouterr().err
