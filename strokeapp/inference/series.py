"""Read one series from its files to its reading, whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from strokeapp.errors import StrokeAppError
from strokeapp.inference.classify import read_scan
from strokeapp.inference.suitability import examine
from strokeapp.reading import Problem, Series, load
from strokeapp.types import Abstention, QualityFlag, Reading, Scan


@dataclass(frozen=True)
class Outcome:
    """Hold what became of a series: exactly one of reading, abstained and error is set.

    Args:
        series: As found.
        scan: None where it could not be loaded or must not be read.
        reading, abstained, error: The result.
        seconds: Time spent per step.
    """

    series: Series
    scan: Scan | None = None
    reading: Reading | None = None
    abstained: Abstention | None = None
    error: Problem | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def quality(self) -> tuple[QualityFlag, ...]:
        """Return the flags of the scan, or of the series where there is none."""
        return self.series.flags if self.scan is None else self.scan.flags


def refused(series: Series) -> Abstention | None:
    """Return why a series must not be classified, or None."""
    return None if series.refusal is None else Abstention(series.refusal.code, series.refusal.message)


def read_series(
    series: Series, *, progress: Callable[[float, str], None] | None = None, folder: Path | None = None
) -> Outcome:
    """Load and read a series; errors and abstentions come back as values.

    Args:
        series: From ``strokeapp.reading.open_inputs``.
        progress: Called with the share done and the step's name.
        folder: Of networks; the shipped ones unless given.
    """
    abstained = refused(series)
    if abstained is not None:
        return Outcome(series, abstained=abstained)
    begun = time.perf_counter()
    try:
        scan = load(series)
    except StrokeAppError as error:
        return Outcome(series, error=Problem.from_error(series.source, error))
    loaded = time.perf_counter() - begun
    outcome = read_loaded(series, scan, progress=progress, folder=folder)
    seconds = {"load": loaded, **outcome.seconds, "total": time.perf_counter() - begun}
    return replace(outcome, seconds=seconds)


def read_loaded(
    series: Series,
    scan: Scan,
    *,
    progress: Callable[[float, str], None] | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Read a series whose scan is in memory; errors and abstentions come back as values.

    What was found of its quality is added to the flags of the outcome's scan.

    Args:
        series: Of the scan.
        scan: As ``strokeapp.reading.load`` returns it.
        progress: Called with the share done and the step's name.
        folder: Of networks; the shipped ones unless given.
    """
    abstained, begun = refused(series), time.perf_counter()
    if abstained is not None:
        return Outcome(series, scan, abstained=abstained)
    try:
        examination = examine(scan)
        scan, examined = examination.scan, time.perf_counter() - begun
        options = {"examined": True} | ({} if folder is None else {"folder": folder})
        result = examination.abstention or read_scan(scan, progress=progress, **options)
    except StrokeAppError as error:
        return Outcome(series, scan, error=Problem.from_error(series.source, error))
    if isinstance(result, Abstention):
        return Outcome(series, scan, abstained=result, seconds={"total": time.perf_counter() - begun})
    spent = dict(result.seconds)
    return Outcome(series, scan, reading=result, seconds={**spent, "check": examined + spent.get("check", 0.0)})
