"""Recipes: shipped ones read; unknown, missing and impossible settings are named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from factories_training import recipe_values, toy_recipe

import model_training
from model_training.recipe import read_recipe, recipe_from
from strokeapp.errors import RecipeError
from strokeapp.types import Modality, Sequence

RECIPES = Path(model_training.__file__).parent / "recipes"
PRETRAINING = RECIPES / "pretrain.toml"
SHIPPED = sorted(set(RECIPES.glob("*.toml")) - {PRETRAINING})


def test_recipes_are_shipped():
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_read_and_come_back_from_json(path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem and recipe.modality in (Modality.CT, Modality.MR)
    assert all(Sequence(name) for name in recipe.sequences)
    assert recipe_from(json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


def test_defaults_are_filled_in():
    assert toy_recipe().seed == 2026 and toy_recipe().augmentation.flip == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": 1}, "unknown settings colour"),
        ({"augmentation": {"swirl": 1}}, "swirl"),
        ({"strata": [{"dataset": "bleeds", "portion": 1}]}, "portion"),
        ({"init": "hub"}, "init must be"),
        ({"size": 100}, "multiple of 32"),
        ({"size": 0}, "multiple of 32"),
        ({"size": "large"}, "recipe"),
        ({"first_size": 32}, "needs a refinement"),
        ({"size": 64, "first_size": 64, "refinement": {"epochs": 1}}, "below size"),
        ({"size": 96, "first_size": 40, "refinement": {"epochs": 1}}, "first_size must be a multiple of 32"),
        ({"folds": 1}, "at least 2"),
        ({"epochs": 0}, "positive"),
        ({"batch": -1}, "positive"),
        ({"ema": 1.0}, "ema"),
        ({"strata": []}, "strata"),
        ({"strata": [{"dataset": "elsewhere", "share": 1}]}, "strata"),
        ({"strata": [{"dataset": "bleeds", "share": 0}]}, "shares"),
        ({"layer_decay": 0.0}, "layer_decay"),
        ({"layer_decay": 1.5}, "layer_decay"),
        ({"patience": -1}, "patience"),
        ({"patience": 2, "folds": 2}, "3 folds"),
        ({"compile": "yes"}, "compile"),
        ({"findings": []}, "findings"),
        ({"pooled": ["tumor"]}, "pooled"),
        ({"pooled": ["hemorrhagic"], "read_pooled": ["ischemic"]}, "read_pooled"),
        ({"findings": ["tumor"]}, "findings"),
        ({"modality": "PET"}, "PET"),
    ],
)
def test_wrong_settings_are_named(changes, words):
    with pytest.raises(RecipeError, match=words):
        recipe_from(recipe_values(**changes))


@pytest.mark.parametrize("missing", ["name", "modality", "datasets", "findings", "strata"])
def test_missing_settings_are_refused(missing):
    values = recipe_values()
    del values[missing]
    with pytest.raises(RecipeError):
        recipe_from(values)


def test_files_that_are_no_recipe_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="no recipe"):
        read_recipe(tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        read_recipe(tmp_path / "bad.toml")
