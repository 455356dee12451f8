"""Recipes of sequence networks: the shipped ones read, wrong ones are refused with the rule."""

from __future__ import annotations

import pytest
from factories_training import study_recipe

from model_training.study_level.recipe import RECIPES, Design, read_study_recipe
from strokeapp.errors import RecipeError
from strokeapp.models.slice_sequence import SequenceKind

SHIPPED = sorted(RECIPES.glob("*.toml"))


def test_every_kind_is_shipped_in_both_designs():
    found = [read_study_recipe(path) for path in SHIPPED]
    assert {(r.kind, r.design) for r in found} == {(kind, design) for kind in SequenceKind for design in Design}
    assert [r.name for r in found] == [path.stem for path in SHIPPED]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "transformer"}, "transformer"),
        ({"design": ""}, "Design"),
        ({"judged": "elsewhere"}, "judged must be one of datasets"),
        ({"steps": 0}, "steps and batch must be positive"),
        ({"dropout": 1.0}, "dropout"),
        ({"shortest": 1}, "shortest"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"noise": -0.1}, "noise"),
        ({"depth": 3}, "unknown settings depth"),
        ({"hidden": "wide"}, "toy|recipe"),
    ],
)
def test_impossible_settings_are_refused(changes, words):
    with pytest.raises(RecipeError, match=words):
        study_recipe(**changes)


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="no recipe"):
        read_study_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        read_study_recipe(tmp_path / "bad.toml")
