"""Network input: one level for every source, air at zero, and no difference between a picture and a scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories_models import ellipse, head_hu, head_scan

from strokeapp.imaging.network_input import leveled, network_batch, slice_input
from strokeapp.imaging.normalize import BRAIN_GRAY, CENTER, LARGEST_SHIFT, MR_LARGEST, MR_MEDIAN, SPREAD, brain_shift
from strokeapp.imaging.scan_input import scan_input
from strokeapp.types import Modality, Sequence, Units


def uniform_head(gray: float) -> np.ndarray:
    return ellipse((128, 128), (64, 64), (50, 45)).astype(np.float32) * np.float32(gray)


@pytest.mark.parametrize("gray", [0.3, 0.45, 0.6])
def test_brain_is_brought_to_one_gray_and_air_stays_black(gray):
    item = slice_input(uniform_head(gray), Modality.CT, size=64)
    result = leveled(item.gray, item.level, Modality.CT)
    assert np.median(result[item.gray > 0.2]) == pytest.approx(BRAIN_GRAY, abs=1e-5)
    assert not result[item.gray == 0].any()


@pytest.mark.parametrize(("gray", "sign"), [(0.84, -1), (0.16, 1)])
def test_large_shifts_are_cut(gray, sign):
    assert brain_shift(np.full((64, 64), gray, np.float32)) == pytest.approx(sign * LARGEST_SHIFT)


@pytest.mark.parametrize("gray", [0.0, 1.0])
def test_no_tissue_means_no_shift(gray):
    assert brain_shift(np.full((64, 64), gray, np.float32)) == 0


def test_batch_is_standardized_as_documented():
    item = slice_input(uniform_head(BRAIN_GRAY), Modality.CT, size=32)
    batch = network_batch([item, item], Modality.CT)
    assert batch.shape == (2, 1, 32, 32) and batch.dtype == np.float32
    assert batch[0, 0, 16, 16] == pytest.approx((BRAIN_GRAY - CENTER) / SPREAD, abs=1e-5)
    assert batch[0, 0, 0, 0] == pytest.approx((0 - CENTER) / SPREAD, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_ct_input_is_the_same_from_hounsfield_units_and_from_a_picture_of_them(seed):
    hu = head_hu(seed=seed)[None]
    picture = np.rint(np.clip(hu / 80, 0, 1) * 255).astype(np.uint8)
    from_hu = head_scan(slices=1, voxels=hu)
    drawn = replace(from_hu, voxels=picture, modality=Modality.PICTURE, units=Units.GRAY, geometry=None)
    app, pictured = (scan_input(one, Modality.CT, size=96, margin=0.04) for one in (from_hu, drawn))
    trained = slice_input(picture[0].astype(np.float32) / 255, Modality.CT, size=96, margin=0.04)
    assert app.inputs[0].box == pictured.inputs[0].box == trained.box
    np.testing.assert_array_equal(pictured.inputs[0].gray, trained.gray)
    np.testing.assert_allclose(app.inputs[0].gray, trained.gray, atol=1 / 255)
    assert app.inputs[0].level == pytest.approx(trained.level, abs=1 / 255)


def mr_scan(scale: float):
    generator = np.random.default_rng(5)
    head = ellipse((128, 128), (64, 64), (50, 40))
    voxels = (generator.gamma(9, 30, (3, 128, 128)) * head + generator.random((3, 128, 128)) * 5).astype(np.float32)
    return head_scan(
        slices=3,
        voxels=voxels * np.float32(scale),
        modality=Modality.MR,
        units=Units.ARBITRARY,
        sequence=Sequence.FLAIR,
    )


@pytest.mark.parametrize("scale", [0.001, 7.5, 1000.0])
def test_mr_input_does_not_know_the_unit(scale):
    one, other = (scan_input(mr_scan(k), Modality.MR, size=64, margin=0.04) for k in (1.0, scale))
    np.testing.assert_allclose(
        network_batch(list(one.inputs), Modality.MR), network_batch(list(other.inputs), Modality.MR), atol=1e-3
    )


def brain_disc(scalp: float) -> np.ndarray:
    row, column = np.mgrid[-1:1:96j, -1:1:96j]
    radius = np.hypot(row, column)
    gray = np.where(radius < 0.8, 0.5, 0.0)
    gray[(radius > 0.85) & (radius < 0.95)] = scalp
    return gray.astype(np.float32)


def test_mr_brain_is_brought_to_its_median_with_and_without_a_scalp():
    for scalp in (0.0, 1.0):
        item = slice_input(brain_disc(scalp), Modality.MR, size=64)
        result = leveled(item.gray, item.level, Modality.MR)
        assert result[32, 32] == pytest.approx(MR_MEDIAN, abs=0.01)
        assert result.max() <= MR_LARGEST
