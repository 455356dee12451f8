"""Shared fixtures: where the labelled images and real cases lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def shared_folder() -> Path:
    """Return the folder of labelled images and real cases: STROKEAPP_SHARED, or ../shared."""
    return Path(os.environ.get("STROKEAPP_SHARED", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of labelled images and cases; skip without it, but fail under CI."""
    folder = shared_folder()
    if not (folder / "data" / "manifest.csv").is_file():
        reason = f"labelled images and cases not found at {folder}; set STROKEAPP_SHARED to the folder that holds them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
