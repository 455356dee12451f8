"""Augmentation moves masks with their pictures, leaves air dark, and does nothing when turned off."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from model_training.augmentation import CEILING, affine_points, move, random_affine, restyle
from model_training.recipe import Augmentation

OFF = Augmentation(**{field.name: 0.0 for field in dataclasses.fields(Augmentation)})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blob() -> torch.Tensor:
    picture = torch.zeros(4, 1, 64, 64)
    picture[:, :, 20:36, 28:50] = 0.5
    return picture


def test_turned_off_it_changes_nothing():
    gray, masks = blob(), blob().expand(-1, 2, -1, -1) * 2
    moved, moved_masks = move(gray, masks, OFF, generator())
    torch.testing.assert_close(moved, gray, atol=1e-5, rtol=0)
    torch.testing.assert_close(moved_masks, masks, atol=1e-5, rtol=0)
    torch.testing.assert_close(restyle(gray, OFF, generator()), gray)


def test_masks_go_where_their_pictures_go():
    gray = blob()
    moved, masks = move(gray, gray.expand(-1, 2, -1, -1), Augmentation(), generator())
    torch.testing.assert_close(masks, moved.expand(-1, 2, -1, -1))
    assert (moved - gray).abs().max() > 0.1


@pytest.mark.parametrize("size", [32, 96])
def test_another_size_is_bilinear_resampling(size):
    gray = torch.rand(4, 1, 64, 64, generator=generator())
    moved, masks = move(gray, gray.expand(-1, 2, -1, -1), OFF, generator(), size=size)
    inside = slice(2, -2)  # at the rim one repeats the picture's border and the other meets air
    expected = torch.nn.functional.interpolate(gray, size=size, mode="bilinear")
    torch.testing.assert_close(moved[..., inside, inside], expected[..., inside, inside], atol=1e-5, rtol=0)
    torch.testing.assert_close(masks[:, :1], moved, atol=1e-6, rtol=0)


def test_mirroring_turns_left_and_right():
    moved, _ = move(blob(), torch.zeros(4, 2, 64, 64), dataclasses.replace(OFF, flip=1.0), generator())
    torch.testing.assert_close(moved, blob().flip(-1), atol=1e-5, rtol=0)


def test_matrices_stay_within_the_asked_bounds():
    matrix = random_affine(500, Augmentation(rotation_degrees=20, scale=0.15, translation=0.06), generator())
    determinant = torch.linalg.det(matrix[:, :, :2]).abs()
    assert determinant.min() >= 0.85**2 - 1e-4 and determinant.max() <= 1.15**2 + 1e-4
    angle = torch.rad2deg(torch.atan2(-matrix[:, 0, 1], matrix[:, 1, 1]))
    assert angle.abs().max() <= 20.01 and angle.abs().max() > 15
    assert matrix[:, :, 2].abs().max() <= 0.12


def test_points_are_those_of_affine_grid():
    matrix = random_affine(3, Augmentation(), generator())
    expected = torch.nn.functional.affine_grid(matrix, [3, 1, 20, 30], align_corners=False)
    torch.testing.assert_close(affine_points(matrix, (20, 30)), expected, atol=1e-5, rtol=0)


def test_full_blur_lies_between_the_picture_and_its_mean_over_neighbors():
    gray = torch.rand(64, 1, 12, 12, generator=generator())
    wide = torch.nn.functional.pad(gray, (1, 1, 1, 1), mode="replicate")
    mean = torch.nn.functional.avg_pool2d(wide, 3, 1)
    change = restyle(gray, dataclasses.replace(OFF, blur=1.0), generator()) - gray
    share = (change * (mean - gray)).sum((1, 2, 3)) / (mean - gray).square().sum((1, 2, 3))
    torch.testing.assert_close(change, share.view(-1, 1, 1, 1) * (mean - gray), atol=1e-5, rtol=0)
    assert 0 <= share.min() < 0.2 and 0.8 < share.max() <= 1


def test_the_given_pictures_are_not_changed():
    gray, masks = blob(), blob().expand(-1, 2, -1, -1).clone()
    moved, _ = move(gray, masks, Augmentation(), generator())
    restyle(moved, Augmentation(gamma=0.1), generator())
    restyle(gray, dataclasses.replace(OFF, blur=1.0), generator())
    assert torch.equal(gray, blob()) and torch.equal(masks, blob().expand(-1, 2, -1, -1))


def test_the_same_generator_gives_the_same_pictures():
    one, two = (restyle(blob(), Augmentation(), generator(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, restyle(blob(), Augmentation(), generator(4)))


def test_contrast_and_level_leave_air_dark():
    settings = dataclasses.replace(OFF, contrast=0.3, shift=0.05)
    styled = restyle(blob(), settings, generator())
    assert not styled[blob() == 0].any()
    assert (styled - blob())[blob() > 0].abs().max() <= 0.05 * 0.3 + 0.05 + 1e-6


def test_noise_in_air_is_a_tenth_of_that_in_tissue():
    noisy = restyle(blob(), dataclasses.replace(OFF, noise=0.1), generator())
    difference = noisy - blob()
    inside, outside = difference[blob() > 0].std(), difference[blob() == 0].std()
    assert outside.item() == pytest.approx(inside.item() / 10, rel=0.2)


def test_a_narrow_window_cuts_only_the_bright_end():
    gray = torch.linspace(0, 1.5, 144).view(1, 1, 12, 12).repeat(40, 1, 1, 1)
    cut = restyle(gray, dataclasses.replace(OFF, saturate=1.0), generator())
    tops = cut.amax((1, 2, 3))
    assert tops.min() >= CEILING[0] and tops.max() <= CEILING[1] and tops.std() > 0.05
    assert torch.equal(cut, torch.minimum(gray, tops.view(-1, 1, 1, 1)))
    assert torch.equal(restyle(gray, dataclasses.replace(OFF, saturate=0.0, contrast=0.0), generator()), gray)
