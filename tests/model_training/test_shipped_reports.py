"""Reports, cards and recipes of the shipped networks tell the same: nothing was changed without the others."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from model_training.card import measured_limits
from model_training.claim import claim_items
from model_training.figures import with_and_without
from model_training.goals import Evidence, goal_rows
from model_training.recipe import read_recipe
from strokeapp.models.card_text import claim_table, goals_table
from strokeapp.models.registry import Card, find, installed, sha256
from strokeapp.performance.predictions import read_predictions

REPOSITORY = Path(__file__).resolve().parents[2]
REPORTS, RECIPES = REPOSITORY / "reports", REPOSITORY / "model_training" / "recipes"
NAMES = [card.name for card in installed()]
HINT = "Run: python -m model_training report {name}"


def report(name: str) -> dict:
    return json.loads((REPORTS / f"{name}.json").read_text(encoding="utf-8"))


def points_of(rows: list[dict]) -> list[dict]:
    """Return figures without their intervals, which are not drawn again here."""
    return [{key: value for key, value in row.items() if not key.endswith(("_low", "_high"))} for row in rows]


def evidence_of(card: Card) -> Evidence:
    return Evidence(card, read_predictions(card.predictions), 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_holds_the_card_as_it_is(name) -> None:
    card, values = find(name), report(name)
    assert values["card"] == card.raw, HINT.format(name=name)
    assert (values["version"], values["weights"]) == (card.version, card.weights_hash)
    assert values["weights"] == sha256(card.folder / "weights.safetensors")
    text = (REPORTS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# Report: {card.title} {card.version}\n")
    methods = values["methods"].partition("\n")[2].splitlines()[1]
    for part in (goals_table(card.raw).markdown(), claim_table(card.raw).markdown(), methods):
        assert part in text, HINT.format(name=name)


@pytest.mark.parametrize("name", NAMES)
def test_figures_and_goals_are_those_of_the_stored_predictions(name) -> None:
    card, values = find(name), report(name)
    evidence = evidence_of(card)
    for found, row in zip(points_of(evidence.figures.to_dict("records")), points_of(values["figures"]), strict=True):
        expected = {key: pytest.approx(value, nan_ok=True) if value == value else None for key, value in found.items()}
        assert {key: row[key] for key in expected} == expected, HINT.format(name=name)
    goals = points_of([row.record() for row in goal_rows(evidence)])
    for found, row in zip(goals, card.raw["goals"], strict=True):
        kept = {key: row[key] for key in ("what", "goal", "met", "n", "note", "rule")}
        assert kept == {key: found[key] for key in kept}, f"Run: python -m model_training card {name}"
        assert row["value"] == pytest.approx(found["value"])


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_from_a_card_is_up_to_date_in_it(name) -> None:
    raw = find(name).raw
    assert raw["claim"] == claim_items(raw), f"Run: python -m model_training card {name}"
    assert raw["limits"] == measured_limits(raw)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_how_its_network_was_trained_and_reads(name) -> None:
    raw, recipe = find(name).raw, read_recipe(RECIPES / f"{name}.toml")
    assert list(recipe.reading_pooled) == raw["network"]["pooled"]
    training = raw["training"]
    settings = (
        "epochs",
        "images_per_epoch",
        "batch",
        "learning_rate",
        "init",
        "ema",
        "seed",
        "start_share",
        "first_size",
    )
    for setting in settings:
        assert getattr(recipe, setting) == training.get(setting), setting
    assert training["refinement"] == (asdict(recipe.refinement) if recipe.refinement else None)
    assert list(recipe.pooled) == training["pooled"]
    assert (recipe.version, recipe.size) == (raw["version"], raw["input"]["size"])


def test_the_table_in_the_readme_is_that_of_the_predictions() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for row in with_and_without(evidence_of(find("ct_slice")).figures):
        start = f"| {row['finding']} | {row['name']} | {row['images']} ({row['positives']}, {row['patients']}) | "
        (line,) = [line for line in text.splitlines() if line.startswith(start)]
        cells = [cell.split(" (")[0] for cell in line.removeprefix(start).removesuffix(" |").split(" | ")]
        names = ("auc", "recall", "specificity", "precision", "f1", "accuracy")
        values = [row.get(name, float("nan")) for name in names]
        assert cells == [f"{value:.3f}" if value == value else "–" for value in values]
