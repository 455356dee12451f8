"""Read the recipe of self-supervised pretraining: one TOML file, no labels in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_training.settings import init_rule, known_settings, read_toml, require
from strokeapp.errors import RecipeError
from strokeapp.models.backbones import LITE0


@dataclass(frozen=True)
class PretrainRecipe:
    """Hold every setting of one pretraining.

    Args:
        name: Of the weights.
        datasets: Of the manifest; all of them if empty.
        modalities: CT, MR.
        external: Datasets never looked at, not even without labels, so that they stay unseen sources.
        init: ``imagenet``, ``scratch`` or ``pretrained:FILE`` before pretraining.
        backbone: Of the slice network that continues from the weights.
        size, margin: Of the network's input.
        patch: Side of the squares that are hidden, in pixels; divides ``size``.
        hidden: Share of the squares that is hidden.
        noise: Largest standard deviation of noise laid over what stays visible; gray, 1 = 80 HU.
        seed, batch, epochs, images_per_epoch, learning_rate, weight_decay, warmup, ema: As in a training's recipe.
    """

    name: str
    modalities: tuple[str, ...]
    datasets: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    init: str = "imagenet"
    backbone: str = LITE0
    size: int = 192
    margin: float = 0.04
    patch: int = 16
    hidden: float = 0.5
    noise: float = 0.05
    seed: int = 2026
    batch: int = 24
    epochs: int = 4
    images_per_epoch: int = 6000
    learning_rate: float = 1.0e-3
    weight_decay: float = 0.02
    warmup: float = 0.05
    ema: float = 0.99


def read_pretrain_recipe(path: Path) -> PretrainRecipe:
    """Return the pretraining recipe in a TOML file.

    Raises:
        RecipeError: The file is missing, is not TOML, or has unknown, missing or impossible settings.
    """
    raw = read_toml(path, shipped="The shipped one is model_training/recipes/pretrain.toml.")
    return pretrain_recipe_from(raw, path.name)


def pretrain_recipe_from(raw: dict[str, Any], source: str = "recipe") -> PretrainRecipe:
    """Build a checked pretraining recipe from plain values."""
    values = known_settings(raw, PretrainRecipe, source)
    try:
        recipe = PretrainRecipe(**values)
        _check(recipe, source)
    except TypeError as error:
        raise RecipeError(f"{source}: {error}.") from error
    return recipe


def _check(recipe: PretrainRecipe, source: str) -> None:
    counts = (recipe.epochs, recipe.batch, recipe.images_per_epoch, recipe.patch)
    rules = {
        "modalities must name CT or MR": bool(recipe.modalities) and set(recipe.modalities) <= {"CT", "MR"},
        "size must be a multiple of 32": recipe.size % 32 == 0 and recipe.size > 0,
        "epochs, batch, images_per_epoch and patch must be positive": min(counts) > 0,
        "patch must be even and divide size": recipe.patch % 2 == 0 and recipe.size % max(1, recipe.patch) == 0,
        "hidden must lie in (0, 1)": 0 < recipe.hidden < 1,
        "ema must lie in [0, 1)": 0 <= recipe.ema < 1,
    }
    require(rules | init_rule(recipe.init), source)
