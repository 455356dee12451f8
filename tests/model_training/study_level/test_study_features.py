"""Features come from the right network, are kept, and are what the network itself says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from factories_models import random_network
from factories_training import toy_recipe, toy_store, toy_table

from model_training.__main__ import main
from model_training.study_level import features as module
from model_training.study_level.features import extract, fold_features, fold_network
from model_training.study_level.recipe import RECIPES
from strokeapp.errors import RecipeError
from strokeapp.imaging.network_input import leveled
from strokeapp.imaging.normalize import standardize
from strokeapp.inference.evidence import EVIDENCE
from strokeapp.models.lite0 import PYRAMID_CHANNELS

RECIPE = toy_recipe()
ROWS = np.array([5, 0, 3, 2, 9])


@pytest.fixture(scope="module")
def store():
    return toy_store(toy_table())


@pytest.fixture
def run(tmp_path):
    (tmp_path / "fold0").mkdir()
    torch.save({"average": random_network(seed=1).state_dict()}, tmp_path / "fold0" / "checkpoint.pt")
    return tmp_path


def test_features_are_the_networks_own_words(store):
    network = random_network()
    found = extract(network, store, ROWS, RECIPE, label="", batch=2)
    gray = np.stack([leveled(store.gray[r] / np.float32(255), store.level[r], RECIPE.modality) for r in ROWS])
    with torch.no_grad():
        pictures = torch.from_numpy(standardize(gray[:, None]))
        output, last = network(pictures), network.encoder(pictures.expand(-1, 3, -1, -1))[-1]
    np.testing.assert_allclose(found.evidence[:, :2], output.findings, rtol=1e-4, atol=5e-4)
    np.testing.assert_allclose(found.evidence[:, 2:7], output.subtypes, rtol=1e-4, atol=5e-4)
    width = PYRAMID_CHANNELS[-1]
    np.testing.assert_allclose(found.pooled[:, :width], last.mean((2, 3)), rtol=2e-2, atol=1e-2)
    np.testing.assert_allclose(found.pooled[:, width:], last.amax((2, 3)), rtol=2e-2, atol=1e-2)
    assert found.evidence.shape[1] == len(EVIDENCE) and not network.classifier._forward_pre_hooks


def test_the_hook_goes_even_when_the_network_fails(store):
    network = random_network()
    with pytest.raises(IndexError):
        extract(network, store, np.array([10_000]), RECIPE, label="")
    assert not network.classifier._forward_pre_hooks


def test_features_are_kept_for_the_same_rows_only(run, store, monkeypatch):
    monkeypatch.setattr(module, "best_device", lambda: torch.device("cpu"))
    first = fold_features(run, RECIPE, lambda: store, ROWS, 0, part="held")
    kept = fold_features(run, RECIPE, lambda: pytest.fail("asked for the images again"), ROWS, 0, part="held")
    np.testing.assert_array_equal(kept.evidence, first.evidence)
    other = fold_features(run, RECIPE, lambda: store, ROWS[::-1].copy(), 0, part="held")
    np.testing.assert_allclose(other.evidence[::-1], first.evidence, rtol=1e-4, atol=5e-4)


def test_the_averaged_weights_are_used(run):
    network = fold_network(run, RECIPE, 0)
    assert torch.equal(network.classifier.weight, random_network(seed=1).classifier.weight) and not network.training


def test_an_untrained_fold_is_refused(run):
    with pytest.raises(RecipeError, match="Fold 3"):
        fold_network(run, RECIPE, 3)


def test_the_command_says_what_is_missing(tmp_path, capsys):
    recipe = str(RECIPES / "gru_outputs.toml")
    arguments = ["study-level", str(tmp_path), "--out", str(tmp_path / "o.json"), "--recipe", recipe]
    assert main(arguments) == 1
    assert "holds no run" in capsys.readouterr().err
