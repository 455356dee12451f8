"""Reading a whole scan with a network of random weights: what comes out must hold together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from factories_models import SETTINGS, card_values, head_scan, install_network
from safetensors.numpy import save_file

from strokeapp.errors import WeightsHashError
from strokeapp.inference.classify import MAP_SIDE, network_for, read_scan
from strokeapp.inference.familiarity import FAMILIARITY, Familiarity, save_values
from strokeapp.models.registry import WEIGHTS
from strokeapp.types import Abstention, Finding, Modality, Plane, Reading, Sequence, Units


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    install_network(folder)
    return folder


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def slice_values(reading: Reading, finding: Finding) -> list[float]:
    return [getattr(item, finding.value) for item in reading.slices]


def test_a_reading_covers_every_slice_in_order(networks):
    reading = read_scan(head_scan(slices=4), folder=networks)
    assert (reading.model, reading.version) == ("toy_ct", "0.0.1")
    assert [item.index for item in reading.slices] == [0, 1, 2, 3]
    for finding in Finding:
        values = slice_values(reading, finding)
        assert all(0 <= value <= 1 for value in values) and len(set(values)) == 4
        assert 0 <= reading.findings[finding].probability <= 1
    assert set(reading.seconds) == {"check", "prepare", "network", "maps", "total"}


def test_a_study_is_judged_by_its_two_highest_slices(networks):
    reading = read_scan(head_scan(slices=5), folder=networks)
    for finding, result in reading.findings.items():
        raw = [(logit(p) - SETTINGS["shift"]) * SETTINGS["temperature"] for p in slice_values(reading, finding)]
        pooled = sum(sorted(raw)[-2:]) / 2
        expected = pooled / SETTINGS["study_temperature"] + SETTINGS["study_shift"]
        assert logit(result.probability) == pytest.approx(expected, abs=1e-3)
        assert result.threshold == SETTINGS["study_operating_points"]["balanced"]


def test_a_single_slice_is_judged_by_the_slice_threshold(networks):
    reading = read_scan(head_scan(slices=1), folder=networks)
    for finding, result in reading.findings.items():
        assert result.threshold == SETTINGS["operating_points"]["balanced"]
        assert result.probability == slice_values(reading, finding)[0]


def test_thin_slices_share_the_reading_of_their_slab(networks):
    reading = read_scan(head_scan(slices=7, spacing=(1.0, 1.5, 1.5)), folder=networks)
    values = slice_values(reading, Finding.HEMORRHAGIC)
    assert len(values) == 7 and len(set(values[:5])) == 1 and len(set(values[5:])) == 1 and values[0] != values[6]
    maps = reading.lesion_maps[Finding.HEMORRHAGIC]
    np.testing.assert_array_equal(maps[0], maps[4])


@pytest.mark.parametrize(("shape", "out"), [((128, 128), (128, 128)), ((384, 320), (MAP_SIDE, 213))])
def test_lesion_maps_lie_over_the_slices(networks, shape, out):
    scan = head_scan(slices=2, shape=shape, spacing=(5.0, 180 / shape[0], 180 / shape[0]))
    reading = read_scan(scan, folder=networks)
    for values in reading.lesion_maps.values():
        assert values.shape == (2, *out) and values.dtype == np.uint8 and not values.flags.writeable


def test_progress_never_goes_back_and_ends_at_one(networks):
    told = []
    read_scan(head_scan(slices=20), folder=networks, progress=lambda share, step: told.append((share, step)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert all(step for _, step in told)


def test_the_same_scan_gives_the_same_reading(networks):
    one, two = (read_scan(head_scan(slices=3), folder=networks) for _ in range(2))
    assert one.findings == two.findings and one.slices == two.slices


@pytest.mark.parametrize("sequence", [Sequence.DWI, Sequence.FLAIR, Sequence.UNKNOWN])
def test_mr_is_read_by_no_ct_network(networks, sequence):
    scan = head_scan(slices=2, modality=Modality.MR, units=Units.ARBITRARY, sequence=sequence)
    result = network_for(scan, networks)
    assert isinstance(result, Abstention) and result.code == "no_network" and "MR" in result.message


@pytest.mark.parametrize(
    ("sequence", "name"),
    [(Sequence.DWI, "mr_dwi"), (Sequence.FLAIR, "mr_flair")]
    + [(other, None) for other in (Sequence.ADC, Sequence.B0, Sequence.T1, Sequence.T2, Sequence.UNKNOWN)],
)
def test_each_mr_sequence_is_read_by_its_own_weights_or_by_none(sequence, name):
    found = network_for(head_scan(slices=2, modality=Modality.MR, units=Units.ARBITRARY, sequence=sequence))
    assert (found.name == name) if name else (isinstance(found, Abstention) and found.code == "no_network")


def test_contrast_ct_is_read_by_no_plain_ct_network(networks):
    assert read_scan(head_scan(slices=2, sequence=Sequence.CTA), folder=networks).code == "no_network"


def test_plain_ct_of_unknown_sequence_and_pictures_count_as_plain_ct(networks):
    picture = head_scan(slices=1, modality=Modality.PICTURE, units=Units.GRAY, sequence=Sequence.UNKNOWN)
    for scan in (picture, head_scan(slices=1, sequence=Sequence.UNKNOWN)):
        assert network_for(scan, networks).name == "toy_ct"


def test_what_is_unsuited_is_refused_before_any_network_is_looked_for(tmp_path):
    assert read_scan(head_scan(slices=1, plane=Plane.SAGITTAL), folder=tmp_path).code == "not_axial"
    assert read_scan(head_scan(slices=1), folder=tmp_path).code == "no_network"


def test_a_network_of_one_finding_says_nothing_of_the_other(tmp_path):
    install_network(tmp_path, values=card_values(findings={"ischemic": dict(SETTINGS)}))
    reading = read_scan(head_scan(slices=2), folder=tmp_path)
    assert set(reading.findings) == set(reading.lesion_maps) == {Finding.ISCHEMIC}
    assert all(item.hemorrhagic is None and item.ischemic is not None for item in reading.slices)


def test_tampered_weights_give_an_error_and_no_reading(tmp_path):
    card = install_network(tmp_path)
    (card.folder / WEIGHTS).write_bytes(b"not these")
    with pytest.raises(WeightsHashError):
        read_scan(head_scan(slices=1), folder=tmp_path)


@pytest.mark.parametrize(("threshold", "read"), [(1e9, True), (1e-9, False)])
def test_a_study_unlike_the_training_slices_is_not_read(tmp_path, threshold, read):
    card = install_network(tmp_path)
    channels, first = 152, np.eye(152, 1, dtype=np.float32)
    mean, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    save_file(save_values(Familiarity(mean, ones, first, ones[:1], 1.0, threshold)), card.folder / FAMILIARITY)
    found = read_scan(head_scan(slices=3), folder=tmp_path)
    assert isinstance(found, Reading) is read
    if not read:
        assert found.code == "unlike_training" and "3 of 3" in found.message
