"""Only a head is read as a head MR: drawn brains pass with and without a skull, other things do not."""

from __future__ import annotations

import numpy as np
import pytest
from factories_models import ellipse

from strokeapp.inference.mr_anatomy import brain_on_slice, head_shape

SHAPE = (160, 160)
PIXEL = (1.2, 1.2)


def brain(center=(80, 80), *, scalp: bool = False) -> np.ndarray:
    """Draw cortex, white matter and ventricles of 150 × 120 mm."""
    gray = np.zeros(SHAPE, np.float32)
    if scalp:
        gray[ellipse(SHAPE, center, (74, 62))] = 0.7
        gray[ellipse(SHAPE, center, (70, 58))] = 0.02
    gray[ellipse(SHAPE, center, (64, 51))] = 0.55
    gray[ellipse(SHAPE, center, (52, 40))] = 0.4
    for side in (-7, 7):
        gray[ellipse(SHAPE, (center[0], center[1] + side), (16, 4))] = 0.1
    return gray


@pytest.mark.parametrize("scalp", [False, True])
@pytest.mark.parametrize("center", [(80, 80), (78, 86)])
def test_a_brain_passes(scalp, center):
    assert brain_on_slice(brain(center, scalp=scalp), spacing_mm=PIXEL)


def test_a_turned_head_passes():
    from scipy import ndimage

    assert brain_on_slice(ndimage.rotate(brain(), 20, reshape=False, order=1), spacing_mm=PIXEL)


def bottle() -> np.ndarray:
    gray = np.zeros(SHAPE, np.float32)
    gray[ellipse(SHAPE, (80, 80), (60, 60))] = 0.6
    return gray


def chest() -> np.ndarray:
    gray = np.zeros(SHAPE, np.float32)
    gray[ellipse(SHAPE, (80, 80), (45, 72))] = 0.6
    for column in (46, 114):
        gray[ellipse(SHAPE, (80, column), (34, 27))] = 0.02
    return gray


def legs() -> np.ndarray:
    gray = np.zeros(SHAPE, np.float32)
    for column, radius in ((45, 26), (115, 26)):
        gray[ellipse(SHAPE, (80, column), (radius, radius))] = 0.6
        gray[ellipse(SHAPE, (80, column), (8, 8))] = 0.1
    return gray


def half() -> np.ndarray:
    gray = brain()
    gray[:, 80:] = 0
    return gray


@pytest.mark.parametrize("draw", [bottle, chest, legs, half])
def test_what_is_no_head_is_turned_away(draw):
    assert not brain_on_slice(draw(), spacing_mm=PIXEL)


@pytest.mark.parametrize(("pixel", "passes"), [(1.2, True), (0.4, False), (2.5, False)])
def test_size_counts_where_the_spacing_is_known(pixel, passes):
    assert brain_on_slice(brain(), spacing_mm=(pixel, pixel)) is passes


def test_an_empty_slice_has_no_shape():
    assert head_shape(np.zeros(SHAPE, np.float32)) is None
    assert not brain_on_slice(np.zeros(SHAPE, np.float32))


def test_most_labelled_mr_slices_pass(shared):
    from model_training.image_store import open_picture
    from model_training.manifest import read_manifest

    table = read_manifest(shared / "data" / "manifest.csv")
    table = table[table["modality"] == "MR"].iloc[::40]
    passed = [brain_on_slice(open_picture(shared / "data" / path)) for path in table["path"]]
    assert np.mean(passed) >= 0.9
