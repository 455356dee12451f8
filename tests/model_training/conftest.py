"""Give what several tests of a card look at."""

from __future__ import annotations

import pytest
from factories_cards import completed

from strokeapp.models.registry import Card


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """Return a completed card."""
    return completed(tmp_path_factory.mktemp("weights"))
