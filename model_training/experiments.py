"""Read what else was measured of a network: ``experiments.json`` in its folder."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from strokeapp.errors import ModelError

EXPERIMENTS = "experiments.json"
REQUIRED = ("name", "what", "figure")
OPTIONAL = ("low", "high", "n")
LEFT_OUT = "left_out"


def read_experiments(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of ``experiments.json``; none where the file is not there.

    The file is a list of rows: name (``left_out:FINDING:DATASET`` for a source kept out of training, else free),
    what (one sentence), figure, and where known low, high (95 % interval) and n (images or studies).

    Args:
        folder: Of the network.

    Raises:
        ModelError: The file is not such a list.
    """
    path = folder / EXPERIMENTS
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{EXPERIMENTS} of {folder.name} is not JSON. Write it again.", detail=str(error)) from error
    if not isinstance(rows, list):
        raise ModelError(f"{EXPERIMENTS} of {folder.name} must be a list of rows.")
    return [_checked(row, number, folder.name) for number, row in enumerate(rows, start=1)]


def add_experiments(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows into ``experiments.json``; rows of the same name are replaced.

    Args:
        folder: Of the network.
        rows: As ``read_experiments`` returns them.

    Raises:
        ModelError: What is there is not such a file, or a row is not such a row.
    """
    fresh = [_checked(row, number, folder.name) for number, row in enumerate(rows, start=1)]
    names = {row["name"] for row in fresh}
    kept = [row for row in read_experiments(folder) if row["name"] not in names]
    text = json.dumps([*kept, *fresh], indent=1, ensure_ascii=False)
    (folder / EXPERIMENTS).write_text(text + "\n", encoding="utf-8")


def _checked(row: Any, number: int, network: str) -> dict[str, Any]:
    place = f"{EXPERIMENTS} of {network}, row {number}"
    if not isinstance(row, dict) or any(name not in row for name in REQUIRED):
        raise ModelError(f"{place} needs {', '.join(REQUIRED)}.")
    for name in ("figure", *OPTIONAL):
        value = row.get(name)
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            raise ModelError(f"{place}: {name} must be a number, not {value!r}.")
    if row["figure"] is None:
        raise ModelError(f"{place}: figure must be a number.")
    return {name: row.get(name) for name in (*REQUIRED, *OPTIONAL)}
