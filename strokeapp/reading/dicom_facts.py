"""Hold what a DICOM file says of itself and of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from strokeapp.reading.dicom_encapsulated import EncapsulatedPixels
from strokeapp.reading.dicom_native import NativePixels
from strokeapp.reading.siemens import Tile
from strokeapp.types import Modality

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
HOUNSFIELD_TYPES = frozenset({"", "HU", "US", "UNSPECIFIED"})
"""Rescale types under which a CT is in Hounsfield units: they are what is meant where nothing is said."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Hold what one DICOM file says of itself, free of names.

    Args:
        path: On disk.
        label: Named as the user gave it.
        patient: Hash of the identifiers, to keep patients apart.
        signed: Pixel representation.
        rows, columns: Of one slice; of one tile where the file is a mosaic.
        high_bit: Most significant bit of a value, or None where it is not said.
        padding: Raw pixel padding value, or None.
        has_pixels: Whether pixel data are in the file.
        native: Where the pixels lie if they can be read as they are, or None.
        encapsulated: Where compressed pixels lie if that is known, or None.
        frame_of_reference: FrameOfReferenceUID, empty where it is not said.
        acquisition: AcquisitionNumber, or None.
        slice_distance: SpacingBetweenSlices in mm, or None; it never places slices.
        thickness: SliceThickness in mm, or None.
        other fields: The DICOM attributes of the same name.
    """

    path: Path
    label: str
    patient: str
    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class: str
    modality: Modality
    image_type: tuple[str, ...]
    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    signed: bool
    padding: int | None
    padding_limit: int | None
    description: str
    protocol: str
    sequence_name: str
    kernel: str
    contrast: bool
    body_part: str
    synthetic: bool
    has_pixels: bool
    frames: tuple[FrameFacts, ...] = field(default=(), repr=False)
    native: NativePixels | None = None
    encapsulated: EncapsulatedPixels | None = None
    high_bit: int | None = None
    frame_of_reference: str = ""
    acquisition: float | None = None
    slice_distance: float | None = None
    thickness: float | None = None

    @property
    def secondary_capture(self) -> bool:
        """Tell whether the SOP class is one of the secondary captures."""
        return self.sop_class.startswith(SECONDARY_CAPTURE)

    @property
    def color(self) -> bool:
        """Tell whether pixels are colors, not measurements."""
        return self.samples != 1 or self.photometric == "PALETTE COLOR"


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Hold what places and scales one frame.

    Args:
        index: Frame in its file.
        position: (3,) center of the first voxel, LPS mm, or None.
        orientation: (6,) direction along a row, then along a column, or None.
        spacing: (row spacing, column spacing) in mm, or None.
        slope: Rescale slope.
        intercept: Rescale intercept.
        b_value: s/mm², or None.
        echo: Echo time in ms, or None.
        frame_type: Kind of frame where frames of one file differ.
        order: Sorts frames of one position in time.
        tile: Part of the decoded frame that is this slice, or None for all of it (mosaics).
        rescaled: Whether both slope and intercept are stated; they are 1 and 0 where they are not.
        rescale_type: What rescaled values measure, upper case; empty where it is not said.
    """

    index: int
    position: tuple[float, float, float] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    slope: float
    intercept: float
    b_value: float | None
    echo: float | None
    frame_type: str
    order: tuple[float, ...]
    tile: Tile | None = None
    rescaled: bool = False
    rescale_type: str = ""

    @property
    def quantity(self) -> str:
        """Return the rescale type of values that are not Hounsfield units, empty for those that are."""
        return "" if self.rescale_type in HOUNSFIELD_TYPES else self.rescale_type


@dataclass(frozen=True, slots=True)
class Shot:
    """Pair a frame with its file."""

    file: FileFacts
    frame: FrameFacts
