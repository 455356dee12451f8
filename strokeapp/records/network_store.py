"""Store what the network says of a case, once, before or while readers read; hidden from them by the caller."""

from __future__ import annotations

import io
import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from strokeapp.records.database import Database, stamp, utc_now
from strokeapp.records.seals import RESULT, seal
from strokeapp.types import Finding, FindingResult, Reading, SliceReading


@dataclass(frozen=True)
class NetworkResult:
    """Hold a stored reading, or why there is none.

    Args:
        reading: None where the network abstained; without lesion maps unless they were asked for.
        message: Why it abstained; empty otherwise.
    """

    reading: Reading | None
    message: str = ""


def store_result(
    database: Database, case_id: int, reading: Reading | None, message: str = "", *, now: datetime | None = None
) -> None:
    """Store the network's result for a case; a second one for the same case is refused by the database.

    Raises:
        RecordsError: The case has a result already, or the database cannot be written.
    """
    content = None if reading is None else json.dumps(_reading_json(reading), allow_nan=False)
    maps = None if reading is None or not reading.lesion_maps else _pack(reading)
    with database.writing() as connection:
        row = connection.execute(
            "INSERT INTO network_result (study_case, message, reading, maps, read_at) VALUES (?, ?, ?, ?, ?)",
            (case_id, message, content, maps, stamp(now or utc_now())),
        )
        study = connection.execute("SELECT study FROM study_case WHERE id = ?", (case_id,)).fetchone()["study"]
        seal(connection, int(study), RESULT, int(row.lastrowid or 0))


def load_result(database: Database, case_id: int) -> NetworkResult | None:
    """Read the network's result for a case with its lesion maps; None where there is none yet."""
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM network_result WHERE study_case = ?", (case_id,)).fetchone()
    return None if row is None else _result(row, with_maps=True)


def load_results(database: Database, study_id: int) -> dict[int, NetworkResult]:
    """Read the network's results for a study by case, without lesion maps."""
    sql = (
        "SELECT study_case, message, reading FROM network_result JOIN study_case ON study_case.id = study_case "
        "WHERE study = ?"
    )
    with database.reading() as connection:
        rows = connection.execute(sql, (study_id,)).fetchall()
    return {int(row["study_case"]): _result(row, with_maps=False) for row in rows}


def _reading_json(reading: Reading) -> dict[str, object]:
    return {
        "model": reading.model,
        "version": reading.version,
        "findings": {f.value: [r.probability, r.threshold] for f, r in reading.findings.items()},
        "slices": [[item.index, item.hemorrhagic, item.ischemic] for item in reading.slices],
    }


def _result(row: sqlite3.Row, *, with_maps: bool) -> NetworkResult:
    if row["reading"] is None:
        return NetworkResult(None, row["message"])
    stored = json.loads(row["reading"])
    reading = Reading(
        stored["model"],
        stored["version"],
        {f: FindingResult(*stored["findings"][f.value]) for f in Finding if f.value in stored["findings"]},
        tuple(SliceReading(*item) for item in stored["slices"]),
        _unpack(row["maps"]) if with_maps and row["maps"] is not None else {},
    )
    return NetworkResult(reading)


def _pack(reading: Reading) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{finding.value: values for finding, values in reading.lesion_maps.items()})
    return buffer.getvalue()


def _unpack(content: bytes) -> dict[Finding, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        maps = {finding: archive[finding.value] for finding in Finding if finding.value in archive}
    for values in maps.values():
        values.flags.writeable = False
    return maps
