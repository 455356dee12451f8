"""Give the reader study page over records of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from reader_study_driver import page
from streamlit.testing.v1 import AppTest

from strokeapp.records.database import Database, open_database
from strokeapp.ui import reader_study_network as network

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Give the database of a data folder of the test's own."""
    monkeypatch.setenv("STROKEAPP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(REPOSITORY)
    return open_database()


@pytest.fixture
def app(database: Database) -> Iterator[AppTest]:
    yield AppTest.from_function(page, default_timeout=180).run()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep the network from reading, and note for which studies it was asked."""
    asked: list[int] = []
    monkeypatch.setattr(network, "start", lambda _database, study_id: asked.append(study_id))
    return asked
