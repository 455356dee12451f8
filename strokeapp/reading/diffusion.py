"""Tell the diffusion weighting of an MR image: standard tags first, then what vendors write instead."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from strokeapp.reading.sequence import b_value_of_name
from strokeapp.reading.siemens import MR_CREATOR

SIEMENS_B, GE_B, PHILIPS_B = (0x0019, 0x100C), (0x0043, 0x1039), (0x2001, 0x1003)
GE_COMBINED = 1_000_000
"""GE adds a multiple of this to the b-value of images combined from several directions."""


def b_value_of(dataset: Dataset) -> float | None:
    """Return the b-value of a classic MR image in s/mm², or None where nothing tells it.

    Read in this order: (0018,9087); Siemens (0019,100C); GE (0043,1039); Philips (2001,1003); the sequence name.

    Raises:
        ValueError: A tag holds something that is not a number.
    """
    value = dataset.get("DiffusionBValue")
    if value is not None:
        return float(value)
    for tag, creator in ((SIEMENS_B, MR_CREATOR), (PHILIPS_B, "PHILIPS")):
        found = _number(dataset, tag, creator)
        if found is not None:
            return found
    ge = _text(dataset, GE_B)
    if ge.lstrip("-").isdigit():
        return float(int(ge) % GE_COMBINED)
    return b_value_of_name(str(dataset.get("SequenceName") or ""))


def direction_kind(dataset: Dataset) -> str:
    """Return (0018,9075): DIRECTIONAL, BMATRIX, ISOTROPIC (trace), NONE; empty where it is not said.

    Images along one direction and their trace must not share a stack.
    """
    return str(dataset.get("DiffusionDirectionality") or "").strip().upper()


def trace_of(images: Iterable[NDArray]) -> NDArray:
    """Return the geometric mean of images of one b-value: the trace image where their directions span space evenly.

    The signal along a direction is S0 exp(-b D); the geometric mean over directions is S0 exp(-b mean(D)).

    Args:
        images: At least one, of one shape and type; values below zero count as zero.
    """
    total, count, dtype = 0.0, 0, np.dtype(np.float32)
    with np.errstate(divide="ignore"):
        for image in images:
            dtype, count = image.dtype, count + 1
            total = total + np.log(np.maximum(image, 0), dtype=np.float32)
    mean = np.exp(total / count)
    return np.rint(mean).astype(dtype) if dtype.kind in "iu" else mean.astype(dtype)


def b_table(path: Path, *, most_bytes: int = 2**20) -> list[float]:
    """Read the b-values of a NIfTI file's volumes (FSL's .bval): numbers between white space, s/mm².

    A table that holds anything else, or more than ``most_bytes``, counts as empty and so agrees with no file.
    """
    with path.open("rb") as file:
        words = file.read(most_bytes).split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        return []
    return values if all(0 <= value < math.inf for value in values) else []


def shells_of(b_values: Iterable[float]) -> dict[float, tuple[int, ...]]:
    """Return the volumes of each b-value, b-values rounded to 50 s/mm², ascending."""
    shells: dict[float, list[int]] = {}
    for number, b_value in enumerate(b_values):
        shells.setdefault(rounded_b(b_value), []).append(number)
    return {b_value: tuple(shells[b_value]) for b_value in sorted(shells)}


def rounded_b(b_value: float) -> float:
    """Round a b-value to 50 s/mm²: scanners write 995 or 1005 for 1000."""
    return float(round(b_value / 50) * 50)


def _number(dataset: Dataset, tag: tuple[int, int], creator: str) -> float | None:
    """Return a private number whose block is reserved by a creator that begins so."""
    reserved = dataset.get((tag[0], tag[1] >> 8))
    if reserved is None or not str(reserved.value).strip().upper().startswith(creator.split(" ")[0]):
        return None
    element = dataset.get(tag)
    if element is None or element.value in (None, b"", ""):
        return None
    raw: Any = element.value
    if isinstance(raw, bytes) and tag == PHILIPS_B:
        return _float32(raw)
    return float(raw.decode().strip("\0 ") if isinstance(raw, bytes) else raw)


def _float32(raw: bytes) -> float | None:
    """Return a little-endian FL; pydicom leaves it as bytes where it does not know the private block."""
    return float(struct.unpack("<f", raw)[0]) if len(raw) == 4 else None


def _text(dataset: Dataset, tag: tuple[int, int]) -> str:
    """Return the first value of a private multi-valued element as text."""
    element = dataset.get(tag)
    if element is None:
        return ""
    raw: Any = element.value
    if isinstance(raw, bytes):
        return raw.split(b"\\")[0].decode("latin-1").strip("\0 ")
    first = (raw[0] if raw else "") if isinstance(raw, (MultiValue, list, tuple)) else raw
    return str(first).split("\\")[0].strip()
