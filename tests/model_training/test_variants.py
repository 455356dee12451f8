"""Variants of a recipe: what differs is what was asked for, figures are of the same held-out images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from factories_training import toy_table, write_toy_manifest

from model_training.variants import FIGURES, held_predictions, read_variants, run_variants, table_text
from strokeapp.errors import RecipeError

BASE = """
name = "toy"
version = "0.0.1"
title = "Toy network"
modality = "CT"
sequences = ["NCCT"]
datasets = ["bleeds", "infarcts"]
findings = ["hemorrhagic", "ischemic"]
init = "scratch"
size = 64
folds = 2
batch = 4
epochs = 1
images_per_epoch = 8
merge_duplicates = false
mask_kinds = { infarcts = "ischemic" }
[[strata]]
dataset = "bleeds"
share = 0.5
[[strata]]
dataset = "infarcts"
share = 0.5
"""
FILE = """
base = "base.toml"
folds = [0]
[settings]
epochs = 2
[[variant]]
name = "plain"
[[variant]]
name = "slower"
learning_rate = 1.0e-4
"""


def written(folder: Path, text: str = FILE) -> Path:
    """Write base and variants; return the latter."""
    (folder / "base.toml").write_text(BASE, encoding="utf-8")
    path = folder / "variants.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_variants_differ_in_what_they_name_only(tmp_path):
    variants = read_variants(written(tmp_path))
    plain, slower = variants.recipes["plain"], variants.recipes["slower"]
    assert (plain.epochs, slower.epochs, variants.folds) == (2, 2, (0,))
    assert (plain.learning_rate, slower.learning_rate) == (1.0e-3, 1.0e-4)
    assert plain.datasets == slower.datasets and plain.seed == slower.seed and plain.strata == slower.strata


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("base.toml", "elsewhere.toml"), "no recipe at"),
        (("learning_rate", "lerning_rate"), "unknown settings lerning_rate"),
        (("folds = [0]", "folds = [2]"), "folds must name some of 0 to 1"),
        (('name = "slower"', 'name = "plain"'), "a name of its own"),
        (('name = "slower"', 'name = "../up"'), "a name of its own"),
        (("[settings]", "[setings]"), "unknown: setings"),
        (('[[variant]]\nname = "slower"\nlearning_rate = 1.0e-4', ""), "at least two"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, change, match):
    with pytest.raises(RecipeError, match=match):
        read_variants(written(tmp_path, FILE.replace(*change)))


def test_shipped_variants_can_be_read():
    for path in (Path(__file__).parents[2] / "model_training" / "recipes" / "variants").glob("ct_*.toml"):
        assert len(read_variants(path).recipes) >= 2


def test_variants_are_judged_on_the_same_unseen_images_and_continue(tmp_path):
    table = toy_table()
    manifest, out = write_toy_manifest(tmp_path / "data", table), tmp_path / "runs"
    variants = read_variants(written(tmp_path))
    figures = run_variants(variants, manifest, out)
    plain, slower = (held_predictions(out / name, variants.folds) for name in variants.recipes)
    assert plain["path"].tolist() == slower["path"].tolist() and 0 < len(plain) < len(table)
    assert (plain["fold"] == 0).all(), "only what fold 0 never learnt from"
    same = (out / "plain" / "store.npz").stat().st_ino == (out / "slower" / "store.npz").stat().st_ino
    assert same, "the images are decoded once"
    first = figures[figures["variant"] == "plain"]
    tested = first[first["p"].notna()]
    assert len(tested) and (tested["difference"] == 0).all() and (tested["p"] == 1).all(), "against itself"
    drawn = first.set_index(["finding", "dataset"])["lesions"]
    assert drawn["ischemic", "infarcts"] == int((plain["ischemic"] == 1).sum())
    assert json.loads((out / FIGURES).read_text())[0]["variant"] == "plain"
    assert "| slower | ischemic | all |" in table_text(figures)
    before = (out / "plain" / "fold0" / "predictions.npz").stat().st_mtime_ns
    again = run_variants(variants, manifest, out)
    assert (out / "plain" / "fold0" / "predictions.npz").stat().st_mtime_ns == before, "finished parts are kept"
    assert np.allclose(again["auc"], figures["auc"], equal_nan=True)
