"""An ensemble of folds: which images are fair to judge it on, and figures with known answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from factories_models import SETTINGS, card_values, install_network
from factories_training import toy_table, write_toy_manifest

from model_training.disagreement import errors_caught, weighted_caught
from model_training.ensemble import Voices, ensemble_text, judge, listen, unseen
from model_training.evaluate import evaluate
from strokeapp.errors import ManifestError, WeightsMissingError
from strokeapp.inference.slices import calibrated
from strokeapp.types import Finding

N = 40


def test_the_most_doubtful_half_catches_what_it_holds():
    wrong, doubt = np.array([1, 0, 1, 1], bool), np.array([4.0, 3.0, 2.0, 1.0])
    once = np.ones((1, 4))
    assert weighted_caught(wrong, doubt, once, share=0.5) == pytest.approx([1 / 3])
    assert weighted_caught(wrong, -doubt, once, share=0.5) == pytest.approx([2 / 3])
    assert weighted_caught(wrong, doubt, once, share=0.625) == pytest.approx([0.5]), "half of the third image fits"
    assert weighted_caught(wrong, doubt, np.array([[0.0, 1, 2, 1]]), share=0.5) == pytest.approx([1 / 3])
    assert np.isnan(weighted_caught(np.zeros(4, bool), doubt, once, share=0.5))
    rows = errors_caught(wrong, doubt, np.arange(4), n=N)
    assert [row["abstained"] for row in rows] == [0.1, 0.2, 0.5]
    assert rows[2]["caught"] == pytest.approx(1 / 3) and 0 <= rows[2]["low"] <= rows[2]["high"] <= 1


@pytest.fixture
def card(tmp_path):
    """Install a network that has learnt from the first two of four patients of bleeds."""
    card = install_network(tmp_path / "weights", fold_seeds=(7, 8))
    table = toy_table(bleeds=8, infarcts=4)
    manifest = write_toy_manifest(tmp_path / "data", table)
    stored = evaluate(manifest, tmp_path / "stored", folder=card.folder.parent)
    stored["fold"] = ["0", "", "1", "1", *["external"] * 8]
    stored[stored["fold"] != ""].to_csv(card.predictions, index=False)
    return card


def test_only_patients_that_no_part_has_learnt_from_count(card, tmp_path):
    rows = unseen(card, tmp_path / "data" / "manifest.csv")
    assert rows["path"].tolist() == [f"{number}.png" for number in range(4, 12)], "1.png shows a patient of fold 0"
    few = write_toy_manifest(tmp_path / "few", toy_table(bleeds=4, infarcts=0))
    with pytest.raises(ManifestError, match="name others"):
        unseen(card, few)


def test_the_voices_are_those_of_each_network(card, tmp_path):
    manifest = tmp_path / "data" / "manifest.csv"
    voices = listen(card, manifest)
    assert voices.folds.shape == (2, 8, 2) and min(voices.seconds) > 0
    alone = install_network(tmp_path / "alone", seed=8)
    expected = evaluate(manifest, tmp_path / "out", folder=alone.folder.parent).iloc[4:]
    got = calibrated(voices.folds[1, :, 1], card.findings[Finding.ISCHEMIC])
    np.testing.assert_allclose(got, expected["ischemic_probability"], atol=2e-6)
    assert np.isfinite(voices.dice[4:]).all() and np.isnan(voices.dice[:4]).all()
    text = ensemble_text(json.loads(json.dumps(judge(voices, card, n=N), allow_nan=False)))
    assert "2 networks" in text and "AUC against held-out images" in text


def test_folds_that_were_not_kept_are_asked_for(tmp_path):
    card = install_network(tmp_path / "weights")
    manifest = write_toy_manifest(tmp_path / "data", toy_table(bleeds=2, infarcts=2))
    stored = evaluate(manifest, tmp_path / "stored", folder=card.folder.parent).assign(fold=["0", "0", "1", "1"])
    stored.to_csv(card.predictions, index=False)
    with pytest.raises(WeightsMissingError, match="were not kept"):
        listen(card, manifest)


def test_figures_of_known_voices(tmp_path):
    finding = SETTINGS | {"temperature": 1.0, "shift": 0.0, "operating_points": {"balanced": 0.5}}
    card = install_network(tmp_path, values=card_values(findings={"ischemic": finding}))
    labels = np.array([1, 1, 0, 0], float)
    table = pd.DataFrame({"path": list("abcd"), "patient": "", "dataset": "d", "ischemic": labels})
    final, folds = np.zeros((4, 2)), np.zeros((2, 4, 2))
    final[:, 1] = [2, -1, -2, 1]  # the second and the fourth call are wrong
    folds[:, :, 1] = [[2, -1, -2, -3], [2, 3, -2, 1]]  # the folds differ about these, and are right in the mean
    dice = np.array([[0.2, 0.4], [np.nan] * 2, [np.nan] * 2, [np.nan] * 2])
    record = judge(Voices(table, final, folds, dice, (1.0, 2.0)), card, n=N)
    (row,) = record["figures"]
    assert (row["images"], row["patients"], row["positives"]) == (4, 4, 2)
    assert row["auc"]["against"] == "itself" and (row["auc"]["final"], row["auc"]["ensemble"]) == (0.75, 1.0)
    assert row["wrong"] == {"final": 2, "ensemble": 0}
    assert [one["caught"] for one in row["caught_by_disagreement"]] == pytest.approx([0.2, 0.4, 1.0])
    assert [one["caught"] for one in row["caught_by_nearness"]] == pytest.approx([0.2, 0.4, 1.0])
    one, two = (1 / (1 + math.exp(-z)) for z in (1, 2))
    gaps = [abs(1 - two), one, abs(0 - (1 - two)), one]
    assert row["ece"]["final"][0] == pytest.approx(sum(gaps) / 4, abs=1e-9)
    assert record["lesion_dice"][0]["difference"][0] == pytest.approx(0.2)
    assert record["milliseconds_per_image"] == {"final": 250.0, "ensemble": 500.0}
