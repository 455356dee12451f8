"""Write a reading as one JSON object: the interface of ``python -m strokeapp read`` (docs/command-line.md)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from strokeapp.reading import Problem, Series
from strokeapp.types import Abstention, Finding, QualityFlag, Reading


def number(value: float | None, *, digits: int = 6) -> float | None:
    """Return a float that JSON can hold, or None."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def series_record(series: Series) -> dict[str, Any]:
    """Return what a series is, free of patient data."""
    spacing = None if series.spacing_mm is None else [number(value) for value in series.spacing_mm]
    return {
        "modality": series.modality.value,
        "sequence": series.sequence.value,
        "description": series.description,
        "slices": series.slices,
        "frames": series.frames,
        "spacing_mm": spacing,
        "plane": series.plane.value,
        "synthetic": series.synthetic,
    }


def reading_record(reading: Reading) -> dict[str, Any]:
    """Return a reading without its pixels."""
    findings = {
        finding.value: {
            "probability": number(result.probability),
            "threshold": number(result.threshold),
            "flagged": result.flagged,
        }
        for finding, result in reading.findings.items()
    }
    slices = [
        {
            "index": item.index,
            Finding.HEMORRHAGIC.value: number(item.hemorrhagic),
            Finding.ISCHEMIC.value: number(item.ischemic),
        }
        for item in reading.slices
    ]
    return {"model": reading.model, "version": reading.version, "findings": findings, "slices": slices}


def record(
    source: str,
    *,
    series: Series | None = None,
    quality: Iterable[QualityFlag] = (),
    reading: Reading | None = None,
    abstained: Abstention | None = None,
    error: Problem | None = None,
    seconds: dict[str, float] | None = None,
) -> dict[str, Any]:
    """Return one line of the output.

    Args:
        source: The input as the user named it.
        series: None where the input could not be opened.
        quality: Flags of the series and its scan.
        reading, abstained, error: Exactly one of them is given.
        seconds: Per step.
    """
    return {
        "input": source,
        "series": None if series is None else series_record(series),
        "quality": [{"code": f.code, "severity": f.severity.value, "message": f.message} for f in quality],
        "reading": None if reading is None else reading_record(reading),
        "abstained": None if abstained is None else {"code": abstained.code, "message": abstained.message},
        "error": None if error is None else {"code": error.code, "message": error.message},
        "seconds": {name: number(value, digits=3) for name, value in (seconds or {}).items()},
    }
