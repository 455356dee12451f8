"""Keep what was measured of a run's explanations in its folder, so that an interrupted measurement goes on.

Everything kept is named by what it depends on: the run's weights and folds, the images, and the code that computed it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_training.runs import CHECKPOINT
from strokeapp.inference import folding
from strokeapp.inference.explanation import (
    baselines,
    fidelity,
    grad_cam,
    lesion_map,
    randomize,
    seeding,
    shown,
    target,
)
from strokeapp.inference.explanation.registry import Method
from strokeapp.models.registry import sha256
from strokeapp.performance import saliency

FOLDER = "explanations"
DIGITS = 16
_SHARED = (baselines, fidelity, folding, grad_cam, lesion_map, randomize, saliency, seeding, shown, target)


def run_key(run: Path) -> str:
    """Return a name for a run made of its weights, its folds and its recipe.

    Args:
        run: Folder of the run.
    """
    parts = [*sorted(run.glob(f"*/{CHECKPOINT}")), run / "rows.csv", run / "recipe.json"]
    digests = [f"{path.parent.name} {path.name} {sha256(path)}" for path in parts if path.is_file()]
    return _digest("\n".join(digests))


def code_key(method: Method) -> str:
    """Return a name for the code that explains by a method and judges it."""
    files = [Path(module.__file__) for module in _SHARED]
    files += [
        Path(__file__).with_name("explanation_figures.py"),
        Path(target.__file__).with_name(f"{method.module}.py"),
    ]
    return _digest(repr(method) + "".join(path.read_text(encoding="utf-8") for path in files))


def labels_key() -> str:
    """Return a name for the code that teaches a network shuffled labels."""
    files = (Path(randomize.__file__), Path(__file__).with_name("explanation_labels.py"))
    return _digest("".join(path.read_text(encoding="utf-8") for path in files))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


class Kept:
    """Keep results under names, as JSON, and attributions of single images on the way to them.

    Args:
        run: Folder of the run.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER / run_key(run)

    def has(self, name: str) -> bool:
        """Tell whether a result is kept."""
        return (self.folder / f"{name}.json").is_file()

    def result(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is kept under a name; made, and kept, where nothing is."""
        path = self.folder / f"{name}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        made = make()
        self._write(path, lambda part: part.write_text(json.dumps(made), encoding="utf-8"))
        return made

    def values(self, name: str, row: int) -> tuple[NDArray[np.float32], float] | None:
        """Return the attribution kept of one image and the seconds it took, or None.

        Args:
            name: Of the result it is for.
            row: Of the image in the run.
        """
        path = self._values(name) / f"{row}.npz"
        if not path.is_file():
            return None
        with np.load(path) as parts:
            return parts["values"], float(parts["seconds"])

    def keep_values(self, name: str, row: int, values: NDArray[np.float32], seconds: float) -> None:
        """Keep the (rows, columns) attribution of one image, and the seconds it took, until the result is done."""

        def write(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, values=values, seconds=seconds)

        self._write(self._values(name) / f"{row}.npz", write)

    def forget_values(self, name: str) -> None:
        """Delete the attributions of a result that is done."""
        for path in self._values(name).glob("*.npz"):
            path.unlink()
        if self._values(name).is_dir():
            self._values(name).rmdir()

    def _values(self, name: str) -> Path:
        return self.folder / f"{name}.values"

    def _write(self, path: Path, write: Callable[[Path], Any]) -> None:
        """Write aside first: an interrupted file is never taken for a whole one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        write(part)
        part.replace(path)
