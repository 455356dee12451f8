"""Read what was measured of a network's explanations: which may be shown, and how often each points into the lesion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strokeapp.errors import ModelError
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS
from strokeapp.types import Finding

EXPLANATIONS = "explanations.json"
"""Beside a network's card; written by ``python -m model_training explanations``."""
ALL_SHUFFLED = "all"
"""The last of the stages of shuffled weights."""
LABELS_SHUFFLED = "labels"
"""The stage of a network that learnt shuffled labels."""
PASSED, FAILED, UNDECIDED = "passed", "failed", "not decided"
"""What shuffled weights and labels say of a method; only the first is offered."""
FAR_BELOW = 0.1
"""A hit rate lower than the lesion map's on the same images by this or more, and by more than one image, is said to be
far below it."""
LESIONS = {Finding.HEMORRHAGIC: "bleeds", Finding.ISCHEMIC: "infarcts"}


@dataclass(frozen=True)
class Pointing:
    """Hold how often a method pointed into known lesions.

    Args:
        hits, images, patients: Counts.
        low, high: 95 % interval of the hit rate, by resampling patients; nan where there is none.
        row: Every figure that was measured.
    """

    hits: int
    images: int
    patients: int
    low: float
    high: float
    row: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Return the hit rate."""
        return self.hits / self.images

    @property
    def flagged(self) -> tuple[int, int] | None:
        """Return hits and images among those that the network flags, or None where it was not counted."""
        names = ("flagged_hits", "flagged_images")
        return tuple(int(self.row[name]) for name in names) if all(name in self.row for name in names) else None

    @property
    def common(self) -> tuple[int, int] | None:
        """Return hits and images among the first images, which all methods explained, or None where not counted."""
        if self.row.get("common_hit_rate") is None or "common_images" not in self.row:
            return None
        images = int(self.row["common_images"])
        return round(self.row["common_hit_rate"] * images), images


@dataclass(frozen=True)
class Measured:
    """Hold what was measured of one network's explanations.

    Args:
        version: Of the network's recipe.
        pointing: Per method name (the lesion map among them) and finding.
        verdicts: Per method name, whether it changes when weights and labels are shuffled: ``PASSED``, ``FAILED`` or
            ``UNDECIDED``.
        shuffled: Per method name, finding and stage of shuffling, what was measured: ``rank_correlation`` with the
            explanation of the shuffled network, ``standard_error`` and number of ``images``.
        default: Name of the method to start with.
        protocol: How it was measured.
    """

    version: str
    pointing: Mapping[tuple[str, Finding], Pointing]
    verdicts: Mapping[str, str]
    shuffled: Mapping[tuple[str, Finding, str], Mapping[str, Any]]
    default: str
    protocol: Mapping[str, Any]

    def of(self, method: str, finding: Finding) -> Pointing | None:
        """Return a method's figures on a finding, or None where they were not measured."""
        return self.pointing.get((method, finding))

    @property
    def passed(self) -> tuple[str, ...]:
        """Return the names of methods that passed, in the order of the registry."""
        return tuple(name for name in METHODS if self.verdicts.get(name) == PASSED)

    def agreement(self, method: str, finding: Finding, stage: str = ALL_SHUFFLED) -> float | None:
        """Return how much of an explanation stays the same when all weights, or the labels, are shuffled, or None."""
        found = self.shuffled.get((method, finding, stage))
        return None if found is None else float(found["rank_correlation"])

    def sentence(self, method: str, finding: Finding) -> str:
        """Say how often a method points into the lesion, and whether the lesion map does so far more often."""
        found = self.of(method, finding)
        if found is None:
            return f"Not measured on known {LESIONS[finding]}."
        text = f"Points into the lesion in {found.hits} of {found.images} known {LESIONS[finding]}"
        if found.flagged is not None:
            text += f", {found.flagged[0]} of the {found.flagged[1]} that the network flags"
        return f"{text}{self._beside_map(found, finding)}."

    def _beside_map(self, found: Pointing, finding: Finding) -> str:
        """Say that the lesion map points far more often into the lesion of the same images, where it does."""
        best = self.of(LESION_MAP.name, finding)
        if best is None:
            return ""
        if best.images == found.images:
            return (
                f": far below the lesion map's {best.rate:.0%}" if far_below(found.hits, best.hits, best.images) else ""
            )
        if found.common is None or best.common is None or found.common[1] != best.common[1]:
            return ""
        (hits, images), most = found.common, best.common[0]
        if not far_below(hits, most, images):
            return ""
        return f": far below the lesion map, which does in {most} where it does in {hits} of the same {images}"


def far_below(hits: int, best: int, images: int) -> bool:
    """Tell whether hits are far fewer than the lesion map's on the same images, see ``FAR_BELOW``."""
    return best - hits > 1 and (best - hits) / images >= FAR_BELOW


def measured(folder: Path) -> Measured | None:
    """Read what was measured of the network in a folder; None where nothing was.

    Raises:
        ModelError: The file is there but cannot be used.
    """
    path = folder / EXPLANATIONS
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        pointing = {(row["method"], Finding(row["finding"])): _pointing(row) for row in raw["rows"]}
        verdicts = {name: _verdict(entry) for name, entry in raw["randomization"].items()}
        return Measured(str(raw["version"]), pointing, verdicts, _shuffled(raw), str(raw["default"]), raw["protocol"])
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"What was measured of the explanations of {folder.name} cannot be read. Reinstall the application.",
            detail=repr(error),
        ) from error


def _verdict(entry: Mapping[str, Any]) -> str:
    return str(entry.get("verdict", PASSED if entry["passed"] is True else FAILED))


def _shuffled(raw: Mapping[str, Any]) -> dict[tuple[str, Finding, str], Mapping[str, Any]]:
    stages = ((name, row) for name, entry in raw["randomization"].items() for row in entry["stages"])
    return {
        (name, Finding(row["finding"]), str(row["stage"])): row | {"rank_correlation": float(row["rank_correlation"])}
        for name, row in stages
    }


def _pointing(row: Mapping[str, Any]) -> Pointing:
    low, high = (float("nan") if row[name] is None else float(row[name]) for name in ("hit_low", "hit_high"))
    return Pointing(int(row["hits"]), int(row["images"]), int(row["patients"]), low, high, row)


def offered(found: Measured | None) -> tuple[str, ...]:
    """Return the names of the methods to offer, the default first.

    All of them where nothing was measured, for then nothing speaks against any; the page says that it was not.
    """
    if found is None:
        return tuple(METHODS)
    first = (found.default,) if found.default in found.passed else ()
    return first + tuple(name for name in found.passed if name not in first)
