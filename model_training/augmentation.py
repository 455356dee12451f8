"""Vary a batch of leveled slices: pose, contrast, noise, sharpness."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from model_training.recipe import Augmentation
from strokeapp.imaging.normalize import BRAIN_GRAY

COIL_KNOTS = 4
"""A side: shading that changes over a third of the head or more."""
POSES = ("rotation_degrees", "translation", "scale", "flip")
"""Settings that ``move`` obeys."""
CEILING = (0.5, 1.0)
"""Leveled gray at which a narrow window ends, beside a brain of about 0.4; a bright infarct reaches 1.5."""
STYLES = ("contrast", "shift", "gamma", "bias", "saturate", "blur", "low_resolution", "noise")
"""Settings that ``restyle`` obeys."""


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def random_affine(count: int, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Return (count, 2, 3) matrices of rotation, scaling, mirroring and translation for ``affine_grid``."""
    angle = _uniform(count, -1, 1, generator) * math.radians(settings.rotation_degrees)
    scale = 1 + _uniform(count, -settings.scale, settings.scale, generator)
    mirror = 1 - 2 * (torch.rand(count, generator=generator) < settings.flip).float()
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    move = _uniform(2 * count, -1, 1, generator).view(count, 2, 1) * 2 * settings.translation
    matrix = torch.stack([torch.stack([cosine * mirror, -sine], 1), torch.stack([sine * mirror, cosine], 1)], 1)
    return torch.cat([matrix, move], 2)


def move(
    gray: Tensor, masks: Tensor, settings: Augmentation, generator: torch.Generator, *, size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Rotate, scale, mirror and translate pictures and masks alike, and resample them to another side if asked to.

    Args:
        gray: (batch, 1, side, side).
        masks: (batch, 2, side, side) in [0, 1].
        settings: Strengths.
        generator: Decides.
        size: Side of what is returned; as it came unless given.
    """
    shape = gray.shape[-2:] if size is None else (size, size)
    if not any(getattr(settings, name) for name in POSES) and shape == gray.shape[-2:]:
        return gray, masks
    grid = affine_points(random_affine(len(gray), settings, generator), shape)
    drawn = masks.flatten(1).any(1)
    moved = masks.new_zeros(*masks.shape[:2], *shape)
    if drawn.any():
        moved[drawn] = _sample(masks[drawn], grid[drawn])
    return _sample(gray, grid), moved


def affine_points(matrix: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return what ``functional.affine_grid`` does without aligned corners, in a fraction of its time.

    Args:
        matrix: (batch, 2, 3).
        shape: (rows, columns) of the pictures.
    """
    rows, columns = shape
    y = torch.linspace(-1 + 1 / rows, 1 - 1 / rows, rows).view(1, rows, 1)
    x = torch.linspace(-1 + 1 / columns, 1 - 1 / columns, columns).view(1, 1, columns)
    part = matrix.unsqueeze(-1).unsqueeze(-1)
    return torch.stack([part[:, i, 0] * x + (part[:, i, 1] * y + part[:, i, 2]) for i in (0, 1)], -1)


def _sample(pictures: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _mean_of_neighbors(gray: Tensor) -> Tensor:
    """Return the mean over 3 × 3 pixels, the border repeated."""
    wide = functional.pad(gray, (1, 1, 1, 1), mode="replicate")
    rows = wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9


def coil_field(count: int, size: int, strength: float, generator: torch.Generator) -> Tensor:
    """Return (count, 1, size, size) smooth factors about 1, as uneven receive coils shade MR pictures.

    Args:
        count, size: Of the pictures.
        strength: Largest standard deviation of the factor's logarithm; each picture draws its own.
        generator: Decides.
    """
    coarse = torch.randn(count, 1, COIL_KNOTS, COIL_KNOTS, generator=generator)
    field = functional.interpolate(coarse, size=size, mode="bicubic", align_corners=True)
    field = field - field.mean((2, 3), keepdim=True)
    wanted = _uniform(count, 0, strength, generator).view(-1, 1, 1, 1)
    return (field / field.std((2, 3), keepdim=True) * wanted).exp()


def restyle(gray: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Change contrast about the brain's gray, level, noise, sharpness and resolution, each picture its own way."""
    if not any(getattr(settings, name) for name in STYLES):
        return gray
    count, size = len(gray), gray.shape[-1]
    factor = (1 + _uniform(count, -settings.contrast, settings.contrast, generator)).view(-1, 1, 1, 1)
    shift = _uniform(count, -settings.shift, settings.shift, generator).view(-1, 1, 1, 1)
    if settings.gamma > 0:
        exponent = _uniform(count, -settings.gamma, settings.gamma, generator).exp().view(-1, 1, 1, 1)
        gray = BRAIN_GRAY * (gray.clamp_min(0) / BRAIN_GRAY) ** exponent
    if settings.bias > 0:
        gray = gray * coil_field(count, size, settings.bias, generator)
    if settings.saturate > 0:
        open_end = torch.rand(count, generator=generator) >= settings.saturate
        ceiling = _uniform(count, *CEILING, generator).masked_fill(open_end, math.inf)
        gray = torch.minimum(gray, ceiling.view(-1, 1, 1, 1))
    air = (gray / 0.15).clamp(0, 1)
    gray = gray + ((gray - BRAIN_GRAY) * (factor - 1) + shift) * air
    blur = torch.rand(count, generator=generator) < settings.blur
    share = torch.rand(count, generator=generator)[blur].view(-1, 1, 1, 1)
    gray[blur] += share * (_mean_of_neighbors(gray[blur]) - gray[blur])
    low = torch.rand(count, generator=generator) < settings.low_resolution
    if low.any():
        small = functional.interpolate(gray[low], size=size * 5 // 8, mode="bilinear", antialias=True)
        gray[low] = functional.interpolate(small, size=size, mode="bilinear")
    if settings.noise == 0:
        return gray
    strength = _uniform(count, 0, settings.noise, generator).view(-1, 1, 1, 1)
    noise = torch.randn(gray.shape, generator=generator)
    return gray + noise * strength * air.clamp(0.1, 1)
