"""Out-of-fold prediction: training's path and the app's give the same logits; Dice has its closed form."""

from __future__ import annotations

import numpy as np
import torch
from factories_models import random_network
from factories_training import toy_recipe, toy_store, toy_table

from model_training.predict import dice, predict_store
from strokeapp.imaging.head_crop import Box
from strokeapp.imaging.network_input import SliceInput
from strokeapp.inference.slices import run_slices
from strokeapp.types import Modality

TABLE = toy_table(bleeds=3, infarcts=3)


def test_training_and_app_see_the_same_network_input():
    network, rows, store = random_network(), np.array([4, 0, 2]), toy_store(TABLE)
    stored = predict_store(network, store, rows, toy_recipe(), batch=2)
    box = Box(0, 0, 64, 64)
    inputs = [SliceInput(store.gray[row] / np.float32(255), box, float(store.level[row])) for row in rows]
    app = run_slices(network, inputs, Modality.CT)
    np.testing.assert_allclose(stored.findings, app.logits, atol=1e-4)
    assert np.ptp(app.logits, axis=0).min() > 1e-2


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
