"""Give records of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from strokeapp.records.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Give an empty database in a folder that is not there yet."""
    return Database(tmp_path / "deep" / "records.sqlite3")
