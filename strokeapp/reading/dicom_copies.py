"""Leave out images that were given twice, so that none counts twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from strokeapp.errors import CorruptFileError
from strokeapp.reading.dicom_facts import Shot
from strokeapp.reading.dicom_pixels import FrameReader

Place = list[Shot]


def without_copies(places: list[Place]) -> tuple[list[Place], int]:
    """Leave out shots that equal an earlier one at their position.

    A frame of the same instance (SOPInstanceUID) with the same pixels is a copy. So is one of another instance that
    equals pixel by pixel, unless all its pixels are alike: masked slices at the ends of a series are equal without
    being copies. Where only such slices lie, as many stay as at the other positions.

    A position whose first two images differ is one of a time series: its further images are not decoded.

    Args:
        places: Shots by position, each position's in order of time.

    Returns:
        The places, and how many shots were left out.
    """
    reader = FrameReader()
    single = [_without_same_instance(reader, place) for place in places]
    kept = [_without_equal(reader, place) for place in single]
    counts = Counter((len(before), len(after)) for before, after in zip(single, kept, strict=True) if after)
    usual_before, usual_after = counts.most_common(1)[0][0] if counts else (0, 0)
    result = []
    for before, after in zip(single, kept, strict=True):
        undecided = before[:usual_after] if len(before) == usual_before else before
        result.append(after or undecided)
    return result, sum(map(len, places)) - sum(map(len, result))


def _without_same_instance(reader: FrameReader, place: Place) -> Place:
    kept: Place = []
    first: dict[tuple[object, ...], Shot] = {}
    for shot in place:
        earlier = first.setdefault((shot.file.instance_uid, shot.frame.index, shot.frame.tile), shot)
        if earlier is shot or not shot.file.instance_uid or _look(reader, earlier) != _look(reader, shot):
            kept.append(shot)
    return kept


def _without_equal(reader: FrameReader, place: Place) -> Place:
    """Return the shots that differ; empty where that cannot be told because an image has one value only."""
    if len(place) < 2:
        return place
    looks = [_look(reader, shot) for shot in place[:2]]
    if any(look.flat for look in looks):
        return []
    if looks[0] != looks[1]:
        return place
    seen: set[_Look] = set()
    kept: Place = []
    for shot in place:
        look = _look(reader, shot)
        if look not in seen:
            kept.append(shot)
        seen.add(look)
    return kept


@dataclass(frozen=True, slots=True)
class _Look:
    """Hold what tells whether two images are equal.

    Args:
        digest: Of values and scale; of the file and frame where they cannot be decoded, so that nothing equals it.
        flat: Whether all pixels are alike.
    """

    digest: bytes
    flat: bool = False


def _look(reader: FrameReader, shot: Shot) -> _Look:
    try:
        image = reader.stored(shot.file, shot.frame)
    except CorruptFileError:
        return _Look(f"{shot.file.path}|{shot.frame.index}".encode())
    scale = f"{image.dtype.str}|{image.shape}|{shot.frame.slope}|{shot.frame.intercept}"
    digest = hashlib.blake2b(scale.encode())
    digest.update(np.ascontiguousarray(image))
    return _Look(digest.digest(), image.size == 0 or bool(np.ptp(image) == 0))
