"""Measure a sphere written as DICOM with this program and with other readers: volume, place of its center, warnings.

    pip install -r requirements-benchmark.txt    # the other readers; each may be missing
    python tools/compare_geometry.py

The sphere (radius 40 mm, 268.1 ml, center at z = 60 mm) is segmented at half its contrast. Prints two tables in
Markdown, of volumes and of centers, and what the readers said. "Warns" means that the reader said something about
the geometry while it read; "refuses", that it ended with an error.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from factories_spheres import CENTER, HALF_CONTRAST, SPHERES, SphereCase, write_sphere  # noqa: E402

from strokeapp.benchmark.grids import GRID_READERS  # noqa: E402

OURS = "this program"
CORRECTED = ", its correction"
GEOMETRY_WORDS = re.compile(r"\b(tilt|non uniform|missing|interslice|not spatial|orthogonal|increment)", re.IGNORECASE)
ADDRESS = re.compile(r"\(0x[0-9a-f]+\)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what one reader made of one case.

    Args:
        ml: Volume of the sphere; NaN where the reader refuses.
        off: Center found minus true center, LPS mm.
        warned: Lines about the geometry that the reader printed, or the flags of this program.
        refused: Reason; empty where there is an image.
    """

    ml: float = np.nan
    off: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))
    warned: tuple[str, ...] = ()
    refused: str = ""

    @property
    def volume_cell(self) -> str:
        """Return the volume in ml, or that there is none."""
        if self.refused:
            return "refuses"
        return f"{self.ml:.1f}{', warns' if self.warned else ''}"

    @property
    def center_cell(self) -> str:
        """Return the error along z and the whole distance in mm, or that there is none."""
        # Adding zero turns a minus zero into zero.
        return "refuses" if self.refused else f"{round(self.off[2], 1) + 0:.1f}, {np.linalg.norm(self.off):.1f}"


Results = dict[str, Outcome]
"""Outcomes by row of the table: the reader, and which of its images."""


class Words:
    """Keep what a reader prints, from Python or from below it."""

    def __init__(self) -> None:
        self.lines: tuple[str, ...] = ()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Send both streams of this process into a file and keep its lines about geometry."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
            with _descriptors_at(file.fileno()), redirect_stdout(file), redirect_stderr(file):
                yield
            file.seek(0)
            self.lines = tuple(line.strip() for line in file if GEOMETRY_WORDS.search(line))


@contextmanager
def _descriptors_at(target: int) -> Iterator[None]:
    """Let the descriptors of both streams, to which libraries in C++ write, lead elsewhere."""
    before = [(number, os.dup(number)) for number in (1, 2)]
    try:
        for number, _ in before:
            os.dup2(target, number)
        yield
    finally:
        for number, saved in before:
            os.dup2(saved, number)
            os.close(saved)


def measure_ours(folder: Path) -> Results:
    """Read with this program and measure on native slices, as its pages do."""
    from strokeapp.imaging.measures import slice_thickness_mm, volume_ml
    from strokeapp.reading import load, open_inputs

    with tempfile.TemporaryDirectory() as workspace:
        scan = load(open_inputs([folder], workspace=Path(workspace)).series[0])
    inside, geometry = scan.voxels > HALF_CONTRAST, scan.geometry
    slices, rows, columns = np.nonzero(inside)
    in_plane = np.outer(rows, geometry.row_step) + np.outer(columns, geometry.column_step)
    places, weights = geometry.slice_origins[slices] + in_plane, slice_thickness_mm(geometry)[slices]
    center = np.average(places, axis=0, weights=weights)
    flags = tuple(f"`{flag.code}`" for flag in scan.flags)
    return {OURS: Outcome(volume_ml(inside, scan), center - CENTER, flags)}


def measure_other(name: str, folder: Path) -> Results:
    """Read with another reader and measure on the grid that it states."""
    words = Words()
    try:
        with words.kept():
            grids = GRID_READERS[name][1](folder)
    except Exception as error:  # every reader refuses in its own way; the reason is printed
        return {name: Outcome(refused=str(error) or type(error).__name__)}
    return {
        name + CORRECTED * bool(grid.made): Outcome(
            grid.volume_ml(HALF_CONTRAST), grid.center(HALF_CONTRAST) - CENTER, words.lines
        )
        for grid in grids
    }


def compare(case: SphereCase, root: Path) -> Results:
    """Write one case into a folder and measure it with every reader that is installed."""
    folder = write_sphere(root, case)
    results = measure_ours(folder)
    for name, (package, _) in GRID_READERS.items():
        if importlib.util.find_spec(package):
            results |= measure_other(name, folder)
    return results


def table(found: dict[str, Results], cell: Callable[[Outcome], str]) -> list[str]:
    """Return the lines of a table in Markdown: readers down, cases across."""
    names = list(dict.fromkeys(name for results in found.values() for name in results))
    names.sort(key=[OURS, *(name + more for name in GRID_READERS for more in ("", CORRECTED))].index)
    lines = [f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for name in names:
        cells = [cell(results[name]) if name in results else "–" for results in found.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def said(found: dict[str, Results]) -> list[str]:
    """Return one line for every reason and warning: who said it, of which cases."""
    cases: dict[tuple[str, str], list[str]] = {}
    for case, results in found.items():
        for name, outcome in results.items():
            for text in dict.fromkeys([outcome.refused] if outcome.refused else outcome.warned):
                cases.setdefault((name.removesuffix(CORRECTED), ADDRESS.sub("", text)), []).append(case)
    return [f"- {name}, {' and '.join(dict.fromkeys(of))}: {text}" for (name, text), of in cases.items()]


def main() -> None:
    """Measure every case with every reader and print the tables."""
    logging.disable(logging.INFO)
    packages = sorted({package for package, _ in GRID_READERS.values() if importlib.util.find_spec(package)})
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages))
    with tempfile.TemporaryDirectory(prefix="geometry-") as root:
        found = {name: compare(case, Path(root) / str(index)) for index, (name, case) in enumerate(SPHERES.items())}
    print("\nVolume in ml (truth 268.1):\n", *table(found, lambda outcome: outcome.volume_cell), sep="\n")
    print("\nCenter, mm off along z, mm off in all:\n", *table(found, lambda outcome: outcome.center_cell), sep="\n")
    print("\nWhat they say:\n", *said(found), sep="\n")


if __name__ == "__main__":
    main()
