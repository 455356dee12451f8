"""Write measured explanations: JSON for the app, CSV for a spreadsheet, Markdown for a reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_training.explanation_summary import MEANS, summed_up
from model_training.explanations import measure
from model_training.recipe import Recipe
from model_training.runs import load_recipe
from strokeapp.errors import RecipeError
from strokeapp.inference.explanation.measured import ALL_SHUFFLED, EXPLANATIONS, FAILED, LABELS_SHUFFLED, UNDECIDED
from strokeapp.inference.explanation.registry import LESION_MAP
from strokeapp.models.registry import Card, read_card
from strokeapp.performance.saliency import removal_shares

HEADER = (
    "| finding | method | hits | hit rate (95 %) | exact | large lesions | flagged | IoU at one cut | "
    "energy in lesion | outside head | deletion | insertion | infidelity | images | sensitivity | images | "
    "shuffled weights ρ | images | shuffled labels ρ | images | verdict | s per slice |\n"
    f"{'|---' * 22}|"
)
LEGEND = (
    "Deletion, insertion, infidelity, sensitivity and ρ stand for the images in the column after them; ρ with its "
    "standard error. In brackets: 95 %, patients resampled."
)
GOAL, MAP_GOAL = 0.90, 0.95
"""Share of large lesions that the default and the lesion map should point into."""
LAYER_HEADER = "| finding | layer | hits | IoU at one cut | energy in lesion |\n|---|---|---|---|---|"


IMAGES, CURVES = "_images.csv", "_curves.csv"
"""Added to a report's name: figures of single images, and mean removal curves."""


def run(
    folder: Path, out: Path, methods: Sequence[str] = (), *, limits: tuple[int, int], ship: Path | None = None
) -> Path:
    """Measure a run's explanations and write the report after every method; return the JSON file.

    Args:
        folder: Of the run.
        out: Path without suffix.
        methods: Names; all unless given. What an earlier report at ``out`` knows of others is kept.
        limits: Images per finding, for cheap methods and for the others.
        ship: Folder of a shipped network that gets the result too.

    Raises:
        RecipeError: The run is not finished, or the report at ``out`` is of another network.
    """
    recipe = load_recipe(folder)
    card = None if ship is None else _shipped(ship, recipe)
    known = read_report(out, recipe.name, recipe.version, refuse_version=bool(methods))
    report = measure(
        folder, limit=limits[0], costly_limit=limits[1], methods=tuple(methods), known=known if methods else None,
        card=card, keep=lambda so_far: write_report(so_far, out),
    )  # fmt: skip
    # Only now is it shipped: of half of the figures, what is missing would count as failed. And as the files tell it,
    # which are rounded, so that summing them up again changes nothing.
    write_report(report, out)
    return sum_up_again(out, ship=ship)


def sum_up_again(out: Path, *, ship: Path | None = None) -> Path:
    """Compute intervals, verdicts and default of a report anew from its files, and write it again; return the JSON.

    Args:
        out: Path without suffix.
        ship: Folder of the shipped network that gets the result too.

    Raises:
        RecipeError: There is no report, or of another network or version than the one that ships.
    """
    path = out.with_suffix(".json")
    if not path.is_file():
        raise RecipeError(f"{path} is missing. Measure explanations first, or give another --out.")
    raw = _loaded(path)
    report = read_report(out, raw["network"], raw["version"])
    if ship is not None:
        card = read_card(ship)
        if (card.name, card.version) != (report["network"], report["version"]):
            raise RecipeError(f"{path} is of {report['network']} {report['version']}, {ship} of {card.version}.")
    if not report["images"]:
        raise RecipeError(f"{beside(out, IMAGES)} is missing, from which {path.name} is summed up. Measure again.")
    write_report(summed_up(report, pd.DataFrame(report["images"])), out, ship=ship)
    return path


