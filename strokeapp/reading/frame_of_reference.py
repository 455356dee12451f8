"""Tell whether two series state the same frame of reference (DICOM PS3.3 C.7.4.1): only then do their mm agree."""

from __future__ import annotations

import pydicom
from pydicom.errors import InvalidDicomError

from strokeapp.reading.dicom_describe import DicomPlan
from strokeapp.reading.inventory import Series


def same_frame(first: Series, second: Series) -> bool | None:
    """Compare the frames of reference of two series.

    Args:
        first: From ``open_inputs``; its files must still be there.
        second: Likewise.

    Returns:
        Whether they are the same; None where one of the series states none (NIfTI, pictures, missing tag).
    """
    frames = [_frame_of_reference(series) for series in (first, second)]
    return None if None in frames else frames[0] == frames[1]


def _frame_of_reference(series: Series) -> str | None:
    if not isinstance(series._plan, DicomPlan):
        return None
    try:
        dataset = pydicom.dcmread(
            series._plan.stack.first.path, force=True, specific_tags=["FrameOfReferenceUID"], stop_before_pixels=True
        )
    except (OSError, InvalidDicomError):
        return None  # the file was read before; without the answer nothing is claimed
    value = str(dataset.get("FrameOfReferenceUID") or "").strip()
    return value or None
