"""What every test of reading opens files with."""

from __future__ import annotations

import pytest

from strokeapp.reading import open_inputs


@pytest.fixture
def opened(tmp_path):
    """Give a function that opens paths, or the folder ``in`` of the test."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    def _open(*paths, **options):
        return open_inputs(paths or [tmp_path / "in"], workspace=workspace, **options)

    return _open
