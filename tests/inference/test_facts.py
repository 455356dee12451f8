"""Facts of a marked lesion: side, level, size and gray, on heads whose lesion is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories_models import ellipse, head_scan

from strokeapp.errors import StrokeAppError
from strokeapp.inference.facts import Side, lesion_facts
from strokeapp.types import Finding, FindingResult, Geometry, Plane, QualityFlag, Reading, Severity, SliceReading

SHAPE = (128, 128)
SPOT = ellipse(SHAPE, (64, 90), (6, 6))


def reading_of(marked: np.ndarray) -> Reading:
    slices = tuple(SliceReading(i, None, 0.5) for i in range(len(marked)))
    maps = {Finding.ISCHEMIC: np.where(marked, 230, 0).astype(np.uint8)}
    return Reading("toy", "1", {Finding.ISCHEMIC: FindingResult(0.9, 0.5)}, slices, maps)


def marked(*slices: int, count: int = 6, spot: np.ndarray = SPOT) -> np.ndarray:
    result = np.zeros((count, *SHAPE), bool)
    result[list(slices)] = spot
    return result


def facts_of(scan, mask):
    return lesion_facts(scan, reading_of(mask), Finding.ISCHEMIC, cut=0.5)


def mirrored_geometry(geometry: Geometry) -> Geometry:
    return replace(geometry, column_step=-geometry.column_step)


def test_side_comes_from_the_patient_frame_and_not_from_the_picture():
    scan = head_scan(slices=6)
    right_of_picture = marked(2, 3)
    grows_left = float(scan.geometry.column_step[0]) > 0
    assert grows_left
    assert facts_of(scan, right_of_picture).side is Side.LEFT
    assert facts_of(scan, right_of_picture[:, :, ::-1]).side is Side.RIGHT
    turned = replace(scan, geometry=mirrored_geometry(scan.geometry))
    assert facts_of(turned, right_of_picture).side is Side.RIGHT
    both = right_of_picture | right_of_picture[:, :, ::-1]
    assert facts_of(scan, both).side is Side.BOTH


def test_without_geometry_the_side_is_that_of_the_picture_and_there_is_no_size():
    found = facts_of(replace(head_scan(slices=6), geometry=None), marked(2, 3))
    assert found.side is Side.RIGHT and not found.sure_side
    assert found.volume_ml is None and found.level_mm is None and found.level_share == pytest.approx(0.5)
    text = " ".join(found.sentences())
    assert "the picture's right" in text and "does not tell millimeters" in text


def test_without_a_stated_orientation_the_side_is_that_of_the_picture_and_there_is_a_size():
    flag = QualityFlag("unknown_orientation", Severity.WARNING, "Left and right may be exchanged.")
    scan = replace(head_scan(slices=6), flags=(flag,))
    for geometry in (scan.geometry, mirrored_geometry(scan.geometry)):  # neither may be believed for the side
        found = facts_of(replace(scan, geometry=geometry), marked(2, 3))
        assert found.side is Side.RIGHT and not found.sure_side and found.volume_ml > 0
        assert "the picture's right; the file does not tell which side" in found.sentences()[0]


def test_off_the_axial_plane_no_side_is_named():
    found = facts_of(replace(head_scan(slices=6), plane=Plane.CORONAL), marked(2))
    assert found.side is None and np.isnan(found.mirrored)
    assert not any("left" in line or "right" in line for line in found.sentences())


def test_slices_level_and_size_are_counted():
    found = facts_of(head_scan(slices=6, spacing=(5.0, 1.5, 1.5)), marked(1, 2))
    assert found.slices == (1, 2) and found.parts == 1
    assert found.level_mm == pytest.approx(7.5) and found.level_share == pytest.approx(7.5 / 25)
    assert found.volume_ml == pytest.approx(2 * SPOT.sum() * 5 * 1.5 * 1.5 / 1000)
    assert found.diameter_mm == pytest.approx(((13 * 1.5) ** 2 + 5**2) ** 0.5, rel=0.1)
    assert "2 slices from 2 to 3, in one part" in found.sentences()[0]


def test_parts_are_counted_and_the_largest_gives_the_level():
    small = ellipse(SHAPE, (40, 80), (2, 2))
    mask = marked(1, 2)
    mask[4] = small
    found = facts_of(head_scan(slices=6), mask)
    assert found.parts == 2 and found.slices == (1, 2, 4)
    assert found.level_mm == pytest.approx(7.5)


def test_gray_is_compared_with_the_other_side():
    scan = head_scan(slices=6)
    voxels = scan.voxels.copy()
    voxels[2][SPOT] = 20
    voxels[2][SPOT[:, ::-1]] = 36
    found = facts_of(replace(scan, voxels=voxels), marked(2))
    # The middle lies half a pixel off at most: a thin rim of the mirror image is ordinary brain.
    assert found.inside == pytest.approx(20) and found.mirrored == pytest.approx(36, abs=1)
    assert "HU darker than the mirrored place" in " ".join(found.sentences())


def test_maps_may_be_coarser_than_the_scan():
    scan, mask = head_scan(slices=6), marked(2, 3)
    coarse = mask.reshape(6, 64, 2, 64, 2).mean((2, 4)) > 0.5
    fine, found = facts_of(scan, mask), facts_of(scan, coarse)
    assert found.side is fine.side and found.volume_ml == pytest.approx(fine.volume_ml, rel=0.1)
    assert found.inside == pytest.approx(fine.inside, abs=2)


def test_warnings_of_the_scan_stand_beside_the_facts():
    flags = (
        QualityFlag("gantry_tilt", Severity.WARNING, "The gantry is tilted by 20 degrees."),
        QualityFlag("thin", Severity.INFO, "Slices are thin."),
    )
    lines = facts_of(replace(head_scan(slices=6), flags=flags), marked(2)).sentences()
    assert "Quality: The gantry is tilted by 20 degrees." in lines and not any("thin" in line for line in lines)


def test_nothing_marked_gives_no_facts_and_another_scan_is_refused():
    scan = head_scan(slices=6)
    assert facts_of(scan, np.zeros((6, *SHAPE), bool)) is None
    with pytest.raises(StrokeAppError, match="Read the scan again"):
        facts_of(scan, marked(1, count=5))
    with pytest.raises(StrokeAppError, match="no lesion map"):
        lesion_facts(scan, reading_of(marked(1)), Finding.HEMORRHAGIC, cut=0.5)


def test_a_single_slice_has_no_level():
    found = facts_of(head_scan(slices=1), marked(0, count=1))
    assert found.level_mm is None and np.isnan(found.level_share) and found.volume_ml is None
    assert not any("lowest slice" in line for line in found.sentences())
