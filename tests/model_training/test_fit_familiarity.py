"""Fitting familiarity: the known answer for Gaussian features, crossed thresholds, and a run from end to end."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from factories_models import card_values, install_network, random_network
from factories_training import COLUMNS, toy_recipe, toy_store, toy_table
from PIL import Image

from model_training.__main__ import main
from model_training.familiarity import (
    FoldMeasures,
    crossed_limits,
    embed,
    fit_features,
    fit_run,
    prepared,
    stored,
    study_figures,
    unlike_table,
)
from model_training.unlike import ALTERED, altered, unsuited
from strokeapp.errors import ModelError, RecipeError
from strokeapp.imaging.network_input import SliceInput
from strokeapp.inference.familiarity import load_familiarity
from strokeapp.inference.slices import run_slices
from strokeapp.models.registry import Card
from strokeapp.performance.abstaining import COVERAGES, RULES, read_coverage
from strokeapp.types import Modality

SPREAD = np.array([6.0, 3.0, 2.0, 1.0, 0.5, 0.5])


def features(count: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    """Return Gaussian features of known spread about 10, of which the first and the last but one go together."""
    values = SPREAD * np.random.default_rng(seed).normal(size=(count, 6))
    values[:, 4] += values[:, 0] / 6
    return (10 + shift + values).astype(np.float32)


def test_with_all_but_two_directions_kept_distances_are_those_of_the_true_covariance():
    fitted = fit_features(features(20000, seed=0), kept=4)
    covariance = np.cov(features(200000, seed=5), rowvar=False)
    points = features(50, seed=2).astype(np.float64) - 10
    exact = np.sqrt(np.einsum("ij,jk,ik->i", points, np.linalg.inv(covariance), points) / 6)
    np.testing.assert_allclose(np.median(fitted.unfamiliarity(points + 10) / exact), 1, atol=0.05)


def test_training_slices_lie_at_one_on_average_and_breaking_a_rule_lies_far():
    known = features(5000, seed=0)
    fitted = fit_features(known, kept=3)
    assert np.mean(fitted.unfamiliarity(known) ** 2) == pytest.approx(1, abs=0.01)
    usual, broken = np.full((1, 6), 10.0), np.full((1, 6), 10.0)
    usual[0, [0, 4]] += [12, 2]  # the two that go together
    broken[0, [0, 4]] += [12, -2]
    assert fitted.unfamiliarity(broken) > 1.5 * fitted.unfamiliarity(usual)


def test_too_few_slices_are_refused():
    with pytest.raises(ModelError, match="more than 5"):
        fit_features(features(5, seed=0), kept=4)


def measures(distances: list[float], kind: list[float], flags: list[bool]) -> FoldMeasures:
    rows = np.arange(len(distances))
    return FoldMeasures(rows, np.array(distances), {"odd": (np.array(kind), np.array(flags))})


def test_each_fold_is_held_against_what_the_others_measured():
    folds = [measures([1.0] * 9 + [50.0], [3.0, 1.0], [False, False]), measures([2.0] * 10, [3.0, 9.0], [True, False])]
    limits = crossed_limits(folds)
    assert limits[0] == 2.0 and limits[1] > 20
    (row,) = unlike_table(folds, limits).to_dict("records")
    assert row == {"kind": "odd", "images": 4, "familiarity": 0.25, "flags": 0.25, "either": 0.5}


def test_a_volume_counts_by_its_share_of_unfamiliar_slices():
    table = toy_table(bleeds=20, infarcts=2).assign(patient=["a"] * 6 + ["b"] * 6 + ["c"] * 4 + ["d"] * 6)
    far = np.array([True] * 4 + [False] * 2 + [True] + [False] * 5 + [True] * 4 + [False] * 6)
    found = study_figures(table.assign(dataset="one"), np.arange(22), far)
    assert found == {"studies": 3, "stopped": 1, "highest": pytest.approx(4 / 6)}


def test_altered_pictures_are_pictures_and_differ():
    gray = toy_store(toy_table()).gray[:2] / np.float32(255)
    for kind in ALTERED:
        for before, after in zip(gray, altered(list(gray), kind), strict=True):
            assert after.shape == before.shape and after.min() >= 0 and after.max() <= 1, kind
            assert np.abs(after - before).mean() > 0.01, kind


def test_examination_stops_noise_and_passes_a_head():
    recipe, head = toy_recipe(), toy_store(toy_table()).gray[0] / np.float32(255)
    assert unsuited(altered([head], "noise alone")[0], recipe) and not unsuited(head, recipe)


def test_training_and_reading_give_one_embedding():
    network, store, recipe = random_network(), toy_store(toy_table()), toy_recipe()
    rows = np.array([3, 10, 7])
    inputs = [SliceInput(store.gray[r] / np.float32(255), None, store.level[r]) for r in rows]
    read = run_slices(network, inputs, Modality.CT).embedding
    np.testing.assert_allclose(embed(network, stored(store, rows, recipe)), read, atol=1e-3)


def test_pictures_are_prepared_as_the_store_prepares_them():
    network, store, recipe = random_network(), toy_store(toy_table()), toy_recipe()
    picture = np.pad(store.gray[0], 8) / np.float32(255)
    found = next(prepared([picture], recipe))
    assert found.shape == (1, 1, 64, 64) and embed(network, [found]).shape == (1, 152)


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Card, Path]:
    """Return the folder of a run of random networks, the card of the one packaged from it, and a manifest."""
    recipe, table = toy_recipe(), toy_table(bleeds=24, infarcts=24)
    table = table.assign(fold=np.arange(48) // 2 % 2)
    table.loc[44:, ["dataset", "fold"]] = "elsewhere", -1
    folder = tmp_path / "run"
    for number, part in enumerate(("fold0", "fold1", "final")):
        (folder / part).mkdir(parents=True)
        torch.save({"average": random_network(seed=number).state_dict()}, folder / part / "checkpoint.pt")
        (folder / part / "predictions.npz").touch()
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe)))
    table.to_csv(folder / "rows.csv", index=False)
    np.savez(folder / "store.npz", **asdict(toy_store(table)))
    card = install_network(tmp_path / "weights", seed=2, values=card_values())
    scores = np.random.default_rng(0).random((2, 48)).round(4)
    told = table[["path", "patient", "dataset", "fold", "ischemic", "hemorrhagic"]]
    told = told.replace({"fold": {-1: "external"}})
    told = told.assign(ischemic_probability=scores[0], hemorrhagic_probability=scores[1])
    told.to_csv(card.predictions, index=False)
    return folder, card, other_manifest(tmp_path)


def other_manifest(folder: Path) -> Path:
    """Write a manifest of four FLAIR pictures."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for number in range(4):
            picture = np.random.default_rng(number).integers(0, 255, (80, 70), np.uint8)
            Image.fromarray(picture).save(folder / f"{number}.png")
            row = {"path": f"{number}.png", "dataset": "flair", "patient": str(number), "modality": "MR"}
            writer.writerow(row | {"sequence": "FLAIR", "ischemic": "1"})
    return folder / "manifest.csv"


