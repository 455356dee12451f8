"""Running a network over slices: order, batches, calibration and pooling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from factories_models import SETTINGS, head_scan, random_network
from hypothesis import given
from hypothesis import strategies as st

from strokeapp.imaging.head_crop import Box
from strokeapp.imaging.network_input import SliceInput
from strokeapp.imaging.scan_input import scan_input
from strokeapp.inference.pooling import study_logit
from strokeapp.inference.slices import calibrated, run_slices, sigmoid
from strokeapp.models.registry import FindingSettings
from strokeapp.types import Modality


@pytest.fixture(scope="module")
def inputs():
    return scan_input(head_scan(slices=5), Modality.CT, size=64, margin=0.04).inputs


def test_results_do_not_depend_on_the_batch_and_keep_the_order(inputs):
    network = random_network()
    whole = run_slices(network, inputs, Modality.CT, batch=8)
    for batch in (1, 2):
        parts = run_slices(network, inputs, Modality.CT, batch=batch)
        np.testing.assert_allclose(parts.logits, whole.logits, atol=1e-4)
        np.testing.assert_allclose(parts.maps, whole.maps, atol=2e-3)
        np.testing.assert_allclose(parts.embedding, whole.embedding, atol=1e-3)
    assert whole.embedding.shape == (5, 152)
    backward = run_slices(network, inputs[::-1], Modality.CT)
    np.testing.assert_allclose(backward.logits[::-1], whole.logits, atol=1e-4)
    assert np.ptp(whole.logits, axis=0).min() > 1e-3, "pictures that differ must not be judged alike"


def test_maps_are_probabilities_and_nothing_keeps_a_graph(inputs):
    outputs = run_slices(random_network(), inputs, Modality.CT)
    assert outputs.logits.shape == (5, 2) and outputs.maps.shape == (5, 2, 32, 32)
    assert outputs.maps.min() >= 0 and outputs.maps.max() <= 1
    assert torch.is_grad_enabled()


def test_progress_grows_to_one(inputs):
    told = []
    run_slices(random_network(), inputs, Modality.CT, batch=2, progress=told.append)
    assert told == sorted(told) and len(told) == 3 and told[-1] == 1


def test_calibration_is_the_documented_curve():
    logits = np.array([-3.0, 0.0, 4.0], np.float32)
    expected = 1 / (1 + np.exp(-(logits.astype(np.float64) / 2.0 - 0.5)))
    np.testing.assert_allclose(calibrated(logits, FindingSettings(**SETTINGS)), expected, rtol=1e-12)


def test_sigmoid_does_not_overflow():
    with np.errstate(all="raise"):
        np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1])


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30))
def test_study_logit_is_the_mean_of_the_two_highest(values):
    highest = sorted(values)[-2:]
    assert study_logit(np.array(values)) == pytest.approx(sum(highest) / len(highest), abs=1e-9)


def test_black_slices_are_run_once_and_keep_their_places(inputs):
    black = SliceInput(np.zeros((64, 64), np.float32), Box(0, 0, 64, 64), 0.0)
    mixed = [black, inputs[0], black, inputs[1], black]
    network, seen = random_network(), []

    def counting(pictures):
        seen.append(len(pictures))
        return network(pictures)

    found = run_slices(counting, mixed, Modality.CT)
    assert sum(seen) == 3
    expected = run_slices(network, inputs[:2], Modality.CT)
    np.testing.assert_allclose(found.logits[[1, 3]], expected.logits, atol=1e-4)
    alone = run_slices(network, [black], Modality.CT)
    for parts, one in ((found.logits, alone.logits), (found.maps, alone.maps), (found.embedding, alone.embedding)):
        for place in (0, 2, 4):
            np.testing.assert_allclose(parts[place], one[0], atol=2e-3)
