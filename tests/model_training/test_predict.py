"""Out-of-fold prediction: training's path and the app's give the same logits; Dice has its closed form."""

from __future__ import annotations

import numpy as np
import torch

from factories_models import random_network
from factories_training import toy_pictures, toy_recipe, toy_store, toy_table
from model_training.predict import dice, predict_store
from strokeapp.imaging.network_input import slice_input
from strokeapp.inference.slices import run_slices
from strokeapp.types import Modality

TABLE = toy_table(bleeds=3, infarcts=3)


def test_training_and_app_see_the_same_network_input():
    network, rows = random_network(), np.array([4, 0, 2])
    stored = predict_store(network, toy_store(TABLE), rows, toy_recipe(), batch=2)
    pictures = toy_pictures(TABLE)
    inputs = [slice_input(pictures[row], Modality.CT, size=64) for row in rows]
    app = run_slices(network, inputs, Modality.CT)
    spread = np.ptp(app.logits, axis=0)
    assert (np.abs(stored.findings - app.logits).max(0) < 0.1 * spread + 0.02).all()


def test_overlap_is_counted_where_the_mask_is_known_only():
    store = toy_store(TABLE)
    network = random_network()
    torch.nn.init.zeros_(network.lesion_head.weight)
    torch.nn.init.constant_(network.lesion_head.bias, 5.0)
    result = predict_store(network, store, np.arange(6), toy_recipe())
    for row, channel in np.ndindex(6, 2):
        if store.mask_known[row, channel]:
            drawn = store.masks[row, channel].sum()
            np.testing.assert_array_equal(result.overlap[row, channel], [drawn, 64 * 64, drawn])
        else:
            assert np.isnan(result.overlap[row, channel]).all()


def test_dice_is_its_formula_and_says_nothing_without_a_lesion():
    overlap = np.array([[[3, 6, 4], [0, 5, 0]], [[0, 0, 7], [np.nan] * 3]], np.float32)
    np.testing.assert_allclose(dice(overlap), [[0.6, np.nan], [0.0, np.nan]])
