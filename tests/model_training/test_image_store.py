"""The image store: masks in their finding's channel, edema rings turned into clots, bad files named."""

from __future__ import annotations

import numpy as np
import pytest
from factories_training import toy_recipe, toy_store, toy_table, write_toy_manifest

from factories import make_picture
from model_training.image_store import build_store, open_picture
from model_training.manifest import read_manifest
from strokeapp.errors import ManifestError

TABLE = toy_table(bleeds=4, infarcts=2)


@pytest.fixture
def folder(tmp_path):
    write_toy_manifest(tmp_path, TABLE)
    return tmp_path


def test_decoded_images_equal_the_drawn_ones(folder):
    built = build_store(read_manifest(folder / "manifest.csv"), folder, toy_recipe())
    drawn = toy_store(TABLE)
    assert np.abs(built.gray.astype(int) - drawn.gray).max() <= 1
    np.testing.assert_allclose(built.level, drawn.level, atol=0.01)
    np.testing.assert_array_equal(built.masks, drawn.masks)
    np.testing.assert_array_equal(built.mask_known[:, 0], TABLE["hemorrhagic"] == 0)
    assert built.mask_known[:, 1].all(), "slices free of infarct have a known, empty mask"


def test_an_edema_ring_is_never_taken_for_an_infarct(folder):
    recipe = toy_recipe(mask_kinds={"infarcts": "edema_ring"})
    built = build_store(read_manifest(folder / "manifest.csv"), folder, recipe)
    assert not built.masks[:, 1].any()
    assert not built.mask_known[TABLE["ischemic"] == 1, 1].any()


def test_a_mask_of_another_frame_is_refused(folder):
    make_picture(folder / "4-mask.png", np.full((64, 128), 255, np.uint8))
    with pytest.raises(ManifestError, match="one frame"):
        build_store(read_manifest(folder / "manifest.csv"), folder, toy_recipe())


def test_missing_and_damaged_pictures_are_named(tmp_path):
    with pytest.raises(ManifestError, match=r"no\.png"):
        open_picture(tmp_path / "no.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    with pytest.raises(ManifestError, match=r"bad\.png"):
        open_picture(tmp_path / "bad.png")
