"""Say where what outlives a session is kept on disk."""

from __future__ import annotations

import os
from pathlib import Path

from strokeapp.errors import RecordsError

VARIABLE = "STROKEAPP_DATA"
DATABASE = "records.sqlite3"
CASES = "cases"
"""Folder beside the database from which a lead may choose cases; nothing else on the server can be named."""


def data_folder() -> Path:
    """Return the data folder: ``STROKEAPP_DATA``, else ``strokeapp`` in the user's XDG data folder.

    Nothing is made here; see ``ensure_folder``.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_DATA_HOME", "").strip() or "~/.local/share"
    return Path(base).expanduser() / "strokeapp"


def cases_folder() -> Path:
    """Return the folder from which a lead may choose cases; it need not exist."""
    return data_folder() / CASES


def ensure_folder(folder: Path) -> Path:
    """Make a folder that only this user may enter, and return it.

    Raises:
        RecordsError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"The data folder cannot be written. Set {VARIABLE} to a folder that the program may write."
        raise RecordsError(message, detail=f"{folder}: {error}") from error
    return folder
