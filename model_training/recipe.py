"""Read a recipe: one TOML file that says everything about one model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_training.settings import init_rule, known_settings, read_toml, require
from strokeapp.errors import RecipeError
from strokeapp.types import Modality


@dataclass(frozen=True)
class Stratum:
    """Give a kind of image its share of every epoch.

    Args:
        dataset: Of the manifest.
        share: Of the epoch; shares are scaled to sum to one.
        where: Labels that must hold, e.g. ``{"hemorrhagic": 1}``.
    """

    dataset: str
    share: float
    where: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Augmentation:
    """Set the strength of each augmentation; 0 turns it off.

    Args:
        rotation_degrees, translation, scale: Largest, either way; translation as a share of the side.
        flip: Probability of mirroring left and right.
        contrast, shift, noise: Largest; in gray, 1 = 80 HU in the brain window.
        blur, low_resolution: Probabilities.
        infarct_transplant, bleed_transplant: Probability that a lesion-free slice receives a lesion.
        extra_axial, drawn_clot, fluid_blood: Probability that it receives drawn blood along the skull, in the brain,
            in ventricles or sulci.
        beside_infarcts: Whether slices with an infarct may receive a bleed too.
        heal: Probability that an infarct is covered by the mirrored side, which makes a lesion-free slice.
        scalp: Probability that a brain-extracted MR slice receives a drawn skull and scalp.
        gamma: Largest logarithm, either way, of an exponent on gray.
        bias: Largest standard deviation of the logarithm of a smooth shading.
        saturate: Probability that the bright end is cut off, as in a window that is too narrow.
    """

    rotation_degrees: float = 20.0
    translation: float = 0.06
    scale: float = 0.15
    flip: float = 0.5
    contrast: float = 0.2
    shift: float = 0.03
    noise: float = 0.05
    blur: float = 0.3
    low_resolution: float = 0.2
    infarct_transplant: float = 0.0
    bleed_transplant: float = 0.0
    extra_axial: float = 0.0
    heal: float = 0.0
    scalp: float = 0.0
    gamma: float = 0.0
    saturate: float = 0.0
    drawn_clot: float = 0.0
    fluid_blood: float = 0.0
    beside_infarcts: bool = False
    bias: float = 0.0


@dataclass(frozen=True)
class Refinement:
    """Add a second, shorter cycle of training with settings of its own.

    Args:
        epochs: Added to the recipe's.
        rate: Peak learning rate as a share of the recipe's.
        augmentation: Settings that differ from the recipe's augmentation.
    """

    epochs: int
    rate: float = 0.5
    augmentation: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """Hold every setting of one training run.

    Args:
        backbone: ``efficientnet_lite0`` or the name of a torchvision classifier (``strokeapp.models.backbones``).
        first_size: Side of the images in the main cycle, where it is smaller than that of the refinement (``size``).
        encoder_rate: Learning rate of the encoder as a share of the rest's.
        layer_decay: By which it falls again from each stage of the encoder to the one before; 1 turns it off.
        pooled: Findings into which the pooled classifier is averaged in training, which it then learns from.
        read_pooled: The same in the shipped network, where it is another choice; both logits are known out of fold.
        start_share: Share of the first weights in the trained network (see ``loop.mix_start``); needs weights
            of a whole network in ``init``.
        patience: Epochs without a better validation loss after which a cycle of training ends; 0 turns it off.
        compile: Whether the network is compiled before training.
        map_cut: Lesion-map probability from which a pixel counts as lesion.
        neighbor_weight: Finding to what a neighboring slice adds to a slice's logit when a volume is read.
        neighbor_reach_mm: Finding to the largest distance of neighboring slice planes; any where it is not given.
        merge_duplicates: Whether near-identical images of different patients share a fold.
    """

    name: str
    version: str
    title: str
    modality: Modality
    sequences: tuple[str, ...]
    datasets: tuple[str, ...]
    findings: tuple[str, ...]
    strata: tuple[Stratum, ...]
    external: tuple[str, ...] = ()
    init: str = "imagenet"
    size: int = 192
    margin: float = 0.04
    pooled: tuple[str, ...] = ("hemorrhagic",)
    top_share: float = 0.0045
    dropout: float = 0.3
    folds: int = 4
    seed: int = 2026
    batch: int = 24
    epochs: int = 6
    images_per_epoch: int = 3200
    learning_rate: float = 1.0e-3
    encoder_rate: float = 0.5
    weight_decay: float = 0.02
    warmup: float = 0.05
    ema: float = 0.995
    dense_weight: float = 1.0
    subtype_weight: float = 0.3
    mask_kinds: dict[str, str] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)
    refinement: Refinement | None = None
    took: str = ""
    backbone: str = "efficientnet_lite0"
    layer_decay: float = 1.0
    patience: int = 0
    compile: bool = False
    map_cut: float = 0.5
    merge_duplicates: bool = True
    neighbor_weight: dict[str, float] = field(default_factory=dict)
    neighbor_reach_mm: dict[str, float] = field(default_factory=dict)
    start_share: float = 0.0
    read_pooled: tuple[str, ...] | None = None
    first_size: int | None = None

    @property
    def reading_pooled(self) -> tuple[str, ...]:
        """Return the findings into which the shipped network averages the pooled classifier."""
        return self.pooled if self.read_pooled is None else self.read_pooled


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a TOML file.

    Raises:
        RecipeError: The file is missing, is not TOML, or has unknown, missing or impossible settings.
    """
    raw = read_toml(path, shipped="Shipped recipes lie in model_training/recipes.")
    return recipe_from(raw, path.name)


