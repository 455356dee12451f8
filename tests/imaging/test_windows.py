"""Windows map values to gray by DICOM's linear convention."""

from __future__ import annotations

import numpy as np
import pytest
from factories_models import head_scan

from strokeapp.errors import StrokeAppError
from strokeapp.imaging.windows import (
    CT_PRESETS,
    PICTURE_PRESETS,
    WindowPreset,
    apply_window,
    mr_presets,
    percentile_window,
    presets_for,
)
from strokeapp.types import Modality, Units


def test_brain_window_is_linear_and_clipped():
    gray = apply_window(np.array([-1000, 0, 20, 40, 80, 3000], np.int16), CT_PRESETS[0])
    assert gray.dtype == np.float32
    np.testing.assert_array_equal(gray, np.float32([0, 0, 0.25, 0.5, 1, 1]))


def test_preset_edges_follow_from_width_and_level():
    bone = next(preset for preset in CT_PRESETS if preset.name == "Bone")
    assert (bone.low, bone.high) == (-800, 2000)


@pytest.mark.parametrize(("width", "level"), [(0, 40), (-1, 40), (np.nan, 40), (80, np.inf)])
def test_impossible_windows_are_refused(width, level):
    with pytest.raises(StrokeAppError) as caught:
        WindowPreset("bad", width, level)
    assert caught.value.code == "bad_window"


def test_percentile_window_spans_the_asked_percentiles_and_ignores_nan():
    values = np.append(np.arange(1001, dtype=np.float32), [np.nan, np.inf])
    window = percentile_window(values, 10, 90)
    assert (window.low, window.high) == (100, 900)


def test_percentile_window_of_a_constant_can_be_drawn():
    assert percentile_window(np.full((4, 4), 7.0)).width > 0


def test_percentile_window_needs_a_finite_value():
    with pytest.raises(StrokeAppError):
        percentile_window(np.full(3, np.nan))


def test_soft_mr_window_saturates_nothing():
    volume = np.random.default_rng(0).gamma(2, 100, (3, 20, 20)).astype(np.float32)
    soft = mr_presets(volume)[1]
    assert soft.low <= volume.min() + 1e-3 and soft.high >= volume.max() - 1e-3


def test_mr_windows_that_coincide_are_one():
    assert [preset.name for preset in mr_presets(np.full((2, 4, 4), 7.0))] == ["Auto"]
    values = np.repeat(np.float32([0, 100]), 500)  # every percentile asked for is 0 or 100
    assert [preset.name for preset in mr_presets(values)] == ["Auto"]
    spread = np.random.default_rng(0).gamma(2, 100, 4000)
    assert [preset.name for preset in mr_presets(spread)] == ["Auto", "Soft", "Bright"]


def test_presets_follow_units():
    scan = head_scan(slices=1)
    assert presets_for(scan) == CT_PRESETS
    assert presets_for(head_scan(slices=1, units=Units.GRAY)) == PICTURE_PRESETS
    names = [preset.name for preset in presets_for(head_scan(slices=1, units=Units.ARBITRARY, modality=Modality.MR))]
    assert names == ["Auto", "Soft", "Bright"]
