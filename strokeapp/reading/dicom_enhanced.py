"""Place and scale every frame of a DICOM file, classic or enhanced multi-frame (PS3.3 C.7.6.16)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from strokeapp.reading.dicom_facts import FrameFacts
from strokeapp.reading.dicom_headers import number_of, numbers, unit_orientation, value_of
from strokeapp.reading.diffusion import b_value_of, direction_kind
from strokeapp.reading.siemens import Mosaic, is_mosaic, mosaic_of


def frames_of(dataset: Dataset) -> tuple[FrameFacts, ...]:
    """Return one entry per slice; positions are centers of first voxels in LPS mm.

    A Siemens mosaic whose tags tell its make-up gives one entry per tile.

    Args:
        dataset: Image object; per-frame functional groups are used where it has them.
    """
    per_frame = value_of(dataset, "PerFrameFunctionalGroupsSequence")
    count = int(value_of(dataset, "NumberOfFrames") or 1)
    if per_frame:
        shared = value_of(dataset, "SharedFunctionalGroupsSequence")
        shared = shared[0] if shared else Dataset()
        return tuple(enhanced_frame(shared, group, index) for index, group in enumerate(per_frame[:count]))
    frames = tuple(_classic_frame(dataset, index, count) for index in range(count))
    mosaic = mosaic_of(dataset) if count == 1 and is_mosaic(dataset) else None
    return frames if mosaic is None else _tiles(frames[0], mosaic)


def _tiles(frame: FrameFacts, mosaic: Mosaic) -> tuple[FrameFacts, ...]:
    """Return one entry per slice of a mosaic; nothing is changed where the frame itself has no place."""
    if frame.position is None or frame.orientation is None or frame.spacing is None:
        return (frame,)
    right, down = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    rows, columns = mosaic.offset
    first = np.array(frame.position) + rows * frame.spacing[0] * down + columns * frame.spacing[1] * right
    step = mosaic.spacing * np.array(mosaic.normal)
    return tuple(
        replace(frame, position=tuple((first + number * step).tolist()), tile=tile)
        for number, tile in enumerate(mosaic.tiles)
    )


def _classic_frame(dataset: Dataset, index: int, count: int) -> FrameFacts:
    single = count == 1  # one position cannot place several frames
    slope, intercept = value_of(dataset, "RescaleSlope"), value_of(dataset, "RescaleIntercept")
    return FrameFacts(
        index=index,
        position=numbers(value_of(dataset, "ImagePositionPatient"), 3) if single else None,
        orientation=unit_orientation(value_of(dataset, "ImageOrientationPatient")) if single else None,
        spacing=_spacing(dataset),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        b_value=b_value_of(dataset),
        echo=number_of(dataset, "EchoTime"),
        frame_type=direction_kind(dataset),
        order=(
            number_of(dataset, "TemporalPositionIdentifier") or 0.0,
            clock(value_of(dataset, "AcquisitionTime") or value_of(dataset, "ContentTime")),
            number_of(dataset, "TriggerTime") or 0.0,
            number_of(dataset, "InstanceNumber") or 0.0,
            float(index),
        ),
        rescaled=slope is not None and intercept is not None,
        rescale_type=_rescale_type(dataset),
    )


def enhanced_frame(shared: Dataset, group: Dataset, index: int) -> FrameFacts:
    """Return what places and scales one frame of a multi-frame object.

    Args:
        shared: Item of the shared functional groups, maybe empty.
        group: Item of the per-frame functional groups; what it has takes precedence.
        index: Frame in its file.
    """

    def macro(name: str) -> Dataset:
        for source in (group, shared):
            items = value_of(source, name)
            if items:
                return items[0]
        return Dataset()

    content, transform = macro("FrameContentSequence"), macro("PixelValueTransformationSequence")
    diffusion, echo = macro("MRDiffusionSequence"), macro("MREchoSequence")
    kind = macro("MRImageFrameTypeSequence").get("FrameType") or macro("CTImageFrameTypeSequence").get("FrameType")
    slope, intercept = value_of(transform, "RescaleSlope"), value_of(transform, "RescaleIntercept")
    b_value = number_of(diffusion, "DiffusionBValue")
    direction = direction_kind(diffusion)
    if b_value is None and direction == "NONE":
        b_value = 0.0
    return FrameFacts(
        index=index,
        position=numbers(macro("PlanePositionSequence").get("ImagePositionPatient"), 3),
        orientation=unit_orientation(macro("PlaneOrientationSequence").get("ImageOrientationPatient")),
        spacing=_spacing(macro("PixelMeasuresSequence")),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        b_value=b_value,
        echo=number_of(echo, "EffectiveEchoTime"),
        frame_type="\\".join(str(part) for part in kind or ()) + f"|{value_of(content, 'StackID', '')}|{direction}",
        order=(number_of(content, "TemporalPositionIndex") or 0.0, 0.0, 0.0, float(index), 0.0),
        rescaled=slope is not None and intercept is not None,
        rescale_type=_rescale_type(transform),
    )


def _rescale_type(dataset: Dataset) -> str:
    return str(value_of(dataset, "RescaleType") or "").strip().upper()


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    pair = numbers(value_of(dataset, "PixelSpacing"), 2)
    return None if pair is None or min(pair) <= 0 else (pair[0], pair[1])


def clock(value: Any) -> float:
    """Return a DICOM time (TM) as seconds of the day, 0 where it is missing or malformed."""
    text = str(value or "")
    digits = text.split(".")[0]
    if not digits.isdigit() or len(digits) < 6:
        return 0.0
    fraction = float("0." + text.split(".")[1]) if "." in text and text.split(".")[1].isdigit() else 0.0
    return int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6]) + fraction
