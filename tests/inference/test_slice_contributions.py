"""What each slice contributes to a study: closed forms, neighbors, recurrent networks, and whole scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from factories_models import card_values, head_scan, install_network

from model_training.study_level.training import read_volume
from strokeapp.inference.classify import read_scan
from strokeapp.inference.pooling import study_logit
from strokeapp.inference.slice_contributions import left_out, pooled_contributions, sequence_contributions
from strokeapp.inference.slices import heard_logits
from strokeapp.models.slice_sequence import SequenceKind, SliceSequence
from strokeapp.types import Finding

LOGITS = np.array([[0.0, 1.0], [3.0, -1.0], [7.0, 2.0], [4.0, 2.0], [-2.0, 0.5]], np.float32)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return install_network(tmp_path_factory.mktemp("networks"), values=card_values())


def tuned(card, **changes):
    return replace(card, findings={name: replace(given, **changes) for name, given in card.findings.items()})


def test_the_mean_of_the_two_highest_has_a_closed_form(card):
    plain = tuned(card, neighbor_weight=0.0, study_temperature=2.0)
    found = pooled_contributions(LOGITS, plain, np.arange(5))
    # First 7, second 4, third 3: (7 - 3) / 2 and (4 - 3) / 2, over the temperature.
    np.testing.assert_allclose(found[Finding.HEMORRHAGIC], [0, 0, 1.0, 0.25, 0])
    np.testing.assert_allclose(found[Finding.ISCHEMIC], [0, 0, 0.25, 0.25, 0])


def test_where_neighbors_are_heard_a_slice_also_counts_for_what_they_say(card):
    hearing = tuned(card, neighbor_weight=0.5, study_temperature=1.0)
    found = pooled_contributions(LOGITS, hearing, np.arange(5))[Finding.HEMORRHAGIC]
    whole = study_logit(heard_logits(LOGITS, hearing, np.arange(5))[:, 0])
    for index in range(5):
        stay = np.delete(np.arange(5), index)
        assert found[index] == pytest.approx(whole - study_logit(heard_logits(LOGITS[stay], hearing, stay)[:, 0]))
    # Without slice 4 slice 3 keeps (7 + 0.5 * 3) / 1.5 and slice 2 keeps (3 + 0.5 * 7) / 2 from (0, 3, 7).
    assert found[3] == pytest.approx(whole - ((7 + 1.5) / 1.5 + (3 + 0 + 3.5) / 2) / 2)


def test_a_single_slice_cannot_be_left_out():
    assert np.isnan(left_out(1, lambda stay: np.array([len(stay)]))).all()


@pytest.mark.parametrize("kind", list(SequenceKind))
def test_a_sequence_network_reads_the_study_again_without_the_slice(kind):
    torch.manual_seed(3)
    networks = [SliceSequence(kind, inputs=4, hidden=8).eval() for _ in range(2)]
    for network in networks:
        torch.nn.init.normal_(network.study_head.weight)
    features = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    found = sequence_contributions(networks, features)
    whole = read_volume(networks, features)[1]
    for index in range(6):
        assert found[index] == pytest.approx(whole - read_volume(networks, np.delete(features, index, 0))[1], abs=1e-5)
    assert np.abs(found).min() > 0, "recurrent or attending, every slice matters a little"


def test_a_read_scan_tells_them_and_thin_slices_read_as_one_share_theirs(card, tmp_path):
    install_network(tmp_path, values=card_values())
    reading = read_scan(head_scan(slices=10, spacing=(1.0, 1.5, 1.5)), folder=tmp_path, examined=True)
    values = reading.contributions[Finding.HEMORRHAGIC]
    assert values.shape == (10,) and len(np.unique(values[:5])) == 1
    assert read_scan(head_scan(slices=1), folder=tmp_path, examined=True).contributions == {}
