"""Turn single values of DICOM text representations into numbers; what is not written as PS3.5 6.2 says is refused."""

from __future__ import annotations

import re
from math import isfinite

from strokeapp.reading.dicom_scan import Unusual

_DECIMAL = rb" *[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)? *"
_ONE, _THREE = re.compile(_DECIMAL).fullmatch, re.compile(_DECIMAL + (rb"\\" + _DECIMAL) * 2).fullmatch
_INTEGER = re.compile(rb" *[-+]?[0-9]{1,12} *").fullmatch
_TIME = re.compile(rb"[0-9.]* *").fullmatch
_UID = re.compile(rb"[0-9.]+\0?").fullmatch


def position(raw: bytes) -> tuple[float, float, float] | None:
    """Return three finite decimal strings (DS) as numbers; None where the value is empty.

    Raises:
        Unusual: It holds something else.
    """
    if not raw:
        return None
    if not _THREE(raw):
        raise Unusual
    x, y, z = map(float, raw.split(b"\\"))
    if not isfinite(x + y + z):
        raise Unusual
    return x, y, z


def decimal(raw: bytes) -> float:
    """Return one finite decimal string (DS) as a number, 0 where it is empty.

    Raises:
        Unusual: It holds something else.
    """
    if not raw:
        return 0.0
    if not _ONE(raw) or not isfinite(number := float(raw)):
        raise Unusual
    return number


def integer(raw: bytes) -> float:
    """Return an integer string (IS) as a number, 0 where it is empty.

    Raises:
        Unusual: It holds something else.
    """
    if not raw:
        return 0.0
    if not _INTEGER(raw):
        raise Unusual
    return float(raw)


def time_text(raw: bytes) -> str:
    """Return a time (TM) as text without padding.

    Raises:
        Unusual: It holds something else, or several times.
    """
    if not _TIME(raw):
        raise Unusual
    return raw.rstrip(b" ").decode("ascii")


def uid_text(raw: bytes) -> str:
    """Return a unique identifier (UI) without padding; empty where there is none.

    Raises:
        Unusual: It holds something else.
    """
    if raw and not _UID(raw):
        raise Unusual
    return raw.rstrip(b"\0").decode("ascii")
