"""Two gloo processes train the network that one process trains at the same global batch.

Both run in double precision: Adam divides by the size of a gradient, so that in single precision a gradient that
is nothing but rounding moves a weight by a whole learning rate, and after a few steps on a toy network two equal
programs differ in the second digit. In double precision only a program that is not equal differs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from factories_training import toy_recipe, toy_table, write_toy_manifest
from torch import nn

from model_training import cross_validation, distributed, loop
from model_training.dataset import BatchSource
from model_training.predict import predict_store
from model_training.recipe import Recipe, recipe_from
from strokeapp.errors import RecipeError

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHONPATH = os.pathsep.join(str(REPOSITORY / part) for part in (".", "tests", "tests/model_training"))
STEPS = 5
WORKER = """
import sys
from pathlib import Path
import test_distributed
from model_training.distributed import processes
with processes():
    test_distributed.train_in_double(Path(sys.argv[1]), sys.argv[2])
"""


def small_recipe(**changes) -> Recipe:
    """Return a recipe whose every epoch is one step, so that the log holds the loss of every step.

    A batch of 5 infarcts and 3 bleeds, dropout and transplants: processes know different numbers of labels and
    masks, and mean over them by themselves would give another loss.
    """
    strata = [{"dataset": "bleeds", "share": 0.375}, {"dataset": "infarcts", "share": 0.625}]
    settings = {"epochs": STEPS, "batch": 8, "images_per_epoch": 8, "strata": strata, "warmup": 0.5}
    return toy_recipe(**(settings | changes))


def train_in_double(folder: Path, name: str) -> None:
    """Train fold 0 of the settings in a folder, in double precision on the CPU."""
    recipe = recipe_from(json.loads((folder / "settings.json").read_text()))
    epoch, build = BatchSource.epoch, loop.build_network

    def epoch_in_double(self, number):
        return ((pictures.double(), targets) for pictures, targets in epoch(self, number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchSource, "epoch", epoch_in_double)
        patch.setattr(loop, "build_network", lambda recipe: build(recipe).double())
        patch.setattr(
            cross_validation,
            "predict_store",
            lambda network, *args, **options: predict_store(network.float(), *args, **options),
        )
        patch.setattr(loop, "best_device", lambda: torch.device("cpu"))
        cross_validation.run_recipe(recipe, folder / "data" / "manifest.csv", folder / name, folds=[0])


def torchrun(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": PYTHONPATH}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def losses(part: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (part / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Train fold 0 in one process (``one``) and in two (``two``)."""
    folder = tmp_path_factory.mktemp("distributed")
    write_toy_manifest(folder / "data", toy_table())
    (folder / "settings.json").write_text(json.dumps(dataclasses.asdict(small_recipe())))
    (folder / "worker.py").write_text(WORKER)
    train_in_double(folder, "one")
    done = torchrun(folder, "worker.py", str(folder), "two")
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def test_the_loss_of_every_step_is_that_of_one_process(runs):
    one, two = losses(runs / "one" / "fold0"), losses(runs / "two" / "fold0")
    assert len(two) == STEPS
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6)
    assert max(one) - min(one) > 0.01


def test_the_trained_network_is_that_of_one_process(runs):
    one, two = (torch.load(runs / name / "fold0" / "checkpoint.pt", weights_only=True) for name in ("one", "two"))
    for part in ("network", "average"):
        assert list(one[part]) == list(two[part])
        for name, value in one[part].items():
            torch.testing.assert_close(
                two[part][name], value, atol=1e-6, rtol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
            )


def test_only_one_process_writes(runs):
    assert len(losses(runs / "two" / "fold0")) == STEPS
    events = list((runs / "two" / "fold0" / "tensorboard").glob("events*"))
    assert len(events) == len(list((runs / "one" / "fold0" / "tensorboard").glob("events*")))
    assert (runs / "two" / "fold0" / "predictions.npz").is_file()


def test_alone_nothing_is_replaced_or_shared():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5))
    assert type(distributed.shared_layers(network)[0]) is nn.BatchNorm2d
    assert distributed.parallel(network) is network and distributed.gathered(network) is network
    assert (distributed.world(), distributed.rank(), distributed.my_slice(6)) == (1, 0, slice(0, 6))
    with distributed.processes():
        assert distributed.is_main() and distributed.agreed(0.25, torch.device("cpu")) == 0.25


def test_a_batch_that_cannot_be_shared_out_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 3)
    monkeypatch.setattr(distributed, "rank", lambda: 2)
    assert distributed.my_slice(9) == slice(6, 9)
    with pytest.raises(RecipeError, match="3 processes"):
        distributed.my_slice(8)


@pytest.fixture
def one_of_two(monkeypatch):
    """Stand in for the second of two processes that hold the same slice: sums over both are twice its own."""
    monkeypatch.setattr(distributed, "world", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    monkeypatch.setattr(distributed, "summed", lambda sums: 2 * sums)


def test_shared_normalization_equals_the_layer_it_replaces(one_of_two):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(3, 4, 5, 6, generator=generator) * 3 + 7
    plain = nn.BatchNorm2d(4, eps=1e-3, momentum=0.2)
    nn.init.normal_(plain.weight, generator=generator)
    shared = distributed.SharedBatchNorm2d.like(plain)
    shared.running_mean, shared.running_var = plain.running_mean.clone(), plain.running_var.clone()
    mine, whole = x.clone().requires_grad_(), torch.cat([x, x]).requires_grad_()
    torch.testing.assert_close(shared(mine), plain(whole)[:3], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(shared.running_mean, plain.running_mean)
    torch.testing.assert_close(shared.running_var, plain.running_var)
    assert shared.weight is plain.weight
    torch.testing.assert_close(shared.eval()(x), plain.eval()(x), atol=1e-5, rtol=1e-5)


def test_shared_dropout_is_a_part_of_the_whole_mask(one_of_two):
    torch.manual_seed(11)
    whole = nn.functional.dropout(torch.ones(6, 50), 0.3)
    torch.manual_seed(11)
    assert torch.equal(distributed.SharedDropout(0.3)(torch.ones(3, 50)), whole[3:])
