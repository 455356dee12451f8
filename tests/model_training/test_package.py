"""From a manifest to a shipped network: folds, held-out predictions, card, weights that load."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from factories_training import toy_recipe, toy_table, write_toy_manifest
from sklearn.metrics import roc_auc_score

from model_training import loop
from model_training.cross_validation import recipe_rows, run_recipe
from model_training.evaluate import evaluate
from model_training.package import collect, write_network
from model_training.runs import read_rows, trained_network
from strokeapp.errors import RecipeError, WeightsMissingError
from strokeapp.models.card_text import facts_table
from strokeapp.models.registry import choose, load_network, read_card, sha256
from strokeapp.performance.predictions import read_predictions
from strokeapp.types import Modality, Sequence

TABLE = toy_table(bleeds=12, infarcts=12).assign(
    patient=lambda t: t["dataset"] + "-" + (t.index // 3).astype(str), group=lambda t: t["patient"]
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train two folds and a final network for one step each."""
    folder = tmp_path_factory.mktemp("run")
    table = TABLE.copy()
    table.loc[table.index[-3:], "dataset"] = "outside"
    manifest = write_toy_manifest(folder / "data", table)
    recipe = toy_recipe(
        datasets=["bleeds", "infarcts", "outside"], external=["outside"], epochs=1, images_per_epoch=4, took=""
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "best_device", lambda: torch.device("cpu"))
        run_recipe(recipe, manifest, folder / "run")
    return recipe, manifest, folder / "run"


@pytest.fixture(scope="module")
def shipped(run, tmp_path_factory):
    return write_network(run[2], tmp_path_factory.mktemp("models") / "weights", hardware="two cores")


def test_external_sets_are_never_learnt_from(run):
    recipe, manifest, _ = run
    rows = recipe_rows(recipe, manifest)
    assert set(rows.loc[rows["dataset"] == "outside", "fold"]) == {-1}
    assert set(rows.loc[rows["dataset"] != "outside", "fold"]) == {0, 1}
    assert (rows[rows["fold"] >= 0].groupby("group")["fold"].nunique() == 1).all()


def test_every_row_is_judged_by_a_network_that_never_saw_it(run):
    folder = run[2]
    table = pd.read_csv(folder / "rows.csv")
    for number in (0, 1):
        with np.load(folder / f"fold{number}" / "predictions.npz") as parts:
            assert set(parts["rows"]) == set(np.flatnonzero(table["fold"].isin([number, -1])))
    results = collect(folder)
    assert np.isfinite(results.logits).all()
    for number, part in ((0, "fold0"), (1, "fold1"), (-1, "final")):
        with np.load(folder / part / "predictions.npz") as parts:
            mine = (table["fold"] == number).to_numpy()[parts["rows"]]
            np.testing.assert_array_equal(results.logits[parts["rows"][mine]], parts["findings"][mine])


def test_the_shipped_network_loads_and_is_the_trained_one(shipped, run):
    card = choose(Modality.CT, Sequence.NCCT, shipped.parent)
    network = load_network(card)
    average = torch.load(run[2] / "final" / "checkpoint.pt", weights_only=True)["average"]
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(value, average[name], rtol=1e-3, atol=1e-3)


def test_the_folds_are_kept_beside_the_shipped_networks(shipped, run):
    card = read_card(shipped)
    assert card.kept_folds == 2
    for number, kept in enumerate(card.raw["weights"]["folds"]):
        path = shipped.parent.parent / "folds" / "toy_ct" / kept["file"]
        assert path.name == f"fold{number}.safetensors"
        assert (kept["sha256"], kept["bytes"]) == (sha256(path), path.stat().st_size)
        average = torch.load(run[2] / f"fold{number}" / "checkpoint.pt", weights_only=True)["average"]
        for name, value in load_network(card, number).state_dict().items():
            if not name.endswith("num_batches_tracked"):
                torch.testing.assert_close(value, average[name], rtol=1e-3, atol=1e-3)
    assert "2 kept" in facts_table(card.raw).markdown()


def test_without_folds_those_of_an_earlier_package_go(run, tmp_path):
    folder = write_network(run[2], tmp_path / "weights")
    assert sorted(path.name for path in (tmp_path / "folds" / "toy_ct").iterdir()) == [
        "fold0.safetensors",
        "fold1.safetensors",
    ]
    card = read_card(write_network(run[2], tmp_path / "weights", folds=False))
    assert card.folder == folder and card.kept_folds == 0 and not list((tmp_path / "folds").rglob("*.safetensors"))
    with pytest.raises(WeightsMissingError, match="fold 0 of toy_ct were not kept"):
        load_network(card, 0)