def _loaded(path: Path) -> dict[str, Any]:
    """Read a report's JSON.

    Raises:
        RecipeError: It is damaged, or something else.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return report | {"network": report["network"], "version": report["version"], "rows": report["rows"]}
    except (KeyError, TypeError, ValueError) as error:
        raise RecipeError(f"{path} is not a report of explanations. Give another --out.", detail=repr(error)) from error


def _shipped(folder: Path, recipe: Recipe) -> Card:
    card = read_card(folder)
    if card.name != recipe.name:
        raise RecipeError(
            f"{folder} holds {card.name}, but the run is of {recipe.name}. Give its own folder as --ship."
        )
    return card


def read_report(out: Path, recipe_name: str, version: str, *, refuse_version: bool = True) -> dict[str, Any] | None:
    """Return an earlier report of the same network, to measure some methods again; None where there is none.

    Args:
        out: Path without suffix.
        recipe_name, version: Of the run.
        refuse_version: Whether a report of another version is an error; it is None otherwise.

    Raises:
        RecipeError: The file there is of another network or version, or damaged.
    """
    path = out.with_suffix(".json")
    if not path.is_file():
        return None
    report = _loaded(path)
    same_network, same = report["network"] == recipe_name, report["version"] == version
    if not same_network or (refuse_version and not same):
        raise RecipeError(f"{path} is of {report['network']} {report['version']}. Give another --out.")
    if not same:
        return None
    for row in report["rows"]:
        row.update({name: float("nan") for name, value in row.items() if value is None})
    kept = beside(out, IMAGES)
    return {"curves": []} | report | {"images": pd.read_csv(kept).to_dict("records") if kept.is_file() else []}


def beside(out: Path, ending: str) -> Path:
    """Return a further file of a report."""
    return out.with_name(out.name + ending)


def write_report(report: dict[str, Any], out: Path, *, ship: Path | None = None) -> None:
    """Write the report as JSON and Markdown, its rows as CSV; as JSON beside a shipped network too, if one is given.

    Where they are known, the figures of single images and the mean removal curves are written as CSV too.

    Args:
        report: As ``measure`` returns it.
        out: Path without suffix.
        ship: Folder of a shipped network.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    told = {name: value for name, value in report.items() if name != "images"}
    text = json.dumps(_plain(told), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for path in (out.with_suffix(".json"), *([ship / EXPLANATIONS] if ship is not None else [])):
        path.write_text(text, encoding="utf-8")
    out.with_suffix(".md").write_text(markdown(report), encoding="utf-8")
    pd.DataFrame(report["rows"]).to_csv(out.with_suffix(".csv"), index=False, float_format="%.4f")
    if report.get("images"):
        pd.DataFrame(report["images"]).to_csv(beside(out, IMAGES), index=False, float_format="%.6f")
    if report.get("curves"):
        _curve_table(report["curves"]).to_csv(beside(out, CURVES), index=False, float_format="%.4f")


def _curve_table(curves: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return mean removal curves, one row per method, finding and share of pixels replaced."""
    parts = [pd.DataFrame(curve).assign(share=removal_shares(len(curve["deletion"]) - 1)) for curve in curves]
    return pd.concat(parts)[["method", "finding", "images", "share", "deletion", "insertion"]]


def _plain(value: Any) -> Any:
    """Round numbers and turn what JSON has no word for into null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 4) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def markdown(report: dict[str, Any]) -> str:
    """Return the report's tables for a reader.

    Args:
        report: As ``measure`` returns it.
    """
    lines = [
        f"# Explanations of {report['network']} {report['version']}",
        "",
        f"Default: {report['default'] or 'none'}.",
    ]
    lines += ["", *_goals(report)]
    lines += ["", LEGEND, "", HEADER, *(_row(row, report["randomization"]) for row in report["rows"])]
    lines += ["", "Grad-CAM by layer:", "", LAYER_HEADER, *(_layer(row) for row in report["layers"])]
    for found, words in ((FAILED, "Failed on shuffled weights or labels"), (UNDECIDED, "Not decided")):
        names = [name for name, entry in report["randomization"].items() if entry["verdict"] == found]
        lines += ["", f"{words}: {', '.join(names) or 'none'}."]
    lines += [f"Not offered: {name}: {reason}" for name, reason in report["not_offered"].items()]
    return "\n".join(lines) + "\n"


def _goals(report: dict[str, Any]) -> list[str]:
    """Say per finding whether the default and the lesion map point into large lesions as often as they should."""
    lines = []
    for method, goal in ((report["default"], GOAL), (LESION_MAP.name, MAP_GOAL)):
        for row in (row for row in report["rows"] if row["method"] == method and row["large_images"]):
            rate = row["large_hits"] / row["large_images"]
            lines.append(
                f"{row['title']}, {row['finding']}, lesions from {report['protocol']['large_px']} pixels: {rate:.0%}; "
                f"goal {goal:.0%} {'met' if rate >= goal else 'missed'}."
            )
    return lines


def _row(row: dict[str, Any], tested: dict[str, Any]) -> str:
    entry = tested.get(row["method"], {})
    ends = {s["stage"]: s for s in entry.get("stages", []) if s["finding"] == row["finding"]}
    cells = [row["finding"], row["title"], f"{row['hits']}/{row['images']}"]
    cells.append(f"{row['hit_rate']:.2f} ({row['hit_low']:.2f}–{row['hit_high']:.2f})")
    cells += [_cell(row, "exact", value=row["exact_rate"])]
    cells.append(f"{row['large_hits']}/{row['large_images']}{_ends(row, 'large')}")
    cells.append(f"{row['flagged_hits']}/{row['flagged_images']}" if "flagged_hits" in row else "–")
    for name in MEANS[:-1]:
        cells.append(_cell(row, name))
    cells += [str(row["fidelity_images"]), _cell(row, "sensitivity"), str(row["sensitivity_images"])]
    for stage in (ALL_SHUFFLED, LABELS_SHUFFLED):
        cells += _stage(ends.get(stage))
    cells += [entry.get("verdict", "–"), f"{row['seconds_per_slice']:.2g}"]
    return "| " + " | ".join(cells) + " |"


def _cell(row: dict[str, Any], name: str, *, value: float | None = None) -> str:
    return f"{row[name] if value is None else value:.3g}{_ends(row, name)}"


def _ends(row: dict[str, Any], name: str) -> str:
    low, high = (row.get(f"{name}_{end}", float("nan")) for end in ("low", "high"))
    return f" ({low:.2g}–{high:.2g})" if np.isfinite((low, high)).all() else " (n/a)"


def _stage(stage: dict[str, Any] | None) -> tuple[str, str]:
    if stage is None:
        return "–", "–"
    return f"{stage['rank_correlation']:.2f} ± {stage['standard_error']:.2f}", str(stage["images"])


def _layer(row: dict[str, Any]) -> str:
    cells = (row["finding"], row["layer"], f"{row['hits']}/{row['images']}")
    return "| " + " | ".join((*cells, f"{row['iou']:.3f}", f"{row['energy_inside']:.3f}")) + " |"
