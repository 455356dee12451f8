"""The benchmark measures both loaders over the same images and says so."""

from __future__ import annotations

import pytest
import torch
from factories_training import toy_recipe, toy_table, write_toy_manifest

from model_training.benchmark import Benchmark, Pace, PicturesFromDisk, Speed, levels, run_benchmark
from strokeapp.errors import ManifestError


@pytest.fixture
def manifest(tmp_path):
    return write_toy_manifest(tmp_path, toy_table())


def test_both_loaders_are_measured(manifest):
    result = run_benchmark(toy_recipe(), manifest, images=12, workers=0, repeats=1)
    assert result.images == 12 and result.decode_seconds > 0
    assert [speed.what for speed in result.speeds] == list(levels(toy_recipe().augmentation))
    paces = [pace for speed in result.speeds for pace in (speed.store, speed.plain)]
    assert all(0 < pace.wall < float("inf") and pace.cpu > 0 for pace in paces)
    assert result.table().count("\n|") == 4


def test_the_table_shows_both_numbers_and_their_ratio():
    table = Benchmark(48, 1.25, (Speed("augmented", Pace(300.0, 200.0), Pace(80.0, 40.0)),)).table()
    assert "| augmented | 300 images/s | 80 images/s | 3.8 | 5.0 |" in table and "48 images" in table


def test_the_plain_loader_gives_what_a_network_takes(manifest, tmp_path):
    for augmentation in levels(toy_recipe().augmentation).values():
        picture = PicturesFromDisk([tmp_path / "0.png"], 64, augmentation)[0]
        assert (
            picture.shape == (1, 64, 64) and picture.dtype == torch.float32 and 0 <= picture.min() < picture.max() <= 1
        )


def test_too_few_images_are_refused(manifest):
    with pytest.raises(ManifestError, match="there are 3"):
        run_benchmark(toy_recipe(), manifest, images=3)


def test_the_levels_differ_in_what_they_say():
    still, styled, whole = levels(toy_recipe().augmentation).values()
    assert not any(vars(still).values())
    assert styled.rotation_degrees == whole.rotation_degrees == 20 and styled.noise == whole.noise == 0.05
    assert (styled.infarct_transplant, whole.infarct_transplant) == (0, 0.5)
