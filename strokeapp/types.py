"""Name the values that pass between the rooms: scans, geometry, readings, attributions.

Coordinates are DICOM's patient frame, LPS, in millimeters: x grows to the patient's left, y to the
back, z to the head. Arrays of voxels are indexed (slice, row, column).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Modality(StrEnum):
    """Imaging modality, DICOM's (0008,0060) where it has one."""

    CT = "CT"
    MR = "MR"
    PICTURE = "picture"
    OTHER = "other"


class Sequence(StrEnum):
    """What was acquired: plain CT, or the kind of MR contrast."""

    NCCT = "NCCT"
    CTA = "CTA"
    DWI = "DWI"
    ADC = "ADC"
    B0 = "DWI b0"
    """The unweighted images of a diffusion series: T2-like, never to be read as DWI."""
    FLAIR = "FLAIR"
    T1 = "T1"
    T2 = "T2"
    SWI = "SWI"
    ASL = "ASL"
    PERFUSION = "perfusion"
    TIME_SERIES = "time series"
    UNKNOWN = "unknown"


class Plane(StrEnum):
    """Acquired slice plane in the patient frame."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    OBLIQUE = "oblique"
    UNKNOWN = "unknown"


class Units(StrEnum):
    """What a voxel value measures."""

    HU = "HU"
    ARBITRARY = "a.u."
    GRAY = "gray"
    """8-bit picture in an unknown or stated window; 0 to 255."""


class Severity(StrEnum):
    """How much a quality flag matters to a reading."""

    INFO = "info"
    WARNING = "warning"
    SEVERE = "severe"


class Finding(StrEnum):
    """What a network reads."""

    HEMORRHAGIC = "hemorrhagic"
    ISCHEMIC = "ischemic"


SUBTYPES = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural")
"""Hemorrhage subtypes, in the order of the networks' outputs and the manifest's columns."""


UNKNOWN_ORIENTATION = "unknown_orientation"
"""Code of the flag of a scan whose spacing is known, and whose sides, front and head are not."""


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """Report one thing a reader must know about a scan.

    Args:
        code: Stable snake_case identifier, e.g. ``gantry_tilt``.
        severity: Severe flags lead to abstention.
        message: One sentence with the numbers in it.
    """

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Geometry:
    """Place every voxel in the patient frame (LPS, mm).

    The center of voxel (k, r, c) is ``slice_origins[k] + r * row_step + c * column_step``. Slices may be
    sheared (gantry tilt) or unevenly spaced: nothing here assumes a regular grid.

    Args:
        slice_origins: (slices, 3) center of each slice's first voxel.
        row_step: (3,) from one row to the next (down the picture).
        column_step: (3,) from one column to the next (to the right of the picture).
    """

    slice_origins: NDArray[np.float64]
    row_step: NDArray[np.float64]
    column_step: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Return the unit normal of the slice plane, column direction × row direction."""
        (a, b, c), (d, e, f) = self.column_step.tolist(), self.row_step.tolist()
        cross = np.array([b * f - c * e, c * d - a * f, a * e - b * d])  # np.cross takes ten times as long
        return cross / math.sqrt(cross @ cross)

    @property
    def positions_mm(self) -> NDArray[np.float64]:
        """Return (slices,) positions along the slice normal."""
        return self.slice_origins @ self.normal

    @property
    def slice_gaps_mm(self) -> NDArray[np.float64]:
        """Return (slices - 1,) distances between neighboring slice planes."""
        return np.abs(np.diff(self.positions_mm))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Return (z, y, x): median plane distance (nan for one slice), row and column spacing."""
        gaps = self.slice_gaps_mm
        z = float(np.median(gaps)) if gaps.size else float("nan")
        return z, float(np.linalg.norm(self.row_step)), float(np.linalg.norm(self.column_step))

    @property
    def tilt_degrees(self) -> float:
        """Return the angle between the slice normal and the straight line fitted to the slice origins."""
        if len(self.slice_origins) < 2:
            return 0.0
        # A fit, not first to last: slices that were shifted sideways are not a tilt.
        along = self.positions_mm - self.positions_mm.mean()
        line = along @ (self.slice_origins - self.slice_origins.mean(axis=0))
        if not np.any(line):
            return 0.0
        cosine = abs(line @ self.normal) / np.linalg.norm(line)
        return float(np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))))


@dataclass(frozen=True, slots=True)
class Scan:
    """Hold one series in memory.

    Voxels are stored so that an axial slice shows the patient's right on the picture's left and the front
    at the top, and slices run from the feet to the head; only flips and transpositions bring them there.
    Sagittal slices show the front on the left and the head at the top, from right to left; coronal slices
    the patient's right on the left and the head at the top, from front to back.

    Args:
        voxels: (slices, rows, columns), read-only; int16 HU for CT, float32 or int16 for MR, uint8 for pictures.
        geometry: None where the source claims none (pictures, secondary capture).
        modality: Of the source.
        sequence: As told by the tags or the file name; ``UNKNOWN`` where they do not tell.
        units: Of the voxels.
        plane: Acquired plane.
        description: Series description, free of patient data.
        flags: What was noticed while reading.
        frames: Number of time points, b-values or echoes in the source; voxels hold the first or the stated one.
        synthetic: Made by a generator, not by a scanner.
        time_point: The one of ``frames`` that voxels hold, from 0; None where there was no choice.
    """

    voxels: NDArray
    geometry: Geometry | None
    modality: Modality
    sequence: Sequence
    units: Units
    plane: Plane
    description: str = ""
    flags: tuple[QualityFlag, ...] = ()
    frames: int = 1
    synthetic: bool = False
    time_point: int | None = None

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Return (z, y, x) in mm, or None where no geometry is claimed."""
        return None if self.geometry is None else self.geometry.spacing_mm

    @property
    def oriented(self) -> bool:
        """Tell whether the source states the patient's directions; spacing may be known without them (NIfTI)."""
        return self.geometry is not None and all(flag.code != UNKNOWN_ORIENTATION for flag in self.flags)


