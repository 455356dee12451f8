"""Refuse data sets that circulate under wrong labels, and pictures whose answer is drawn into them.

Three traps that published work fell into: the "brain stroke CT image dataset" is PhysioNet CT-ICH, trauma patients
without an ischemic stroke; the "brain stroke stages" MRI set is a brain-tumor set; lesion outlines burned into
pictures teach the outline. Hashes of CT-ICH's head crops, which are no images, are kept beside this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from model_training.duplicates import COMPARED_SIDE, perceptual_hashes
from strokeapp.errors import ManifestError
from strokeapp.imaging.network_input import slice_input
from strokeapp.types import Modality

FINGERPRINT = Path(__file__).parent / "fingerprints" / "ct_ich.npz"
TRUE_NAME = "ct_ich"
COPY_DISTANCE = 4
"""Bits of 64. Of other CT sets' images at most 21 % lie so near to one of CT-ICH; of recompressed copies 97 %, of
copies with another contrast or noise 77 % and more."""
COPY_SHARE = 0.5
LOOKED_AT = 48
"""Pictures per data set that are opened, evenly spaced."""
LEAST_LOOKED_AT = 12
"""With fewer pictures a share says too little."""
SATURATED = 40
"""Least difference of the largest and smallest of red, green, blue (0 to 255); JPEG noise on gray stays below."""
OUTLINED_AREA = 0.003
"""Least enclosed part of the picture: letters enclose less."""
OUTLINED_SHARE = 0.05

_TUMOR_NAME = re.compile(r"t[re]-(me|gl|pi|no)(tr)?_\d+\.\w+", re.IGNORECASE)
_KAGGLE_NAME = re.compile(r"\d+( \(\d+\))?\.jpe?g", re.IGNORECASE)
_KAGGLE_FOLDERS = {"normal", "stroke", "ischemic", "ischaemic"}
_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


def check_known_copies(table: pd.DataFrame, *, folder: Path | None = None, looked_at: int = LOOKED_AT) -> None:
    """Refuse a manifest that holds a known mislabelled copy or pictures with outlines burned in.

    Args:
        table: With path, dataset, modality, ischemic.
        folder: That the paths are relative to; without it only names are judged.
        looked_at: Pictures opened per data set.

    Raises:
        ManifestError: Names the data set, the reason, and what to do; codes ``mislabelled_copy``, ``burned_in``.
    """
    for dataset, part in table.groupby("dataset", sort=True):
        _check_names(str(dataset), part)
        if folder is None:
            continue
        chosen = np.unique(np.linspace(0, len(part) - 1, min(len(part), looked_at)).round().astype(int))
        rows = part.iloc[chosen]
        pictures = list(_opened(rows["path"], folder))
        _check_outlines(str(dataset), pictures)
        if (rows["modality"] == Modality.CT.value).all():
            _check_content(str(dataset), part, pictures)


def _check_names(dataset: str, part: pd.DataFrame) -> None:
    paths = [PurePosixPath(path.replace("\\", "/")) for path in part["path"]]
    tumors = sum(_TUMOR_NAME.fullmatch(path.name) is not None for path in paths)
    if tumors:
        raise _refusal(
            f"{dataset}: {tumors} files are named as in the brain-tumor MRI set (Tr-me_, Tr-gl_, Tr-pi_, Tr-no_), "
            "which circulates as “brain stroke stages”. It shows tumors, no strokes: take these rows out."
        )
    kaggle = [
        path for path in paths if path.parent.name.lower() in _KAGGLE_FOLDERS and _KAGGLE_NAME.fullmatch(path.name)
    ]
    if len(kaggle) > COPY_SHARE * len(paths) and any("(" in path.name for path in kaggle):
        raise _refusal(
            f"{dataset}: its folders and file names are those of the “brain stroke CT image dataset”. {_WHY}"
        )


_WHY = (
    "That set is a copy of PhysioNet CT-ICH: trauma patients without an ischemic stroke, whose “Stroke” folder holds "
    f"mostly slices without blood. Take the original with its labels by slice, under the name {TRUE_NAME}."
)


def _check_content(dataset: str, part: pd.DataFrame, pictures: list[NDArray[np.uint8]]) -> None:
    if len(pictures) < LEAST_LOOKED_AT or (dataset == TRUE_NAME and not (part["ischemic"] == 1).any()):
        return
    share = copied_share(pictures)
    if share > COPY_SHARE:
        raise _refusal(f"{dataset}: {share:.0%} of the pictures looked at are slices of CT-ICH. {_WHY}")


def _check_outlines(dataset: str, pictures: list[NDArray[np.uint8]]) -> None:
    drawn = sum(outlined(picture) for picture in pictures)
    if drawn and drawn >= OUTLINED_SHARE * len(pictures):
        raise ManifestError(
            f"{dataset}: {drawn} of {len(pictures)} pictures looked at have a closed colored outline or overlay drawn "
            "into them; a network would learn the outline. Use the pictures without it, and masks beside them.",
            code="burned_in",
        )


def _refusal(reason: str) -> ManifestError:
    return ManifestError(reason, code="mislabelled_copy")


def _opened(paths: pd.Series, folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures as (rows, columns, 3); other formats (DICOM, NIfTI) are never these copies and are left out."""
    for path in paths:
        if Path(path).suffix.lower() not in _PICTURES:
            continue
        try:
            with Image.open(folder / path) as picture:
                yield np.asarray(picture.convert("RGB"))
        except FileNotFoundError as error:
            raise ManifestError(f"The manifest names {Path(path).name}, which is not there.") from error
        except (UnidentifiedImageError, OSError) as error:
            raise ManifestError(f"{Path(path).name} cannot be decoded as a picture.", detail=str(error)) from error


