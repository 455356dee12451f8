"""Open one labelled image that a network got wrong: the picture, its lesion map and the outline of the drawn lesion."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from strokeapp.errors import CorruptFileError, ModelError, UnsuitableSeriesError
from strokeapp.models.registry import Card
from strokeapp.reading import load, open_inputs
from strokeapp.types import Finding, Plane, Scan
from strokeapp.ui.labelled_images import LabelledImages
from strokeapp.ui.reading_layers import MAP_COLORS
from strokeapp.ui.viewer import Overlay

OUTLINE_PIXELS = 1
DRAWN = "Drawn lesion, outline"
DRAWN_OTHER = "Drawn region (not this finding's lesion), outline"


@dataclass(frozen=True)
class FailureCase:
    """Hold what the viewer shows of one image.

    Args:
        scan: One slice.
        overlays: Lesion map and outline, as far as they exist.
        notes: What is missing, and why.
    """

    scan: Scan
    overlays: tuple[Overlay, ...]
    notes: tuple[str, ...] = ()


def open_failure(
    images: LabelledImages, name: str, card: Card, finding: Finding, *, lesion: bool = True
) -> FailureCase:
    """Open an image of a table of predictions.

    Args:
        images: Where it lies.
        name: As in the table.
        card: Of the network; tells modality and sequence, and maps the lesion.
        finding: Whose lesion map is shown.
        lesion: Whether the mask marks this finding's lesion.

    Raises:
        UnsuitableSeriesError: The image is not there or is no picture.
        CorruptFileError: The picture or its mask is damaged.
    """
    path = images.image(name)
    if path is None:
        raise UnsuitableSeriesError("This image is not in the folder of images.", detail=name, code="image_missing")
    scan, overlays, notes = _scan(path, card), [], []
    try:
        overlays.append(_map(scan, card, finding))
    except ModelError as error:
        notes.append(f"No lesion map: {error.user_message}")
    mask = images.mask(name)
    if mask is None:
        notes.append("No lesion was drawn on this image.")
    else:
        label = DRAWN if lesion else DRAWN_OTHER
        values = 255 * outline(_mask(mask, scan)).astype(np.uint8)[None]
        overlays.append(Overlay(label, values, (0,), "viridis", quantity="outline", shown=True))
    return FailureCase(scan, tuple(overlays), tuple(notes))


def _scan(path: Path, card: Card) -> Scan:
    with tempfile.TemporaryDirectory() as unpacked:
        inventory = open_inputs([path], workspace=Path(unpacked))
    series = next((item for item in inventory.series if item.viewable), None)
    if series is None:
        raise UnsuitableSeriesError("This file is not a picture that can be shown.", detail=path.name)
    # The manifest of the labelled images says what they are; a picture by itself does not.
    return replace(
        load(series), modality=card.modality, sequence=card.sequences[0], plane=Plane.AXIAL, description=path.stem
    )


def _map(scan: Scan, card: Card, finding: Finding) -> Overlay:
    from strokeapp.inference.lesion_map import lesion_maps_of  # PyTorch takes seconds to import

    label = f"Lesion map, {finding.value}"
    return Overlay(label, lesion_maps_of(scan, card)[finding], None, MAP_COLORS[finding], shown=True)


def _mask(path: Path, scan: Scan) -> NDArray[np.bool_]:
    try:
        with Image.open(path) as image:
            mask = np.asarray(image.convert("L")) > 127
    except (UnidentifiedImageError, OSError) as error:
        raise CorruptFileError("The mask of this image is damaged. Copy it again.", detail=path.name) from error
    if mask.shape != scan.voxels.shape[1:]:
        raise CorruptFileError("The mask of this image has another size than the image.", detail=path.name)
    return mask


def outline(mask: NDArray[np.bool_], *, pixels: int = OUTLINE_PIXELS) -> NDArray[np.bool_]:
    """Return the border of a region: what lies just outside of it, so that nothing of the lesion is covered.

    Args:
        mask: (rows, columns).
        pixels: Thickness.
    """
    grown = ndimage.binary_dilation(mask, ndimage.generate_binary_structure(2, 2), iterations=pixels)
    return grown & ~mask