@dataclass(frozen=True, slots=True)
class Abstention:
    """Say why there is no reading."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FindingResult:
    """Give a study-level probability beside the operating point it is judged by."""

    probability: float
    threshold: float

    @property
    def flagged(self) -> bool:
        """Tell whether the probability reaches the operating point."""
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True)
class SliceReading:
    """Give the probabilities of one slice (None: the network does not read that finding)."""

    index: int
    hemorrhagic: float | None
    ischemic: float | None


@dataclass(frozen=True)
class Reading:
    """Hold what one network says of one scan.

    Args:
        model: Name of the network.
        version: Of its weights.
        findings: Study level.
        slices: One entry per slice of the scan, in order.
        lesion_maps: Per finding, (slices, rows, columns) uint8, 255 = probability 1, over the same field of
            view as the scan's slices but possibly fewer rows and columns.
        seconds: Time spent per step.
        contributions: Per finding, (slices,) how much the log odds of the study fall when a slice is left out; nan
            where a slice was not read. Thin slices read together are left out together and have the same value. Empty
            for a single slice.
    """

    model: str
    version: str
    findings: Mapping[Finding, FindingResult]
    slices: tuple[SliceReading, ...]
    lesion_maps: Mapping[Finding, NDArray[np.uint8]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    contributions: Mapping[Finding, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Attribution:
    """Hold an explanation of one finding on one slice.

    Args:
        method: Captum's class name, e.g. ``LayerGradCam``.
        finding: Explained output.
        slice_index: Into the scan.
        values: (rows, columns) float32 in [0, 1] over the slice's field of view.
    """

    method: str
    finding: Finding
    slice_index: int
    values: NDArray[np.float32]
