"""Open the SQLite database: one short connection per piece of work, so that threads never share one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from strokeapp.errors import RecordsError
from strokeapp.records.location import DATABASE, data_folder, ensure_folder
from strokeapp.records.schema import VERSION, statements, upgrade_from_1
from strokeapp.records.seals import seal_all

WAIT_SECONDS = 20.0
"""How long a writer waits for another one."""
_SCRIPTS = {0: statements, 1: upgrade_from_1}
"""By the version found: what makes the tables, or brings them up to date."""
_AGAIN = "The records cannot be read or written now. Try again; if it stays, tell whoever runs this server."


class Database:
    """Point to a database file; the tables are made on first use.

    Args:
        path: Of the file; its folder is made if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ready = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for queries.

        Raises:
            RecordsError: The database cannot be opened or read.
        """
        with self._connection() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside one transaction that no other writer can get between; an error undoes it all.

        Raises:
            RecordsError: The database cannot be opened or written, or a row to be added is already there.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open()
        except sqlite3.Error as error:
            raise RecordsError(_AGAIN, detail=f"{self.path.name}: {error}") from error
        try:
            yield connection
        except sqlite3.Error as error:
            raise RecordsError(_AGAIN, detail=str(error)) from error
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if not self._ready:
            ensure_folder(self.path.parent)
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        if not self._ready:
            self._prepare(connection)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self.path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version in _SCRIPTS:
            for statement in _split(_SCRIPTS[version]()):
                connection.execute(statement)
            seal_all(connection)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()
        if version not in (*_SCRIPTS, VERSION):
            connection.close()
            message = (
                "The records were written by another version of this program. Use that version, or another folder."
            )
            raise RecordsError(message, detail=f"schema {version}, expected {VERSION}", code="records_version")
        self._ready = True


def _split(script: str) -> list[str]:
    """Split SQL into whole statements; ``executescript`` would commit between them."""
    found, part = [], ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            found.append(part)
            part = ""
    return found


def open_database() -> Database:
    """Return the database of the data folder."""
    return Database(data_folder() / DATABASE)


def utc_now() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
