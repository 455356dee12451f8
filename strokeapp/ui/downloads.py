"""Turn tables into bytes for the browser, and name the files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

import pandas as pd

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Of the files in an archive: the same tables give the same bytes."""


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as CSV in UTF-8 with its byte order mark, by which spreadsheets know the encoding."""
    return ("\ufeff" + table.to_csv(index=False)).encode()


def csv_archive(tables: Mapping[str, pd.DataFrame]) -> bytes:
    """Return a zip with one CSV per table.

    Args:
        tables: By file name without its ending.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in tables.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.csv", FIXED_TIME), csv_bytes(table), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def file_stem(*parts: str) -> str:
    """Join words to the start of a file name: letters, digits, dots and underscores, parts joined by hyphens."""
    cleaned = (re.sub(r"[^\w.]+", "_", part).strip("_") for part in parts)
    return "-".join(part for part in cleaned if part)
