"""Read the pixels of a chosen series: a scan, or a thumbnail of its middle slice."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strokeapp.errors import CorruptFileError, UnsuitableSeriesError
from strokeapp.imaging.windows import CT_PRESETS
from strokeapp.reading.damaged import Lost, kept, told
from strokeapp.reading.decoder_process import HELPERS
from strokeapp.reading.dicom_describe import DicomPlan
from strokeapp.reading.dicom_pixels import FrameReader
from strokeapp.reading.dicom_values import looked_at
from strokeapp.reading.diffusion import trace_of
from strokeapp.reading.inventory import Series
from strokeapp.reading.nifti import one_slice, volumes
from strokeapp.reading.nifti_describe import NiftiPlan, scaled
from strokeapp.reading.pictures import PicturePlan, decode, gray
from strokeapp.reading.time_points import flags_at
from strokeapp.types import Geometry, Modality, QualityFlag, Scan, Units

Progress = Callable[[float, str], None]
BRAIN_WINDOW = (CT_PRESETS[0].low, CT_PRESETS[0].high)
"""Lowest and highest HU of the brain window."""
SLICES_FOR_HELPERS = 32
"""Compressed slices from which a second helper is worth its start."""


def load(series: Series, *, time_point: int = 0, progress: Progress | None = None) -> Scan:
    """Read a series into memory.

    Args:
        series: From ``open_inputs``; its files must still be there.
        time_point: From 0; below ``series.time_points``. No other one is in memory.
        progress: Called with a fraction and a sentence.

    Raises:
        UnsuitableSeriesError: The series is not viewable, or has no such time point.
        CorruptFileError: Pixels cannot be decoded; the message names the file. A DICOM series does without a few of
            its slices: the scan has fewer than the series says, and a flag that names their files.
    """
    _check_viewable(series)
    flags = flags_at(series.flags, series.time_points, time_point) if series.time_points > 1 else series.flags
    tell = progress or (lambda fraction, text: None)
    plan = _plan_at(series, time_point)
    if isinstance(plan, DicomPlan):
        (voxels, geometry, flags), units = _dicom(plan, flags, tell), plan.measure.units
    elif isinstance(plan, NiftiPlan):
        voxels, geometry, units = _nifti(plan, tell), plan.geometry, _nifti_units(plan)
    else:
        voxels, geometry, units = _pictures(plan, tell), None, Units.GRAY
    if _is_projection(series):
        units = Units.ARBITRARY
    voxels = np.ascontiguousarray(voxels)
    voxels.flags.writeable = False
    tell(1.0, "Done")
    return Scan(
        voxels=voxels, geometry=geometry, modality=series.modality, sequence=series.sequence, units=units,
        plane=series.plane, description=series.description, flags=flags, frames=series.frames,
        synthetic=series.synthetic, time_point=time_point if series.time_points > 1 else None,
    )  # fmt: skip


def _plan_at(series: Series, time_point: int) -> DicomPlan | NiftiPlan | PicturePlan:
    """Return what loading one time point needs."""
    plan = series._plan
    if not 0 <= time_point < series.time_points:
        raise UnsuitableSeriesError(
            f"This series has no time point {time_point + 1}: it holds {series.time_points}.", code="no_time_point"
        )
    if series.time_points == 1:
        return plan
    if isinstance(plan, DicomPlan):
        return replace(plan, stack=plan.stack.at_time(time_point))
    return replace(plan, volumes=(plan.volumes[time_point],))


def thumbnail(series: Series, *, size: int = 96) -> NDArray[np.uint8]:
    """Return the middle slice as a (size, size) picture, in true proportions on black.

    CT is shown in the brain window (width 80, level 40), MR between its 1st and 99.5th percentile. One slice
    is decoded.

    Args:
        series: From ``open_inputs``.
        size: Pixels a side.

    Raises:
        UnsuitableSeriesError: The series is not viewable.
        CorruptFileError: The slice cannot be decoded.
    """
    _check_viewable(series)
    plan = series._plan
    if isinstance(plan, DicomPlan):
        image, geometry, units = _dicom_slice(plan), plan.geometry, plan.measure.units
    elif isinstance(plan, NiftiPlan):
        middle = one_slice(plan.facts, plan.volumes[0], plan.facts.shape[plan.facts.axes[0]] // 2)
        image, geometry, units = (
            plan.turn.slice(scaled(middle, plan.facts, plan.modality)),
            plan.geometry,
            _nifti_units(plan),
        )
    else:
        middle = len(plan.paths) // 2
        image = gray(decode(plan.paths[middle], plan.labels[middle], plan.max_pixels))
        geometry, units = None, Units.GRAY
    if _is_projection(series):
        units = Units.ARBITRARY
    return _fit(_windowed(image, units), geometry, size)


def _is_projection(series: Series) -> bool:
    """Tell whether a scout view is shown: it is in no Hounsfield units, and the brain window shows nothing of it."""
    return series.refusal is not None and series.refusal.code == "localizer"


def _check_viewable(series: Series) -> None:
    if not series.viewable:
        reason = series.refusal.message if series.refusal else "This series cannot be shown."
        code = series.refusal.code if series.refusal else None
        raise UnsuitableSeriesError(reason, code=code)


def _dicom(
    plan: DicomPlan, flags: tuple[QualityFlag, ...], tell: Progress
) -> tuple[NDArray, Geometry | None, tuple[QualityFlag, ...]]:
    """Return voxels, geometry and flags of a series, without the slices that cannot be decoded."""
    lost = Lost(len(plan.stack.shots))
    voxels, numbers = _dicom_voxels(plan, lost, tell), lost.numbers
    if not numbers:
        return voxels, plan.geometry, flags
    last = len(voxels) - 1
    voxels, geometry = kept(voxels, plan.geometry, [last - n if plan.turn.reverse else n for n in numbers])
    return voxels, geometry, told(flags, plan.stack, geometry, numbers)


def _dicom_voxels(plan: DicomPlan, lost: Lost, tell: Progress) -> NDArray:
    stack = plan.stack
    rows, columns = stack.first.rows, stack.first.columns
    shape = (columns, rows) if plan.turn.transpose else (rows, columns)
    voxels = np.empty((len(stack.shots), *shape), plan.measure.dtype)
    # Each slice is turned as it comes: turning the volume afterwards would take its memory twice.
    places = voxels[::-1] if plan.turn.reverse else voxels
    if stack.first.encapsulated and len(stack.shots) >= SLICES_FOR_HELPERS and _cores() > 1:
        _dicom_by_threads(plan, places, lost, tell)
        return voxels
    with FrameReader() as reader:
        for number in range(len(stack.shots)):
            tell(number / len(stack.shots), f"Reading slice {number + 1} of {len(stack.shots)}")
            with lost.costing(number):
                _read_slice(plan, reader, number, places[number])
    return voxels


def _dicom_by_threads(plan: DicomPlan, places: NDArray, lost: Lost, tell: Progress) -> None:
    """Read compressed slices with all helper processes at once; the slice that is one lost too many ends it."""
    readers: SimpleQueue[FrameReader] = SimpleQueue()
    for _ in range(HELPERS):
        readers.put(FrameReader())

    def read(number: int) -> None:
        reader = readers.get()
        try:
            with lost.costing(number):
                _read_slice(plan, reader, number, places[number])
        finally:
            readers.put(reader)

    with ThreadPoolExecutor(HELPERS) as threads:
        waiting = [threads.submit(read, number) for number in range(len(places))]
        try:
            for number, done in enumerate(waiting):
                tell(number / len(waiting), f"Reading slice {number + 1} of {len(waiting)}")
                done.result()
        finally:
            threads.shutdown(cancel_futures=True)


def _read_slice(plan: DicomPlan, reader: FrameReader, number: int, place: NDArray) -> None:
    """Write one slice of a series where it belongs, (rows, columns) of the scan."""
    shot = plan.stack.shots[number]
    if plan.trace:
        images = (reader.measured(one.file, one.frame, plan.measure) for one in plan.stack.places[number])
        place[...] = plan.turn.slice(trace_of(images))
        return
    # The turn is a view: seen from the place, it leads back to rows and columns as they are stored.
    turn = plan.turn
    native = place[:: -1 if turn.flip_rows else 1, :: -1 if turn.flip_columns else 1]
    reader.measure_into(native.T if turn.transpose else native, shot.file, shot.frame, plan.measure)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _dicom_slice(plan: DicomPlan) -> NDArray:
    """Return the middle slice, or where it cannot be decoded another."""
    shots, lost = plan.stack.shots, Lost(len(plan.stack.shots))
    for number in looked_at(len(shots)):
        with lost.costing(number):
            return plan.turn.slice(FrameReader().measured(shots[number].file, shots[number].frame, plan.measure))
    raise CorruptFileError("The slices that stand for the series cannot be decoded.")


def _nifti(plan: NiftiPlan, tell: Progress) -> NDArray:
    tell(0.0, "Reading the volume")
    wanted = plan.volumes if plan.trace else plan.volumes[:1]
    with closing(volumes(plan.facts, wanted)) as stored:
        images = (scaled(one, plan.facts, plan.modality) for one in stored)
        return plan.turn.volume(trace_of(images) if plan.trace else next(images))


def _nifti_units(plan: NiftiPlan) -> Units:
    if plan.facts.color:
        return Units.GRAY
    return Units.HU if plan.modality is Modality.CT else Units.ARBITRARY


def _pictures(plan: PicturePlan, tell: Progress) -> NDArray[np.uint8]:
    voxels = np.empty((0, 0, 0), np.uint8)
    for number, (path, label) in enumerate(zip(plan.paths, plan.labels, strict=True)):
        tell(number / len(plan.paths), f"Reading picture {number + 1} of {len(plan.paths)}")
        picture = gray(decode(path, label, plan.max_pixels))
        if number == 0:
            voxels = np.empty((len(plan.paths), *picture.shape), np.uint8)
        voxels[number] = picture
    return voxels


def _windowed(image: NDArray, units: Units) -> NDArray[np.uint8]:
    if units is Units.GRAY:
        return image.astype(np.uint8)
    low, high = BRAIN_WINDOW if units is Units.HU else np.percentile(image, [1.0, 99.5])
    return np.clip((image - low) * (255.0 / max(high - low, 1e-9)), 0, 255).astype(np.uint8)


def _fit(image: NDArray[np.uint8], geometry: Geometry | None, size: int) -> NDArray[np.uint8]:
    """Scale a slice into a square without distorting it."""
    row_mm, column_mm = (1.0, 1.0) if geometry is None else geometry.spacing_mm[1:]
    height, width = image.shape[0] * row_mm, image.shape[1] * column_mm
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.array(Image.fromarray(np.ascontiguousarray(image)).resize(shape, Image.Resampling.BILINEAR))
    square = np.zeros((size, size), np.uint8)
    top, left = (size - small.shape[0]) // 2, (size - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square
