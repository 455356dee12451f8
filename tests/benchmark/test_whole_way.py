"""The whole way and the plain loop read the same files and agree; the table tells when they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strokeapp.benchmark import whole_way
from strokeapp.benchmark.files import write_ct
from strokeapp.benchmark.whole_way import LEAN, OURS, PLAIN, Timing, compare, head_volume, resized, table
from strokeapp.errors import StrokeAppError
from strokeapp.models.registry import choose, read_card
from strokeapp.types import Modality, Sequence


@pytest.fixture
def card():
    return choose(Modality.CT, Sequence.NCCT)


def test_all_ways_give_the_same_probabilities(tmp_path, card):
    files, networks = tmp_path / "ct", tmp_path / "networks"
    files.mkdir()
    networks.mkdir()
    write_ct(files, head_volume(slices=10), slice_mm=15.0)
    timings = compare(files, networks, resized(card, 64, networks), repeats=1)
    ours, lean, plain = (timings[name] for name in (OURS, LEAN, PLAIN))
    assert plain.probabilities.shape == (10, 2)
    for way in (ours, lean):
        np.testing.assert_allclose(way.probabilities, plain.probabilities, atol=whole_way.TOLERANCE)
    assert np.ptp(plain.probabilities) > 1e-3, "slices that differ must not be judged alike"
    assert {"open", "load", "check", "prepare", "network", "maps", "facts"} <= set(ours.stages)
    assert ours.seconds > ours.stages["network"] > 0


def test_another_size_changes_nothing_else(tmp_path, card):
    changed = resized(card, 96, tmp_path)
    assert changed.size == 96
    assert replace(changed, size=card.size, folder=card.folder, raw=card.raw) == card
    assert read_card(tmp_path / card.name) == changed


@pytest.mark.parametrize("size", [0, -64, 100])
def test_sizes_that_the_network_cannot_take_are_refused(tmp_path, card, size):
    with pytest.raises(StrokeAppError, match="multiple of 32"):
        resized(card, size, tmp_path)


def test_the_volume_is_head_ct_whose_slices_differ():
    volume = head_volume(slices=40)
    assert volume.shape == (40, 512, 512) and volume.dtype == np.int16
    assert volume.min() >= -1024 and volume.max() > 700, "air and bone"
    assert len({one.tobytes() for one in volume}) == 40


@pytest.mark.parametrize(("shift", "same"), [(1e-5, "yes"), (1e-3, "no")])
def test_the_table_says_whether_the_numbers_agree(shift, same):
    probabilities = np.array([[0.2, np.nan], [0.7, np.nan]])
    ours = Timing(1.0, 2.0, {"open": 0.25, "total": 1.0}, probabilities)
    text = table({OURS: ours, PLAIN: Timing(4.0, 5.0, {}, probabilities + shift)})
    assert f"to 0.0001: {same} " in text
    assert "| strokeapp | 1.00 | 2.00 | 4.0 | 2.5 |" in text and "| open | 0.250 |" in text and "total" not in text
