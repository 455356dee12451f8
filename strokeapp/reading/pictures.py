"""Read PNG, JPEG, WebP and TIFF pictures: slices that claim no geometry."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strokeapp.errors import CorruptFileError, LimitError, StrokeAppError
from strokeapp.reading.collect import Item
from strokeapp.reading.decoder_process import SHARED
from strokeapp.reading.dicom_pixels import LUMA
from strokeapp.reading.inventory import Problem, Refusal, Series, short_key
from strokeapp.reading.limits import Limits
from strokeapp.reading.picture_decode import PICTURE_ERRORS, PictureHead, head
from strokeapp.types import Modality, Plane, QualityFlag, Sequence, Severity

REFUSALS = {
    "too_large": "The pictures together have more pixels than this program opens at once. Give fewer or smaller ones.",
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
    """Return series of pictures; pictures of one size in one folder make one series, in natural order of names.

    A series that would have more voxels than allowed is listed without its pictures being decoded.
    """
    problems: list[Problem] = []
    heads: dict[tuple[object, int, int], list[tuple[Item, PictureHead]]] = defaultdict(list)
    for number, item in enumerate(items):
        alone = each_file or item.folder == item.label
        try:
            found = _head(item.path, item.label, limits.picture_pixels)
        except StrokeAppError as error:
            problems.append(Problem.from_error(item.label, error))
            continue
        heads[(number if alone else item.folder, found.rows, found.columns)].append((item, found))
    groups: dict[tuple[object, ...], list[PictureFacts]] = defaultdict(list)
    for (place, rows, columns), same in heads.items():
        if rows * columns * len(same) > limits.voxels:
            groups[(place, rows, columns, None)] = [_undecoded(item, found) for item, found in same]
            continue
        for facts in _decoded(same, limits, problems):
            groups[(place, facts.rows, facts.columns, facts.colored)].append(facts)
    return [_series(group, limits) for group in groups.values()], problems


def _undecoded(item: Item, found: PictureHead) -> PictureFacts:
    return PictureFacts(item, found.rows, found.columns, colored=False, constant=False, pages=found.pages)


def _decoded(same: list[tuple[Item, PictureHead]], limits: Limits, problems: list[Problem]) -> Iterator[PictureFacts]:
    """Yield what each picture says once it is decoded; one that cannot be is a problem."""
    for item, found in same:
        try:
            yield _facts(item, found, limits)
        except StrokeAppError as error:
            problems.append(Problem.from_error(item.label, error))


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts ``2.png`` before ``10.png``."""
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def decode(path: Path, label: str, max_pixels: int) -> NDArray[np.uint8]:
    """Return a picture as shown: (rows, columns) gray, or (rows, columns, 3) where channels differ.

    It is decoded in a helper process; here only its head is looked at.

    Args:
        path: On disk.
        label: Named in errors.
        max_pixels: Bound checked against the header before anything is decoded.

    Raises:
        LimitError: More pixels than ``max_pixels``.
        CorruptFileError: Damaged or cut off.
    """
    _head(path, label, max_pixels)
    try:
        return SHARED.picture(path, max_pixels)
    except CorruptFileError as error:
        raise _damaged(label, error.detail) from error


def _head(path: Path, label: str, max_pixels: int) -> PictureHead:
    try:
        found = head(path)
    except Image.DecompressionBombError as error:  # Pillow's own limit comes before ours
        raise _too_large(max_pixels) from error
    except PICTURE_ERRORS as error:
        raise _damaged(label, str(error)) from error
    if found.rows * found.columns > max_pixels:
        raise _too_large(max_pixels)
    return found


def _damaged(label: str, detail: str) -> CorruptFileError:
    return CorruptFileError(f"{label}: the picture is damaged or cut off. Copy it again.", detail=detail)


def _too_large(max_pixels: int) -> LimitError:
    return LimitError(
        f"The picture has too many pixels; up to {max_pixels / 1e6:.0f} million are opened. Make it smaller."
    )


def gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return luminance of a picture, or the picture if it is gray."""
    return picture if picture.ndim == 2 else np.rint(picture @ LUMA).astype(np.uint8)


def _facts(item: Item, found: PictureHead, limits: Limits) -> PictureFacts:
    picture = decode(item.path, item.label, limits.picture_pixels)
    rows, columns = picture.shape[:2]
    constant = bool(np.ptp(picture) == 0)
    return PictureFacts(item, rows, columns, colored=picture.ndim == 3, constant=constant, pages=found.pages)


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
        spacing_mm=None, plane=Plane.UNKNOWN, synthetic="synthetic" in first.item.label.lower(),
        viewable=not _too_many(group, limits),
        refusal=_why_not(group, limits), flags=tuple(flags), rows=first.rows, columns=first.columns,
        _plan=PicturePlan(
            tuple(facts.item.path for facts in group), tuple(facts.item.label for facts in group), limits.picture_pixels
        ),
    )  # fmt: skip


def _too_many(group: list[PictureFacts], limits: Limits) -> bool:
    return sum(facts.rows * facts.columns for facts in group) > limits.voxels


def _why_not(group: list[PictureFacts], limits: Limits) -> Refusal | None:
    side = limits.min_picture_side
    reasons = {
        "too_large": _too_many(group, limits),
        "too_small": min(group[0].rows, group[0].columns) < side,
        "constant_image": all(facts.constant for facts in group),
        "color": group[0].colored,
    }
    code = next((code for code, holds in reasons.items() if holds), None)
    return None if code is None else Refusal(code, REFUSALS[code].format(side=side))
