"""Cards and weights: what is refused, and that what is loaded is the file the card describes."""

from __future__ import annotations

import json
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from factories_models import card_values, install_network, random_network

from strokeapp.errors import ModelError, WeightsHashError, WeightsMissingError
from strokeapp.models import registry
from strokeapp.models.registry import (
    CARD,
    WEIGHTS,
    choose,
    find,
    fold_file,
    installed,
    load_network,
    read_card,
    sha256,
)
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Modality, Sequence


@pytest.fixture
def card(tmp_path):
    return install_network(tmp_path)


def rewrite(folder: Path, data: bytes, *, fit_hash: bool) -> None:
    """Replace a network's weights, and the hash in its card where asked."""
    (folder / WEIGHTS).write_bytes(data)
    if fit_hash:
        values = json.loads((folder / CARD).read_text())
        values["weights"]["sha256"] = sha256(folder / WEIGHTS)
        (folder / CARD).write_text(json.dumps(values))


def test_loaded_network_is_the_stored_one_and_frozen(card):
    network, stored = load_network(card), random_network().state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(value, stored[name]), name
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert load_network(card) is network


def test_sessions_that_load_at_once_share_one_copy(card, monkeypatch):
    made, sessions = [], 6
    gate = threading.Barrier(sessions)

    def counted(**settings):
        made.append(settings)
        time.sleep(0.05)  # long enough for the others to come in
        return SliceNetwork(**settings)

    def session(_number):
        gate.wait(timeout=60)
        return load_network(card)

    monkeypatch.setattr(registry, "SliceNetwork", counted)
    with ThreadPoolExecutor(sessions) as pool:
        networks = list(pool.map(session, range(sessions)))
    assert len(made) == 1 and all(network is networks[0] for network in networks)


def test_changed_weights_are_refused(card):
    data = bytearray((card.folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    rewrite(card.folder, bytes(data), fit_hash=False)
    with pytest.raises(WeightsHashError) as caught:
        load_network(card)
    assert "Reinstall" in caught.value.user_message


def test_weights_changed_after_loading_are_noticed(card):
    load_network(card)
    rewrite(card.folder, b"something else", fit_hash=False)
    with pytest.raises(WeightsHashError):
        load_network(card)


def test_a_fold_has_its_own_weights_and_hash(tmp_path):
    card = install_network(tmp_path / "weights", fold_seeds=(7, 8))
    stored = random_network(seed=8).state_dict()
    for name, value in load_network(card, 1).state_dict().items():
        assert torch.equal(value, stored[name]), name
    assert load_network(card) is not load_network(card, 0) is load_network(card, 0)
    fold_file(card.folder, 0).write_bytes(fold_file(card.folder, 1).read_bytes())
    with pytest.raises(WeightsHashError):
        load_network(card, 0)
    fold_file(card.folder, 1).unlink()
    with pytest.raises(WeightsMissingError, match="weights of fold 1 of toy_ct are not installed"):
        load_network(card, 1)


def test_folds_that_were_not_kept_are_named(card):
    with pytest.raises(WeightsMissingError, match="fold 2 of toy_ct were not kept"):
        load_network(card, 2)


def test_the_application_reads_no_weights_of_folds(tmp_path, monkeypatch):
    card, read = install_network(tmp_path / "weights", fold_seeds=(7, 8)), []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path), whole(path))[1])
    load_network(installed(tmp_path / "weights")[0])
    assert read == [card.folder / WEIGHTS]


def test_missing_weights_are_named(card):
    (card.folder / WEIGHTS).unlink()
    with pytest.raises(WeightsMissingError, match="toy_ct"):
        load_network(card)


class _Bomb:
    """Mark the disk when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_with_a_fitting_hash_is_never_run(card, tmp_path):
    target = tmp_path / "ran"
    rewrite(card.folder, pickle.dumps(_Bomb(target)), fit_hash=True)
    with pytest.raises(ModelError):
        load_network(read_card(card.folder))
    assert not target.exists()


def test_truncated_weights_with_a_fitting_hash_are_refused(card):
    rewrite(card.folder, (card.folder / WEIGHTS).read_bytes()[:-1000], fit_hash=True)
    with pytest.raises(ModelError, match="do not fit"):
        load_network(read_card(card.folder))


@pytest.mark.parametrize(
    "lost", ["name", "modality", "sequences", "input", "network", "weights", "findings", "map_cut", "title", "version"]
)
def test_a_card_without_a_field_is_refused(card, lost):
    values = json.loads((card.folder / CARD).read_text())
    del values[lost]
    (card.folder / CARD).write_text(json.dumps(values))
    with pytest.raises(ModelError, match="toy_ct"):
        read_card(card.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"findings": []},
        {"findings": {"tumor": {}}},
        {"findings": {"ischemic": {"temperature": 1.0}}},
        {"modality": "PET"},
        {"weights": {"sha256": ""}},
        {"network": {"pooled": []}},
    ],
)
def test_a_card_with_a_wrong_value_is_refused(tmp_path, change):
    folder = tmp_path / "toy_ct"
    folder.mkdir()
    (folder / CARD).write_text(json.dumps(card_values(**change)))
    with pytest.raises(ModelError):
        read_card(folder)


def test_a_card_without_the_point_in_use_is_refused(card):
    values = json.loads((card.folder / CARD).read_text())
    del values["findings"]["ischemic"]["operating_points"]["balanced"]
    (card.folder / CARD).write_text(json.dumps(values))
    with pytest.raises(ModelError):
        read_card(card.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_a_card_that_is_no_object_is_refused(tmp_path, text):
    (tmp_path / CARD).write_text(text)
    with pytest.raises(ModelError):
        read_card(tmp_path)


def test_networks_read_only_what_they_were_trained_for(card, tmp_path):
    assert choose(Modality.CT, Sequence.NCCT, tmp_path).name == "toy_ct"
    assert choose(Modality.CT, Sequence.CTA, tmp_path) is None
    assert choose(Modality.MR, Sequence.DWI, tmp_path) is None


def test_an_unknown_name_lists_the_installed_ones(card, tmp_path):
    assert find("toy_ct", tmp_path) == card
    assert [one.name for one in installed(tmp_path)] == ["toy_ct"]
    with pytest.raises(WeightsMissingError, match="Installed: toy_ct"):
        find("other", tmp_path)
    with pytest.raises(WeightsMissingError, match="Installed: none"):
        find("other", tmp_path / "nothing")


def test_shipped_networks_load():
    for card in installed():
        assert not load_network(card).training
