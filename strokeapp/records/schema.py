"""Define the tables. Every one is append-only: rows are added, never changed and never deleted."""

from __future__ import annotations

VERSION = 2

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
    seconds REAL,
    untimed INTEGER,
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
_SINCE_2 = """
CREATE TABLE closing (
    id INTEGER PRIMARY KEY,
    opening INTEGER NOT NULL UNIQUE REFERENCES opening(id),
    closed_at TEXT NOT NULL
);
CREATE TABLE seal (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    subject TEXT NOT NULL CHECK (subject IN ('reader', 'access_code', 'network_result')),
    row INTEGER NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (subject, row),
    UNIQUE (study, previous_hash)
);
"""
_KEYS_1 = {
    "study": (("id",),),
    "study_case": (("id",), ("study", "number"), ("study", "name")),
    "reader": (("id",), ("study", "number"), ("study", "name")),
    "access_code": (("id",), ("public",)),
    "slot": (("id",), ("reader", "session", "position"), ("reader", "session", "study_case")),
    "opening": (("id",),),
    "answer": (("id",), ("slot",), ("study", "previous_hash")),
    "network_result": (("id",), ("study_case",)),
}
_KEYS = _KEYS_1 | {
    "closing": (("id",), ("opening",)),
    "seal": (("id",), ("subject", "row"), ("study", "previous_hash")),
}
"""Every set of columns that is unique, per table: a row that shares one with a stored row would replace it."""
_GUARDS = ("no_update", "no_delete", "no_replace")


def statements() -> str:
    """Return the SQL that makes the tables and the triggers that forbid change.

    The third trigger stops ``INSERT OR REPLACE``, which deletes without firing a delete trigger unless
    ``recursive_triggers`` is on (https://www.sqlite.org/lang_conflict.html); it looks at every unique key, since
    a conflict on any of them replaces.
    """
    return _TABLES + _SINCE_2 + _all_guards()


def upgrade_from_1() -> str:
    """Return the SQL that brings tables and triggers of version 1 up to date; no row is changed.

    What is new in a table of old rows stays empty: the time of an answer then counts from its last opening.
    """
    old = "".join(f"DROP TRIGGER IF EXISTS {table}_{guard};\n" for table in _KEYS_1 for guard in _GUARDS)
    columns = "ALTER TABLE answer ADD COLUMN seconds REAL;\nALTER TABLE answer ADD COLUMN untimed INTEGER;\n"
    return old + columns + _SINCE_2 + _all_guards()


def _all_guards() -> str:
    return "".join(_guards(table, keys) for table, keys in _KEYS.items())


def _guards(table: str, keys: tuple[tuple[str, ...], ...]) -> str:
    same = " OR ".join("(" + " AND ".join(f"{column} = NEW.{column}" for column in key) + ")" for key in keys)
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only');"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {refuse} END;\n"
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN {refuse} END;\n"
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse} END;\n"
    )
