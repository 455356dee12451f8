"""Only a brain inside a skull is read: drawn heads pass, everything else is turned away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories_models import ellipse, head_hu, head_scan

from strokeapp.imaging.windows import CT_PRESETS, apply_window
from strokeapp.inference.suitability import brain_in_skull, check, head_slices
from strokeapp.reading import load, open_inputs
from strokeapp.types import Modality, Plane, QualityFlag, Severity, Units

SHAPE = (160, 160)


def gray(hu: np.ndarray) -> np.ndarray:
    return apply_window(hu, CT_PRESETS[0])


def layers(*parts: tuple[tuple[float, float], float], center=(80, 80)) -> np.ndarray:
    """Draw ellipses of (radii, HU) one over the other in air."""
    hu = np.full(SHAPE, -1000.0)
    for radii, value in parts:
        hu[ellipse(SHAPE, center, radii)] = value
    return hu


def lungs() -> np.ndarray:
    hu = layers(((55, 75), 40))
    for column in (50, 110):
        hu[ellipse(SHAPE, (80, column), (35, 22))] = -850
    return hu


def torso() -> np.ndarray:
    """Draw 350 × 250 mm of soft tissue with a ring of ribs and a spine, 2.3 mm pixels."""
    hu = layers(((54, 76), 40))
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]] - 80
    angle, radius = np.arctan2(row / 54, column / 76), np.hypot(row / 54, column / 76)
    hu[(radius > 0.82) & (radius < 0.9) & (np.sin(12 * angle) > -0.3)] = 500
    hu[ellipse(SHAPE, (118, 80), (10, 10))] = 400
    return hu


def photo() -> np.ndarray:
    return np.add.outer(np.linspace(0, 0.5, 160), np.linspace(0.1, 0.5, 160)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(128, 128), (256, 200)])
def test_a_brain_in_a_skull_passes(seed, shape):
    picture = gray(head_hu(shape, seed=seed))
    assert brain_in_skull(picture)
    assert brain_in_skull(picture, spacing_mm=(180 / min(shape), 180 / min(shape)))


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(np.zeros(SHAPE, np.float32), id="empty"),
        pytest.param(np.ones(SHAPE, np.float32), id="white"),
        pytest.param(np.full(SHAPE, 0.45, np.float32), id="uniform"),
        pytest.param(photo(), id="photo"),
        pytest.param(np.random.default_rng(0).random(SHAPE, np.float32), id="noise"),
        pytest.param(gray(layers(((70, 60), 35))), id="brain without skull"),
        pytest.param(gray(layers(((70, 60), 120), ((66, 56), 0))), id="water in plastic"),
        pytest.param(gray(layers(((70, 60), 1000), ((60, 50), 1000))), id="solid bone"),
        pytest.param(gray(layers(((70, 60), 1000), ((60, 50), -1000))), id="empty skull"),
        pytest.param(gray(lungs()), id="lungs"),
    ],
)
def test_what_is_no_head_is_turned_away(picture):
    assert not brain_in_skull(picture)
    assert not brain_in_skull(picture, spacing_mm=(1.2, 1.2))


def test_a_torso_is_turned_away():
    assert not brain_in_skull(gray(torso()), spacing_mm=(2.3, 2.3))


@pytest.mark.parametrize("pixel", [0.3, 4.0])
def test_a_skull_of_the_wrong_size_is_turned_away(pixel):
    picture = gray(head_hu())
    assert brain_in_skull(picture) and not brain_in_skull(picture, spacing_mm=(pixel, pixel))


def test_pixels_that_are_not_square_still_show_a_head():
    picture = gray(head_hu((256, 256)))[::2]
    assert brain_in_skull(picture, spacing_mm=(1.4, 0.7))


def test_a_drawn_head_scan_may_be_read():
    scan = head_scan(slices=3)
    assert head_slices(scan).all() and check(scan) is None


def test_a_head_ct_named_volume_without_a_head_is_turned_away():
    scan = head_scan(slices=3, voxels=np.stack([lungs().astype(np.int16)] * 3))
    assert check(scan).code == "not_a_head_ct"


def test_a_picture_without_a_head_is_turned_away_in_its_own_words():
    picture = np.rint(photo() * 255).astype(np.uint8)[None]
    scan = head_scan(slices=1, voxels=picture, modality=Modality.PICTURE, units=Units.GRAY, plane=Plane.UNKNOWN)
    result = check(replace(scan, geometry=None))
    assert result.code == "not_a_head_ct" and "picture" in result.message


@pytest.mark.parametrize("severity", list(Severity))
def test_only_severe_flags_abstain_and_hand_on_their_words(severity):
    flag = QualityFlag("slices_missing", severity, "3 of 20 slices are missing.")
    result = check(head_scan(slices=2, flags=(flag,)))
    if severity is Severity.SEVERE:
        assert (result.code, result.message) == (flag.code, flag.message)
    else:
        assert result is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"plane": Plane.SAGITTAL}, "not_axial"),
        ({"plane": Plane.CORONAL}, "not_axial"),
        ({"plane": Plane.OBLIQUE}, "not_axial"),
        ({"modality": Modality.OTHER}, "not_ct_or_mr"),
        ({"units": Units.ARBITRARY}, "no_hounsfield_units"),
    ],
)
def test_scans_of_the_wrong_kind_abstain(changes, code):
    assert check(head_scan(slices=1, **changes)).code == code


def test_a_real_head_ct_may_be_read(shared, tmp_path):
    folder = shared / "cases" / "ct_dwi_acute_ischaemia_dicom" / "CT"
    series = [s for s in open_inputs([folder], workspace=tmp_path).series if s.viewable and s.refusal is None]
    scan = load(series[0])
    assert scan.units is Units.HU
    assert check(scan) is None
    assert head_slices(scan).mean() > 0.5
