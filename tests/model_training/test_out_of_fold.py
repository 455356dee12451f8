"""Comparing predictions made from the weights with the stored ones: closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from factories_models import card_values, install_network
from factories_training import toy_table, write_toy_manifest

from model_training.evaluate import evaluate
from model_training.out_of_fold import compare_with_stored, comparison_text, fold_number, map_logits, network_dice
from strokeapp.imaging.head_crop import Box
from strokeapp.imaging.network_input import SliceInput
from strokeapp.types import Finding


def test_map_logits_undo_the_sigmoid_and_stay_finite():
    z = np.array([-5.0, 0.0, 3.0], np.float32)
    np.testing.assert_allclose(map_logits((1 / (1 + np.exp(-z))).astype(np.float16)), z, atol=0.02)
    assert np.isfinite(map_logits(np.array([0, 1], np.float16))).all()


def test_dice_at_the_resolution_of_the_network():
    item = SliceInput(np.zeros((8, 8), np.float32), Box(0, 0, 16, 16), 0.0)
    mask = np.zeros((16, 16), bool)
    mask[:8] = True
    half = np.where(np.arange(8)[:, None] < 4, 4.0, -4.0) * np.ones((8, 8))
    assert network_dice(half.astype(np.float32), mask, item, 0.5) == 1.0
    everywhere = np.full((4, 4), 4.0, np.float32)
    assert network_dice(everywhere, mask, item, 0.5) == pytest.approx(2 / 3)
    assert np.isnan(network_dice(everywhere, np.zeros((16, 16), bool), item, 0.5))


def test_every_row_is_read_by_the_weights_of_its_fold(tmp_path):
    table = toy_table(bleeds=4, infarcts=4)
    manifest = write_toy_manifest(tmp_path / "data", table)
    alone = {}
    for seed in (0, 7, 8):
        folder = install_network(tmp_path / f"weights-{seed}", seed=seed).folder.parent
        alone[seed] = evaluate(manifest, tmp_path / f"out-{seed}", folder=folder)
    card = install_network(tmp_path / "weights", fold_seeds=(7, 8))
    folds = ["0", "0", "1", "1", "external", "external"]
    stored = alone[0].iloc[:6].assign(fold=folds)
    stored.to_csv(card.predictions, index=False)
    result = evaluate(manifest, tmp_path / "out", folder=card.folder.parent, out_of_fold=True)
    assert result["fold"].tolist() == [*folds, "", ""]
    seeds = [7, 7, 8, 8, 0, 0, 0, 0]
    for finding in card.findings:
        name = f"{finding.value}_probability"
        expected = [alone[seed].loc[row, name] for row, seed in enumerate(seeds)]
        assert result[name].tolist() == pytest.approx(expected, abs=2e-6)
        assert abs(alone[7].loc[0, name] - alone[8].loc[0, name]) > 1e-3


def test_external_and_new_images_are_read_by_the_final_network():
    assert [fold_number(name) for name in ("external", "", "0", "3")] == [None, None, 0, 3]


def test_the_comparison_counts_gaps_calls_and_areas(tmp_path):
    card = install_network(tmp_path, values=card_values(findings={"ischemic": card_values()["findings"]["ischemic"]}))
    threshold = card.findings[Finding.ISCHEMIC].threshold
    stored = pd.DataFrame({
        "path": ["a", "b", "c", "d"], "patient": list("1234"), "dataset": "d", "fold": ["0", "1", "0", "1"],
        "ischemic": [1, 0, 1, 0], "hemorrhagic": "", "lesion_dice": [0.5, "", 0.25, ""],
        "ischemic_probability": [0.9, 0.1, threshold, 0.2],
    })  # fmt: skip
    stored.to_csv(card.predictions, index=False)
    fresh = pd.DataFrame({
        "path": ["d", "c", "b", "a", "new"], "model": ["toy_ct 0.0.1"] * 3 + ["", "toy_ct 0.0.1"],
        "ischemic_probability": [0.29, 0.28, 0.1, np.nan, 1.0], "lesion_dice": [np.nan, 0.35, np.nan, np.nan, 1.0],
    })  # fmt: skip
    record = compare_with_stored(fresh, card)
    assert (record["images"], record["stored"]) == (3, 4), "what could not be read or was not stored is left out"
    found = record["findings"]["ischemic"]
    assert found["largest_difference"] == pytest.approx(0.09) and found["mean_difference"] == pytest.approx(0.11 / 3)
    assert found["calls"] == 1
    assert [(row["stored"], row["reproduced"]) for row in found["auc"]] == [(1.0, 0.5)] * 2
    assert record["lesion_dice"]["d"] == pytest.approx(
        {"images": 1, "stored": 0.25, "reproduced": 0.35, "largest_difference": 0.1}
    )
    text = comparison_text("toy_ct", record)
    assert "3 of 4 stored images" in text and "0.0900 at most" in text and "1 calls differ" in text
    assert "| ischemic AUC | all | 3 | 1.0000 | 0.5000 |" in text
