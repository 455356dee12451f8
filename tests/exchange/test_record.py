"""One JSON object per series, in exactly the documented form."""

from __future__ import annotations

import json
import math

import pytest

from strokeapp.exchange.record import number, record
from strokeapp.reading import Problem, Series
from strokeapp.types import (
    Abstention,
    Finding,
    FindingResult,
    Modality,
    Plane,
    QualityFlag,
    Reading,
    Sequence,
    Severity,
    SliceReading,
)


def series(**changes) -> Series:
    fields = {
        "key": "k",
        "source": "scan.dcm",
        "modality": Modality.CT,
        "sequence": Sequence.NCCT,
        "description": "Head",
        "slices": 1,
        "frames": 1,
        "spacing_mm": (math.nan, 0.5, 0.5),
        "plane": Plane.AXIAL,
        "synthetic": False,
        "viewable": True,
        "refusal": None,
    }
    return Series(**(fields | changes))


def reading() -> Reading:
    findings = {Finding.HEMORRHAGIC: FindingResult(0.25, 0.5), Finding.ISCHEMIC: FindingResult(0.75, 0.5)}
    return Reading("toy", "1.2", findings, (SliceReading(0, 0.25, None),))


def strict(value: dict) -> dict:
    """Write and read back as strict JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


def test_a_reading_has_exactly_the_documented_keys():
    flag = QualityFlag("gantry_tilt", Severity.INFO, "Tilted by 12°.")
    line = strict(record("in.zip", series=series(), quality=[flag], reading=reading(), seconds={"load": 0.12345}))
    assert line == {
        "input": "in.zip",
        "series": {
            "modality": "CT",
            "sequence": "NCCT",
            "description": "Head",
            "slices": 1,
            "frames": 1,
            "spacing_mm": [None, 0.5, 0.5],
            "plane": "axial",
            "synthetic": False,
        },
        "quality": [{"code": "gantry_tilt", "severity": "info", "message": "Tilted by 12°."}],
        "reading": {
            "model": "toy",
            "version": "1.2",
            "findings": {
                "hemorrhagic": {"probability": 0.25, "threshold": 0.5, "flagged": False},
                "ischemic": {"probability": 0.75, "threshold": 0.5, "flagged": True},
            },
            "slices": [{"index": 0, "hemorrhagic": 0.25, "ischemic": None}],
        },
        "abstained": None,
        "error": None,
        "seconds": {"load": 0.123},
    }


def test_abstention_and_error_carry_code_and_message():
    line = strict(record("a", series=series(spacing_mm=None), abstained=Abstention("not_axial", "No.")))
    assert line["abstained"] == {"code": "not_axial", "message": "No."} and line["reading"] is None
    assert line["series"]["spacing_mm"] is None
    line = strict(record("b", error=Problem("b", "corrupt_file", "Cut off.")))
    assert line["error"] == {"code": "corrupt_file", "message": "Cut off."} and line["series"] is None
    assert line["quality"] == [] and line["seconds"] == {}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_becomes_null(value):
    assert number(value) is None
    assert strict(record("a", seconds={"load": value}))["seconds"] == {"load": None}
