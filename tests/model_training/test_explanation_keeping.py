"""What a measurement of explanations keeps on the way: nothing twice, nothing of other weights, the time left."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from factories_models import random_network
from factories_training import toy_recipe, toy_store, toy_table

from model_training.explanation_clock import Clock
from model_training.explanation_labels import settled, shuffled_labels, train_on
from model_training.explanation_memory import Remembering
from model_training.explanation_report import run as run_command
from model_training.explanation_sample import FoldNetworks, draw_sample, pictures, stored
from model_training.explanation_store import Kept
from model_training.explanations import measure, out_of_fold
from strokeapp.errors import RecipeError
from strokeapp.types import Finding


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    table = toy_table(bleeds=4, infarcts=6)
    table["fold"] = np.arange(len(table)) // 2 % 2
    store = toy_store(table)
    np.savez(folder / "store.npz", **{name: getattr(store, name) for name in store.__dataclass_fields__})
    table.to_csv(folder / "rows.csv", index=False)
    (folder / "recipe.json").write_text(json.dumps(asdict(toy_recipe())))
    for seed, part in enumerate(("fold0", "fold1")):
        (folder / part).mkdir()
        torch.save({"average": random_network(seed=seed).state_dict()}, folder / part / "checkpoint.pt")
    return folder


def test_arrays_are_read_in_place_as_numpy_reads_them(run, tmp_path):
    with np.load(run / "store.npz") as parts:
        for name in ("gray", "masks", "level", "mask_known"):
            np.testing.assert_array_equal(stored(run, name), parts[name])
        packed = tmp_path / "packed"
        packed.mkdir()
        np.savez_compressed(packed / "store.npz", **parts)
    np.testing.assert_array_equal(stored(packed, "gray"), stored(run, "gray"))
    with pytest.raises(RecipeError, match="keeps no images"):
        stored(tmp_path, "gray")


def test_an_interrupted_method_goes_on_with_the_image_it_was_cut_at(run):
    recipe = toy_recipe()
    sample, networks, kept, asked = (
        draw_sample(run, recipe, Finding.ISCHEMIC, limit=6), FoldNetworks(run, recipe), Kept(run), []
    )  # fmt: skip

    def explain(_network, batch, _finding, *, until):
        if len(asked) == until:
            raise KeyboardInterrupt
        asked.append(len(batch))
        return batch[:, 0] * 2

    def go(until):
        def attribute(n, b, f):
            return explain(n, b, f, until=until)

        return out_of_fold(networks, sample, attribute, piece=1, kept=(kept, "toy"))[0]

    with pytest.raises(KeyboardInterrupt):
        go(until=4)
    values = go(until=-1)
    assert len(asked) == 6
    np.testing.assert_allclose(values, 2 * sample.batch[:, 0])
    kept.forget_values("toy")
    assert kept.values("toy", int(sample.rows[0])) is None


def test_what_is_measured_is_not_measured_again_until_the_weights_change(run, monkeypatch):
    def figures():
        # As text, for figures of lesions that are not there are nan, which is never equal.
        return repr(measure(run, limit=2, costly_limit=2, methods=("LesionMap",), tell=lambda _line: None)["rows"])

    first = figures()

    def refuse(*_args, **_settings):
        raise AssertionError("measured again")

    with monkeypatch.context() as patch:
        patch.setattr("model_training.explanations.place_figures", refuse)
        patch.setattr("model_training.explanations.train_on", refuse)
        assert figures() == first
        torch.save({"average": random_network(seed=7).state_dict()}, run / "fold0" / "checkpoint.pt")
        with pytest.raises(AssertionError, match="measured again"):
            figures()


def test_a_report_of_another_network_is_not_overwritten(run, tmp_path):
    out = tmp_path / "figures"
    path = run_command(run, out, ("LesionMap",), limits=(1, 1))
    path.write_text(path.read_text().replace('"network": "toy_ct"', '"network": "toy_mr"'))
    with pytest.raises(RecipeError, match="toy_mr"):
        run_command(run, out, (), limits=(1, 1))


def test_pictures_seen_before_are_answered_from_memory(run):
    network = random_network(seed=3)
    asked, batch = Remembering(network), pictures(run, toy_recipe(), np.arange(3))
    calls = []
    asked.network.register_forward_hook(lambda *_: calls.append(1))
    first, again, other = asked(batch).findings, asked(batch.clone()).findings, asked(batch + 0.1).findings
    assert len(calls) == 2 and torch.equal(first, again) and not torch.equal(first, other)
    with torch.no_grad():
        torch.testing.assert_close(first, network(batch).findings, atol=1e-4, rtol=1e-4)


def test_labels_are_shuffled_among_the_images_that_a_network_learnt_from(run):
    rows, labels = shuffled_labels(run, toy_recipe(), 0, images=8)
    folds = np.arange(10) // 2 % 2
    assert len(rows) > 1 and (folds[rows] != 0).all() and len(np.unique(rows)) == len(rows)
    again = shuffled_labels(run, toy_recipe(), 0, images=8)[1]
    torch.testing.assert_close(labels, again, equal_nan=True)


def test_a_network_learns_shuffled_labels_and_the_trained_one_stays(run):
    network, batch = random_network(seed=1), pictures(run, toy_recipe(), np.arange(6))
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, float("nan")], [0.0, 1.0]])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    learnt, share = train_on(network, batch, labels, epochs=24)
    assert share >= 0.8 and not learnt.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not torch.equal(settled(network, batch).lesion_head.weight, learnt.lesion_head.weight)


def test_the_clock_tells_the_rest_at_the_pace_so_far():
    times = iter([0.0, 10.0, 20.0, 20.0])
    clock = Clock(100, now=lambda: next(times))
    assert clock.words() == "?"
    clock.spend(25)
    assert clock.seconds_left == pytest.approx(30)
    clock.skip(25)
    assert clock.seconds_left == pytest.approx(40)
    assert clock.words() == "00:40"
