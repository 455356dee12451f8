"""The measuring command on a run of drawn heads: out of fold, counted once, written where the app reads it."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from factories_models import random_network
from factories_training import toy_recipe, toy_store, toy_table

from model_training.explanation_report import run as run_command
from model_training.explanation_report import write_report
from model_training.explanation_summary import mean_interval
from model_training.explanations import FoldNetworks, draw_sample, measure, out_of_fold
from strokeapp.errors import RecipeError
from strokeapp.inference.explanation.measured import measured
from strokeapp.types import Finding


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    table = toy_table(bleeds=2, infarcts=6)
    table["fold"] = np.arange(len(table)) // 2 % 2
    table.loc[table.index[-1], "fold"] = -1
    store = toy_store(table)
    np.savez(folder / "store.npz", **{name: getattr(store, name) for name in store.__dataclass_fields__})
    table.to_csv(folder / "rows.csv", index=False)
    (folder / "recipe.json").write_text(json.dumps(asdict(toy_recipe())))
    for seed, part in enumerate(("fold0", "fold1", "final")):
        (folder / part).mkdir()
        torch.save({"average": random_network(seed=seed).state_dict()}, folder / part / "checkpoint.pt")
    return folder


def test_only_masked_images_are_drawn_and_fewer_are_the_first_of_more(run):
    recipe = toy_recipe()
    sample = draw_sample(run, recipe, Finding.ISCHEMIC, limit=10)
    assert len(sample.folds) == 6 and sample.masks.any((1, 2)).all()
    few = draw_sample(run, recipe, Finding.ISCHEMIC, limit=2)
    np.testing.assert_array_equal(few.batch, sample.batch[:2])
    assert draw_sample(run, recipe, Finding.HEMORRHAGIC, limit=10) is None


def test_every_image_is_explained_by_the_network_that_did_not_learn_from_it(run):
    recipe = toy_recipe()
    sample = draw_sample(run, recipe, Finding.ISCHEMIC, limit=10)
    networks = FoldNetworks(run, recipe)
    bias = {-1: 2.0, 0: 0.0, 1: 1.0}
    marks = {id(networks.of(fold)): value for fold, value in bias.items()}
    seen, seconds = out_of_fold(networks, sample, lambda n, b, _f: torch.full((len(b), 64, 64), marks[id(n)]))
    assert seen[:, 0, 0].tolist() == [bias[int(fold)] for fold in sample.folds] and seconds >= 0
    expected = random_network(seed=1).state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in networks.of(1).state_dict().items())


def test_the_report_is_what_the_app_reads(run, tmp_path):
    kept, told, names = [], [], ("LesionMap", "LayerGradCam")
    report = measure(
        run,
        limit=3,
        costly_limit=2,
        methods=names,
        tell=told.append,
        keep=lambda r: kept.append(len(r["rows"])),
    )
    assert kept == [1, 2] and all(any(line.startswith(title) for line in told) for title in ("Lesion map", "Grad-CAM"))
    assert told[-1].endswith("00:00 left")
    write_report(report, tmp_path / "figures", ship=tmp_path)
    found = measured(tmp_path)
    item = found.of("LayerGradCam", Finding.ISCHEMIC)
    assert item.images == 3 and 0 <= item.rate <= 1 and found.of("LayerGradCam", Finding.HEMORRHAGIC) is None
    for name in ("deletion", "insertion", "infidelity", "sensitivity", "iou", "energy_inside", "seconds_per_slice"):
        assert item.row[name] is not None and item.row[name] >= 0
    stages = report["randomization"]["LayerGradCam"]["stages"]
    assert [row["stage"] for row in stages] == ["outputs", "decoder", "deep encoder", "all", "labels"]
    assert all(-1 <= row["rank_correlation"] <= 1 for row in stages)
    assert len(report["layers"]) == 5
    text = (tmp_path / "figures.md").read_text()
    assert f"{item.hits}/3" in text and "decoder.3" in text
    single = pd.read_csv(tmp_path / "figures_images.csv")
    assert single.groupby("method").size().to_dict() == {"LayerGradCam": 3, "LesionMap": 3}
    mine = single[single.method == "LayerGradCam"]
    assert mine["deletion"].mean() == pytest.approx(item.row["deletion"], abs=1e-4) and mine["hit"].sum() == item.hits
    curves = pd.read_csv(tmp_path / "figures_curves.csv")
    curve = curves[curves.method == "LayerGradCam"]
    assert len(curve) == 13 and curve["share"].tolist()[0] == 0 and curve["share"].tolist()[-1] == 1
    area = np.trapezoid(curve["deletion"], curve["share"])
    assert area == pytest.approx(item.row["deletion"], abs=2e-3)
    assert curve["deletion"].iloc[0] == pytest.approx(curve["insertion"].iloc[-1], abs=1e-3), "the picture as it is"
    assert "hit" not in json.loads((tmp_path / "figures.json").read_text())["rows"][0]
    table = pd.read_csv(tmp_path / "figures.csv")
    assert table["method"].tolist() == ["LesionMap", "LayerGradCam"]


def test_one_method_is_measured_again_and_what_is_known_of_others_is_kept(run, tmp_path):
    out = tmp_path / "figures"
    run_command(run, out, ("LayerGradCam",), limits=(3, 2))
    path = run_command(run, out, ("LesionMap",), limits=(2, 2))
    rows = json.loads(path.read_text())["rows"]
    assert [(row["method"], row["images"]) for row in rows] == [("LesionMap", 2), ("LayerGradCam", 3)]
    path.write_text(path.read_text().replace('"version": "0.0.1"', '"version": "9"'))
    with pytest.raises(RecipeError, match="toy_ct 9"):
        run_command(run, out, ("LesionMap",), limits=(2, 2))


def test_more_images_are_told_where_they_are_asked_for(run, tmp_path):
    out = tmp_path / "figures"
    for limit, told in ((2, 2), (3, 3), (1, 3)):
        path = run_command(run, out, ("LesionMap",), limits=(limit, 2))
        assert json.loads(path.read_text())["protocol"]["images_per_finding"]["cheap"] == told


def test_an_unfinished_run_is_refused(run, tmp_path):
    with pytest.raises(RecipeError, match="holds no run"):
        measure(tmp_path, limit=1, costly_limit=1)
    with pytest.raises(RecipeError, match="not finished"):
        FoldNetworks(run, toy_recipe()).of(7)


def test_intervals_resample_patients_and_never_have_zero_width():
    groups = np.repeat(np.arange(20), 5)
    values = np.repeat(np.arange(20) % 2, 5).astype(float)
    low, high = mean_interval(values, groups)
    assert 0.25 < low < 0.35 and 0.65 < high < 0.75
    independent = mean_interval(values, np.arange(100))
    assert independent.high - independent.low < 0.6 * (high - low)
    low, high = mean_interval(np.ones(100), groups)
    assert high == 1 and 0.8 < low < 0.9
    assert np.isnan(mean_interval([np.nan], ["a"]).low)