def test_the_card_tells_what_was_done(shipped, run):
    card = json.loads((shipped / "card.json").read_text(), parse_constant=pytest.fail)
    assert card["weights"]["sha256"] == sha256(shipped / "weights.safetensors")
    assert card["training"]["images"] == 21 and card["training"]["external_images"] == 3
    assert card["training"]["per_dataset"] == {"bleeds": 12, "infarcts": 9}
    assert card["training"]["hardware"] == "two cores" and set(card["training"]["seconds"]) == {
        "fold0",
        "fold1",
        "final",
    }
    assert card["limits"] and set(card["findings"]) == {"hemorrhagic", "ischemic"}
    for settings in card["findings"].values():
        assert all(0 <= value <= 1.001 for value in settings["operating_points"].values())


def test_stored_predictions_are_what_the_performance_page_reads(shipped):
    table = read_predictions(shipped / "predictions.csv")
    assert len(table) == 24 and set(table["fold"]) == {"0", "1", "external"}
    np.testing.assert_array_equal(table["ischemic"].to_numpy(), TABLE["ischemic"].to_numpy())
    drawn = (table["dataset"] == "infarcts").to_numpy()
    assert table.loc[~drawn, "lesion_dice"].isna().all() and table.loc[drawn, "lesion_dice"].notna().all()


def test_the_weights_of_the_folds_reproduce_the_stored_figures(shipped, run, tmp_path):
    result = evaluate(run[1], tmp_path, folder=shipped.parent, out_of_fold=True)
    stored = read_predictions(shipped / "predictions.csv")
    assert result["fold"].tolist() == stored["fold"].tolist()
    record = json.loads((tmp_path / "metrics.json").read_text())["networks"]["toy_ct"]["out_of_fold"]
    assert (record["images"], record["stored"]) == (24, 24)
    for finding in ("hemorrhagic", "ischemic"):
        # What is left: half-precision weights, and pictures that the training store rounds to 8 bits after the cut.
        gap = (result[f"{finding}_probability"] - stored[f"{finding}_probability"]).abs()
        found = record["findings"][finding]
        assert found["largest_difference"] == pytest.approx(gap.max()) and gap.max() < 0.002, gap.max()
        areas = {row["dataset"]: row for row in found["auc"]}
        labels = stored[finding].notna()
        for name, table in (("stored", stored), ("reproduced", result)):
            expected = roc_auc_score(stored.loc[labels, finding], table.loc[labels, f"{finding}_probability"])
            assert areas["all"][name] == pytest.approx(expected)
    for row in record["lesion_dice"].values():
        assert row["images"] and row["reproduced"] == pytest.approx(row["stored"], abs=0.01)


def test_out_of_fold_needs_the_folds(run, tmp_path):
    write_network(run[2], tmp_path / "weights", folds=False)
    with pytest.raises(WeightsMissingError, match="were not kept"):
        evaluate(run[1], tmp_path / "out", folder=tmp_path / "weights", out_of_fold=True)


def test_patients_keep_their_names(run, tmp_path):
    text = (run[2] / "rows.csv").read_text().replace("bleeds-0", "NA").replace("bleeds-1", "007")
    (tmp_path / "rows.csv").write_text(text)
    assert list(read_rows(tmp_path)["patient"].unique()[:2]) == ["NA", "007"]


def test_a_finished_part_is_not_trained_again(run, monkeypatch):
    recipe, manifest, folder = run
    monkeypatch.setattr("model_training.cross_validation.train", lambda *a, **k: pytest.fail("trained again"))
    run_recipe(recipe, manifest, folder)


def test_the_classifier_may_be_trained_along_and_not_read(run, tmp_path):
    recipe, _, folder = run
    shutil.copytree(folder, tmp_path / "run")
    values = dataclasses.asdict(recipe) | {"read_pooled": []}
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(values))
    results, rows = collect(tmp_path / "run"), pd.read_csv(folder / "rows.csv")
    for number, part in ((0, "fold0"), (1, "fold1"), (-1, "final")):
        with np.load(folder / part / "predictions.npz") as parts:
            mine = (rows["fold"] == number).to_numpy()[parts["rows"]]
            np.testing.assert_array_equal(results.logits[parts["rows"][mine]], parts["map_findings"][mine])
    card = json.loads((write_network(tmp_path / "run", tmp_path / "weights") / "card.json").read_text())
    assert card["network"]["pooled"] == [] and card["training"]["pooled"] == ["hemorrhagic"]
    assert not trained_network(tmp_path / "run", "final", results.recipe).pooled_weight.any()
    assert trained_network(folder, "final", recipe).pooled_weight.any()
    assert collect(folder, pooled=()).recipe.reading_pooled == () != collect(folder).recipe.reading_pooled
    with pytest.raises(RecipeError, match="learnt of hemorrhagic"):
        collect(folder, pooled=("ischemic",))


def test_an_unfinished_run_is_refused(run, tmp_path):
    recipe, _, folder = run
    (tmp_path / "recipe.json").write_text(json.dumps(dataclasses.asdict(recipe)))
    (tmp_path / "rows.csv").write_text((folder / "rows.csv").read_text())
    with pytest.raises(RecipeError, match="fold0 of the run"):
        collect(tmp_path)
    with pytest.raises(RecipeError, match="holds no run"):
        collect(tmp_path / "nothing")