def recipe_from(raw: dict[str, Any], source: str = "recipe") -> Recipe:
    """Build a checked recipe from plain values (the inverse of ``dataclasses.asdict``)."""
    values = known_settings(raw, Recipe, source)
    try:
        values["strata"] = tuple(Stratum(**item) for item in raw.get("strata", []))
        values["augmentation"] = Augmentation(**raw.get("augmentation", {}))
        if raw.get("refinement"):
            values["refinement"] = Refinement(**raw["refinement"])
            dataclasses.replace(values["augmentation"], **values["refinement"].augmentation)
        values["modality"] = Modality(raw.get("modality", ""))
        recipe = Recipe(**values)
        _check(recipe, source)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{source}: {error}.") from error
    return recipe


def _check(recipe: Recipe, source: str) -> None:
    rules = {
        "size must be a multiple of 32": recipe.size % 32 == 0 and recipe.size > 0,
        "first_size must be a multiple of 32 below size, and needs a refinement": recipe.first_size is None
        or (recipe.first_size % 32 == 0 and 0 < recipe.first_size < recipe.size and recipe.refinement is not None),
        "folds must be at least 2": recipe.folds >= 2,
        "epochs, batch and images_per_epoch must be positive": min(recipe.epochs, recipe.batch, recipe.images_per_epoch)
        > 0,
        "strata must not be empty and their datasets must be listed": bool(recipe.strata)
        and {stratum.dataset for stratum in recipe.strata} <= set(recipe.datasets),
        "shares of strata must be positive": all(stratum.share > 0 for stratum in recipe.strata),
        "ema must lie in [0, 1)": 0 <= recipe.ema < 1,
        "layer_decay must lie in (0, 1]": 0 < recipe.layer_decay <= 1,
        "patience must not be negative, and needs at least 3 folds": recipe.patience == 0
        or (recipe.patience > 0 and recipe.folds >= 3),
        "start_share must lie in [0, 1), and needs init = pretrained:FILE": recipe.start_share == 0
        or (0 < recipe.start_share < 1 and recipe.init.startswith("pretrained:")),
        "map_cut must lie in (0, 1)": 0 < recipe.map_cut < 1,
        "neighbor_reach_mm must name findings of neighbor_weight and exceed 0": set(recipe.neighbor_reach_mm)
        <= set(recipe.neighbor_weight)
        and all(reach > 0 for reach in recipe.neighbor_reach_mm.values()),
        "neighbor_weight must name findings and lie in [0, 1]": set(recipe.neighbor_weight) <= set(recipe.findings)
        and all(0 <= weight <= 1 for weight in recipe.neighbor_weight.values()),
        "compile must be true or false": isinstance(recipe.compile, bool),
        "findings must name ischemic or hemorrhagic": bool(recipe.findings)
        and set(recipe.findings) <= {"ischemic", "hemorrhagic"},
        "pooled must name ischemic or hemorrhagic, and read_pooled some of pooled": set(recipe.reading_pooled)
        <= set(recipe.pooled)
        <= {"ischemic", "hemorrhagic"},
    }
    require(rules | init_rule(recipe.init), source)