def outlined(picture: NDArray[np.uint8], *, saturated: int = SATURATED, area: float = OUTLINED_AREA) -> bool:
    """Tell whether strongly colored pixels enclose or cover a part of a picture.

    Args:
        picture: (rows, columns, 3).
        saturated: Least difference of the largest and smallest color value.
        area: Least part of the picture that one colored curve encloses, itself included.
    """
    colored = np.ptp(picture.astype(np.int16), axis=-1) > saturated
    if colored.mean() > 0.5:  # a color map over the whole picture is something else, which reading refuses
        return False
    filled = ndimage.binary_fill_holes(ndimage.binary_dilation(colored))
    labels, count = ndimage.label(filled)
    sizes = np.bincount(labels.ravel())[1:] if count else np.zeros(1)
    return bool(sizes.max() >= area * colored.size and _solid(labels == 1 + int(np.argmax(sizes))))


def _solid(region: NDArray[np.bool_], *, least: float = 0.4) -> bool:
    """Tell an area from an open line or a row of letters: it fills a good part of its own box."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return bool(min(np.ptp(rows), np.ptp(columns)) >= 5 and region.sum() >= least * box)


def copied_share(pictures: list[NDArray[np.uint8]], *, distance: int = COPY_DISTANCE) -> float:
    """Return the share of CT pictures that are slices of CT-ICH, as they are or mirrored (the larger of the two).

    Args:
        pictures: (rows, columns, 3) each, in the brain window.
        distance: Largest difference from the nearest known hash, in bits.
    """
    gray = [picture.mean(axis=-1, dtype=np.float32) / 255 for picture in pictures]
    crops = np.stack([slice_input(one, Modality.CT, size=COMPARED_SIDE).gray for one in gray])
    crops = np.clip(np.rint(crops * 255), 0, 255).astype(np.uint8)
    known = _known_hashes()
    nearest = [
        np.bitwise_count(perceptual_hashes(images)[:, None] ^ known[None]).min(axis=1)
        for images in (crops, crops[:, :, ::-1])
    ]
    return max(float((bits <= distance).mean()) for bits in nearest)


@lru_cache(maxsize=1)
def _known_hashes() -> NDArray[np.uint64]:
    with np.load(FINGERPRINT) as values:
        return values["hashes"]


def write_fingerprint(gray: NDArray[np.uint8], path: Path) -> None:
    """Write the hashes of a data set's head crops; no pixel can be told from them.

    Args:
        gray: (images, side, side), side a multiple of 64.
        path: To write to (``.npz``).
    """
    np.savez_compressed(path, hashes=np.unique(perceptual_hashes(gray)))
