"""Read the recipe of a sequence network: one TOML file, as for the slice networks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from model_training.settings import known_settings, read_toml, require
from strokeapp.errors import RecipeError
from strokeapp.models.slice_sequence import SequenceKind

RECIPES = Path(__file__).parents[1] / "recipes" / "study_level"


class Design(StrEnum):
    """What a sequence network learns from.

    OUTPUTS: logits and lesion-map statistics that each patient got from a network that had not seen them
    (stacking; Wolpert 1992). FEATURES: these and the encoder's features, from one fold's network, of the very
    patients it learnt from, on whom it is surer than it will be on others.
    """

    OUTPUTS = "outputs"
    FEATURES = "features"


@dataclass(frozen=True)
class StudyRecipe:
    """Hold every setting of a sequence network.

    Args:
        name: Of the row in the comparison.
        kind: What joins the slices.
        design: What is learnt from.
        datasets: Whose patients are whole volumes.
        judged: The dataset that has studies with and without the finding.
        hidden, dropout, input_dropout: Of the network.
        noise: On the standardized inputs.
        slice_dropout: Share of the slices left out of a training volume, at most.
        shortest: Slices of the shortest sub-volume learnt from.
        study_weight: Of the study's loss beside the slices'.
        steps, batch: Of training; a batch holds this many sub-volumes.
        learning_rate, weight_decay: Of AdamW.
        seeds: One network each; their logits are averaged.
    """

    name: str
    kind: SequenceKind
    design: Design
    datasets: tuple[str, ...]
    judged: str
    hidden: int = 32
    dropout: float = 0.3
    input_dropout: float = 0.1
    noise: float = 0.15
    slice_dropout: float = 0.25
    shortest: int = 8
    study_weight: float = 0.5
    steps: int = 300
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    seeds: tuple[int, ...] = (0, 1, 2)


def read_study_recipe(path: Path) -> StudyRecipe:
    """Return the recipe in a TOML file.

    Raises:
        RecipeError: The file is missing, is not TOML, or has unknown, missing or impossible settings.
    """
    raw = read_toml(path, shipped="Shipped ones lie in model_training/recipes/study_level.")
    return study_recipe_from(raw, path.name)


def study_recipe_from(raw: dict[str, Any], source: str = "recipe") -> StudyRecipe:
    """Build a checked recipe from plain values."""
    values = known_settings(raw, StudyRecipe, source)
    try:
        values |= {"kind": SequenceKind(raw.get("kind", "")), "design": Design(raw.get("design", ""))}
        recipe = StudyRecipe(**values)
        _check(recipe, source)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{source}: {error}.") from error
    return recipe


def _check(recipe: StudyRecipe, source: str) -> None:
    rules = {
        "judged must be one of datasets": recipe.judged in recipe.datasets,
        "hidden, steps and batch must be positive": min(recipe.hidden, recipe.steps, recipe.batch) > 0,
        "shortest must be at least 2": recipe.shortest >= 2,
        "dropout, input_dropout and slice_dropout must lie in [0, 1)": all(
            0 <= value < 1 for value in (recipe.dropout, recipe.input_dropout, recipe.slice_dropout)
        ),
        "noise, study_weight and weight_decay must not be negative": min(
            recipe.noise, recipe.study_weight, recipe.weight_decay
        )
        >= 0,
        "learning_rate must be positive": recipe.learning_rate > 0,
        "seeds must be different and at least one": len(set(recipe.seeds)) == len(recipe.seeds) > 0,
    }
    require(rules, source)