def test_a_run_gives_a_small_file_and_what_it_is_worth(run):
    folder, card, manifest = run
    path, _ = fit_run(folder, card, manifest)
    assert path.stat().st_size < 50_000
    found, content = load_familiarity(card.folder), read_coverage(card.folder)
    assert found.threshold == content["threshold"] and np.isfinite(found.threshold)
    assert content["held_out"]["images"] == 44 and content["held_out"]["patients"] == 22
    errors = pd.DataFrame(content["errors"])
    assert set(errors["rule"]) == set(RULES) and set(errors["coverage"]) == set(COVERAGES)
    whole = errors[errors["coverage"] == 1].groupby("finding")["error"].nunique()
    assert (whole == 1).all(), "nothing left out: every rule has the same error"
    kinds = {row["kind"]: row for row in content["unlike"]}
    assert set(ALTERED) <= set(kinds) and kinds["MR FLAIR"]["images"] == 4
    assert kinds["never learnt from: elsewhere"]["images"] == 8, "four of them, by either network"
    assert all(row["either"] >= max(row["familiarity"], row["flags"]) for row in kinds.values())


def test_what_is_missing_is_said(run, capsys):
    folder, card, manifest = run
    (folder / "fold1" / "checkpoint.pt").unlink()
    with pytest.raises(RecipeError, match=r"lacks fold1/checkpoint.pt"):
        fit_run(folder, card, manifest)
    (folder / "recipe.json").write_text((folder / "recipe.json").read_text().replace("0.0.1", "0.0.2"))
    with pytest.raises(RecipeError, match="not of the installed toy_ct 0.0.1"):
        fit_run(folder, card, manifest)
    assert main(["familiarity", "nowhere", "mr_dwi", "--manifest", str(manifest)]) == 1
    assert "nowhere holds no run" in capsys.readouterr().err
