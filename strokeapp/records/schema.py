"""Define the tables. Every one is append-only: rows are added, never changed and never deleted."""

from __future__ import annotations

VERSION = 1

_TABLES = """
CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    definition TEXT NOT NULL,
    definition_hash TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE study_case (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    paths TEXT NOT NULL,
    truth TEXT NOT NULL,
    UNIQUE (study, number),
    UNIQUE (study, name)
);
CREATE TABLE reader (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (study, number),
    UNIQUE (study, name)
);
CREATE TABLE access_code (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    reader INTEGER REFERENCES reader(id),
    public TEXT NOT NULL UNIQUE,
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    issued_at TEXT NOT NULL
);
CREATE TABLE slot (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES reader(id),
    session INTEGER NOT NULL CHECK (session IN (1, 2)),
    position INTEGER NOT NULL,
    study_case INTEGER NOT NULL REFERENCES study_case(id),
    aided INTEGER NOT NULL CHECK (aided IN (0, 1)),
    UNIQUE (reader, session, position),
    UNIQUE (reader, session, study_case)
);
CREATE TABLE opening (
    id INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL REFERENCES slot(id),
    opened_at TEXT NOT NULL
);
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    slot INTEGER NOT NULL UNIQUE REFERENCES slot(id),
    confidences TEXT NOT NULL,
    openings INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    committed_at TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (study, previous_hash)
);
CREATE TABLE network_result (
    id INTEGER PRIMARY KEY,
    study_case INTEGER NOT NULL UNIQUE REFERENCES study_case(id),
    message TEXT NOT NULL,
    reading TEXT,
    maps BLOB,
    read_at TEXT NOT NULL
);
"""
_KEYS = {
    "study": ("id",),
    "study_case": ("id",),
    "reader": ("id",),
    "access_code": ("id", "public"),
    "slot": ("id",),
    "opening": ("id",),
    "answer": ("id", "slot"),
    "network_result": ("id", "study_case"),
}


def statements() -> str:
    """Return the SQL that makes the tables and the triggers that forbid change.

    The third trigger stops ``INSERT OR REPLACE``, which deletes without firing a delete trigger unless
    ``recursive_triggers`` is on (https://www.sqlite.org/lang_conflict.html).
    """
    return _TABLES + "".join(_guards(table, keys) for table, keys in _KEYS.items())


def _guards(table: str, keys: tuple[str, ...]) -> str:
    same = " OR ".join(f"{key} = NEW.{key}" for key in keys)
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only');"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {refuse} END;\n"
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN {refuse} END;\n"
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse} END;\n"
    )
