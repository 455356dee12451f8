"""Leaving a source out: it is never learnt from, its figures need no look at its labels, one class is no dead end."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from factories_training import toy_recipe, toy_table, write_toy_manifest

from model_training import loop
from model_training.cross_validation import recipe_rows
from model_training.experiments import EXPERIMENTS, add_experiments, read_experiments
from model_training.sources_left_out import (
    FIGURES,
    as_experiments,
    left_out_predictions,
    sources_left_out,
    table_text,
    without,
    write_figures,
)
from strokeapp.errors import RecipeError


def test_the_source_becomes_external_and_loses_its_strata():
    smaller = without(toy_recipe(), "infarcts")
    assert smaller.external == ("infarcts",) and {s.dataset for s in smaller.strata} == {"bleeds"}
    assert smaller.datasets == toy_recipe().datasets, "its images stay in the run, to be judged"


def test_what_cannot_be_left_out_is_refused():
    with pytest.raises(RecipeError, match="does not learn from elsewhere"):
        without(toy_recipe(), "elsewhere")
    with pytest.raises(RecipeError, match="does not learn from infarcts"):
        without(without(toy_recipe(), "infarcts"), "infarcts")
    with pytest.raises(RecipeError, match="nothing is left"):
        without(without(toy_recipe(), "infarcts"), "bleeds")


def finished_run(folder, *, separate: float) -> pd.DataFrame:
    """Write a run as training leaves it: source s left out, with infarcts only; o and its fold 0 held back."""
    rng = np.random.default_rng(0)
    dataset = np.repeat(["s", "o", "x"], [20, 40, 5])
    label = np.where(dataset == "s", 1.0, np.where(np.arange(65) % 4 < 2, 1.0, 0.0))
    fold = np.where(dataset == "o", np.arange(65) % 2, -1)
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(65)], "dataset": dataset, "fold": fold})
    table = table.assign(patient=dataset + (np.arange(65) // 2).astype(str), presumed="ischemic", ischemic=label)
    table = table.assign(hemorrhagic=np.nan, **dict.fromkeys(_subtypes(), np.nan))
    (folder / "fold0").mkdir(parents=True)
    table.to_csv(folder / "rows.csv", index=False)
    (folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(toy_recipe())), encoding="utf-8")
    held = np.flatnonzero(fold != 1)
    logits = np.zeros((len(held), 2), np.float32)
    logits[:, 1] = separate * label[held] + rng.normal(0, 0.1, len(held))
    np.savez(folder / "fold0" / "predictions.npz", rows=held, findings=logits)
    return table


def _subtypes() -> tuple[str, ...]:
    return ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural")


def test_one_class_is_judged_against_the_held_fold_of_the_others(tmp_path):
    finished_run(tmp_path / "s", separate=5.0)
    predictions = left_out_predictions(tmp_path / "s", "s")
    assert predictions["kind"].value_counts().to_dict() == {"left out": 20, "others": 20}, "x is another external set"
    figures = write_figures(tmp_path, ["s"])
    row = figures.set_index("presumed").loc[True]
    assert (row["finding"], row["against"], row["auc"]) == ("ischemic", "others", 1.0)
    negatives = int((predictions["ischemic"] == 0).sum())
    assert row["images"] == 20 + negatives and row["positives"] == 20
    assert not (~figures["presumed"]).any(), "without presumed zeros there is one class, and no figure"
    assert json.loads((tmp_path / FIGURES).read_text())[0]["left_out"] == "s"
    assert "| s | ischemic | others |" in table_text(figures)


def test_figures_become_experiments_of_the_network_once(tmp_path):
    finished_run(tmp_path / "s", separate=5.0)
    rows = as_experiments(write_figures(tmp_path, ["s"]), toy_recipe())
    assert [row["name"] for row in rows] == ["left_out:ischemic:s"] and rows[0]["figure"] == 1.0
    assert "against held-out images of the others" in rows[0]["what"]
    (tmp_path / EXPERIMENTS).write_text(json.dumps([{"name": "other", "what": "w", "figure": 0.5}]), encoding="utf-8")
    add_experiments(tmp_path, rows)
    add_experiments(tmp_path, [{**rows[0], "figure": 0.75}])
    assert [(row["name"], row["figure"]) for row in read_experiments(tmp_path)] == [
        ("other", 0.5), ("left_out:ischemic:s", 0.75),
    ]  # fmt: skip


def test_guessing_is_reported_as_guessing(tmp_path):
    finished_run(tmp_path / "s", separate=0.0)
    row = write_figures(tmp_path, ["s"]).iloc[0]
    assert 0.3 < row["auc"] < 0.7 and row["auc_low"] < row["auc"] < row["auc_high"]


def test_a_finding_nobody_taught_has_no_figure(tmp_path):
    table = finished_run(tmp_path / "s", separate=5.0)
    table.loc[table["fold"] == 1, "ischemic"] = 0.0
    table.to_csv(tmp_path / "s" / "rows.csv", index=False)
    assert write_figures(tmp_path, ["s"]).empty


def test_an_unfinished_run_is_named(tmp_path):
    with pytest.raises(RecipeError, match="without s is not finished"):
        left_out_predictions(tmp_path, "s")


def test_a_real_run_leaves_the_source_out(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "best_device", lambda: torch.device("cpu"))
    learnt = []
    monkeypatch.setattr(loop, "initialize", lambda *_args, **_kw: learnt.append(True))
    manifest = write_toy_manifest(tmp_path / "data", toy_table(bleeds=12, infarcts=12))
    recipe = toy_recipe(epochs=1, images_per_epoch=4)
    figures = sources_left_out(recipe, manifest, tmp_path / "out", datasets=["infarcts"])
    rows = recipe_rows(without(recipe, "infarcts"), manifest)
    assert set(rows.loc[rows["dataset"] == "infarcts", "fold"]) == {-1} and len(learnt) == 1
    predictions = left_out_predictions(tmp_path / "out" / "infarcts", "infarcts")
    assert (predictions["kind"] == "left out").sum() == 12 and predictions["hemorrhagic_probability"].notna().all()
    assert set(figures["finding"]) <= {"hemorrhagic"}, "no infarct was learnt from"
    assert (tmp_path / "out" / "store.npz").samefile(tmp_path / "out" / "infarcts" / "store.npz")
