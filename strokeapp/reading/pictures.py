"""Read PNG, JPEG, WebP and TIFF pictures: slices that claim no geometry."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from strokeapp.errors import CorruptFileError, LimitError, StrokeAppError
from strokeapp.reading.collect import Item
from strokeapp.reading.dicom_pixels import LUMA
from strokeapp.reading.inventory import Problem, Refusal, Series, short_key
from strokeapp.reading.limits import Limits
from strokeapp.types import Modality, Plane, QualityFlag, Sequence, Severity

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
COLOR_TOLERANCE = 12
"""Difference between channels (of 255) that JPEG compression of a gray picture may leave."""
COLOR_PART = 0.002
"""Part of the pixels that may differ more before a picture counts as colored."""
DECODE_ERRORS = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, MemoryError,
    TypeError,  # Pillow's, for a TIFF page without dimensions
)  # fmt: skip
REFUSALS = {
    "color": "The picture is in color: a map or a drawing, not a gray scan. Give the gray images.",
    "too_small": "The picture is smaller than {side} pixels a side: too small to be read.",
    "constant_image": "Every pixel has the same value: there is nothing in the picture.",
}


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """Hold what loading a series of pictures needs, in order."""

    paths: tuple[Path, ...]
    labels: tuple[str, ...]
    max_pixels: int


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Hold what one picture says: its size as shown, whether it is colored, and the pages of its file."""

    item: Item
    rows: int
    columns: int
    colored: bool
    constant: bool
    pages: int = 1


def describe(items: list[Item], limits: Limits, *, each_file: bool = False) -> tuple[list[Series], list[Problem]]:
    """Return series of pictures; pictures of one size in one folder make one series, in natural order of names."""
    problems: list[Problem] = []
    groups: dict[tuple[object, ...], list[PictureFacts]] = defaultdict(list)
    for number, item in enumerate(items):
        try:
            facts = _facts(item, limits)
        except StrokeAppError as error:
            problems.append(Problem.from_error(item.label, error))
            continue
        alone = each_file or item.folder == item.label
        groups[(number if alone else item.folder, facts.rows, facts.columns, facts.colored)].append(facts)
    return [_series(group, limits) for group in groups.values()], problems


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts ``2.png`` before ``10.png``."""
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def decode(path: Path, label: str, max_pixels: int) -> NDArray[np.uint8]:
    """Return a picture as shown: (rows, columns) gray, or (rows, columns, 3) where channels differ.

    Args:
        path: On disk.
        label: Named in errors.
        max_pixels: Bound checked against the header before anything is decoded.

    Raises:
        LimitError: More pixels than ``max_pixels``.
        CorruptFileError: Damaged or cut off.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > max_pixels:
                    raise _too_large(max_pixels)
                return _array(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:  # Pillow's own limit comes before ours
        raise _too_large(max_pixels) from error
    except DECODE_ERRORS as error:
        raise CorruptFileError(
            f"{label}: the picture is damaged or cut off. Copy it again.", detail=str(error)
        ) from error


def _too_large(max_pixels: int) -> LimitError:
    return LimitError(
        f"The picture has too many pixels; up to {max_pixels / 1e6:.0f} million are opened. Make it smaller."
    )


def gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return luminance of a picture, or the picture if it is gray."""
    return picture if picture.ndim == 2 else np.rint(picture @ LUMA).astype(np.uint8)


def _array(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.array(image, dtype=np.float64)
        span = max(float(np.ptp(values)), 1e-9)
        return np.rint((values - values.min()) * (255.0 / span)).astype(np.uint8)
    channels = np.array(image.convert("RGBA").convert("RGB"))
    spread = channels.max(axis=-1).astype(int) - channels.min(axis=-1)
    if np.mean(spread > COLOR_TOLERANCE) > COLOR_PART:
        return channels
    return np.array(Image.fromarray(channels).convert("L"))


def _facts(item: Item, limits: Limits) -> PictureFacts:
    picture = decode(item.path, item.label, limits.picture_pixels)
    rows, columns = picture.shape[:2]
    constant = bool(np.ptp(picture) == 0)
    return PictureFacts(item, rows, columns, colored=picture.ndim == 3, constant=constant, pages=_pages(item.path))


def _pages(path: Path) -> int:
    """Return how many pages a picture that was decoded before has; 1 where those after the first are damaged."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return int(getattr(image, "n_frames", 1))
    except DECODE_ERRORS:
        return 1


def _series(group: list[PictureFacts], limits: Limits) -> Series:
    group = sorted(group, key=lambda facts: natural(facts.item.label))
    first = group[0]
    flags = [QualityFlag("no_geometry", Severity.WARNING, "Pictures do not tell spacing, orientation or true values.")]
    if first.colored:
        flags.append(QualityFlag("color", Severity.WARNING, "A color picture, shown in gray."))
    most = max(facts.pages for facts in group)
    if most > 1:
        message = f"The file holds {most} pages; only the first is opened. Save each page as a picture of its own."
        flags.append(QualityFlag("more_pages", Severity.WARNING, message))
    return Series(
        key=short_key("pictures", first.item.label, len(group), first.rows, first.columns),
        source=first.item.label if len(group) == 1 else first.item.folder,
        modality=Modality.PICTURE, sequence=Sequence.UNKNOWN, description="", slices=len(group), frames=1,
        spacing_mm=None, plane=Plane.UNKNOWN, synthetic="synthetic" in first.item.label.lower(), viewable=True,
        refusal=_why_not(group, limits), flags=tuple(flags), rows=first.rows, columns=first.columns,
        _plan=PicturePlan(
            tuple(facts.item.path for facts in group), tuple(facts.item.label for facts in group), limits.picture_pixels
        ),
    )  # fmt: skip


def _why_not(group: list[PictureFacts], limits: Limits) -> Refusal | None:
    side = limits.min_picture_side
    reasons = {
        "too_small": min(group[0].rows, group[0].columns) < side,
        "constant_image": all(facts.constant for facts in group),
        "color": group[0].colored,
    }
    code = next((code for code, holds in reasons.items() if holds), None)
    return None if code is None else Refusal(code, REFUSALS[code].format(side=side))
