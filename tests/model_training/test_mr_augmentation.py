"""Healed slices lose their lesion and nothing else; a drawn scalp leaves brain and mask together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from factories_models import ellipse

from model_training.augmentation import coil_field, restyle
from model_training.healing import heal
from model_training.recipe import Augmentation
from model_training.scalp import draw_scalp

SHAPE = (128, 128)


def brain() -> np.ndarray:
    gray = np.zeros(SHAPE, np.float32)
    gray[ellipse(SHAPE, (63.5, 63.5), (58, 46))] = 0.4
    return gray


def lesion(center=(60, 40), radii=(8, 6)) -> np.ndarray:
    return ellipse(SHAPE, center, radii)


def test_a_healed_slice_is_the_slice_without_its_lesion():
    mask, gray = lesion(), brain()
    gray[mask] = 1.0
    healed = heal(gray, mask)
    np.testing.assert_allclose(healed, brain(), atol=0.08)
    assert healed[mask].mean() == pytest.approx(0.4, abs=0.01)


def test_the_brightness_of_the_lesion_side_is_kept():
    mask, gray = lesion(), brain()
    gray[:, :64] *= 1.25
    gray[mask] = 1.0
    healed = heal(gray, mask)
    assert healed[mask].mean() == pytest.approx(0.5, abs=0.02)


def test_a_lesion_on_both_sides_cannot_be_healed():
    mask = lesion() | lesion()[:, ::-1]
    assert heal(brain(), mask) is None


def test_a_lesion_whose_other_side_is_missing_cannot_be_healed():
    gray = brain()
    gray[:, 64:] = 0
    assert heal(gray, lesion()) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_scalp_lies_outside_the_brain_and_the_mask_stays_on_the_lesion(seed):
    gray, masks = brain(), np.zeros((2, *SHAPE), np.float32)
    masks[1][lesion()] = 1
    gray[lesion()] = 1.0
    head, moved = draw_scalp(gray, masks, np.random.default_rng(seed))
    assert head.shape == SHAPE
    assert not moved[0].any()
    assert head[moved[1] > 0.99].min() > 0.9
    smaller = moved[1].sum() / masks[1].sum()
    assert (head > 0).sum() > smaller * (gray > 0).sum() + 200, "no scalp around the brain"


def test_drawing_repeats_with_the_same_seed():
    gray, masks = brain(), np.zeros((2, *SHAPE), np.float32)
    one, two = (draw_scalp(gray, masks, np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_shading_is_smooth_and_of_the_strength_asked_for():
    fields = coil_field(64, 96, 0.4, torch.Generator().manual_seed(1)).log()
    assert fields.shape == (64, 1, 96, 96)
    torch.testing.assert_close(fields.mean((2, 3)), torch.zeros(64, 1), atol=1e-5, rtol=0)
    strength = fields.std((2, 3))
    assert strength.max() <= 0.4 + 1e-4 and strength.min() < 0.05 < 0.3 < strength.max()
    steps = fields.diff(dim=-1).abs().amax((1, 2, 3)) / strength[:, 0]
    assert steps.max() < 0.5  # pixels drawn one by one step by 3 and more


def test_shading_multiplies_tissue_and_leaves_air_dark():
    gray = torch.from_numpy(brain())[None, None].repeat(4, 1, 1, 1)
    still = dict.fromkeys(("contrast", "shift", "gamma", "noise", "blur", "low_resolution"), 0.0)
    shaded = restyle(gray.clone(), Augmentation(**still, bias=0.5), torch.Generator().manual_seed(2))
    assert (shaded[gray == 0] == 0).all()
    assert shaded[gray > 0].std() > 0.03
