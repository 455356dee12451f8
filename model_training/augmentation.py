"""Vary a batch of leveled slices: pose, contrast, noise, sharpness."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from model_training.recipe import Augmentation
from strokeapp.imaging.normalize import BRAIN_GRAY


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


def move(gray: Tensor, masks: Tensor, settings: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rotate, scale, mirror and translate pictures and masks alike.

    Args:
        gray: (batch, 1, size, size).
        masks: (batch, 2, size, size) in [0, 1].
    """
    grid = functional.affine_grid(random_affine(len(gray), settings, generator), list(gray.shape), align_corners=False)
    both = torch.cat([gray, masks], 1)
    moved = functional.grid_sample(both, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved[:, :1], moved[:, 1:]


def restyle(gray: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Change contrast about the brain's gray, level, noise, sharpness and resolution, each picture its own way."""
    count, size = len(gray), gray.shape[-1]
    factor = (1 + _uniform(count, -settings.contrast, settings.contrast, generator)).view(-1, 1, 1, 1)
    shift = _uniform(count, -settings.shift, settings.shift, generator).view(-1, 1, 1, 1)
    if settings.gamma > 0:
        exponent = _uniform(count, -settings.gamma, settings.gamma, generator).exp().view(-1, 1, 1, 1)
        gray = BRAIN_GRAY * (gray.clamp_min(0) / BRAIN_GRAY) ** exponent
    air = (gray / 0.15).clamp(0, 1)
    gray = gray + ((gray - BRAIN_GRAY) * (factor - 1) + shift) * air
    blurred = functional.avg_pool2d(functional.pad(gray, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = (torch.rand(count, generator=generator) < settings.blur).float() * torch.rand(count, generator=generator)
    gray = gray + share.view(-1, 1, 1, 1) * (blurred - gray)
    low = torch.rand(count, generator=generator) < settings.low_resolution
    if low.any():
        small = functional.interpolate(gray[low], size=size * 5 // 8, mode="bilinear", antialias=True)
        gray = gray.clone()
        gray[low] = functional.interpolate(small, size=size, mode="bilinear")
    strength = _uniform(count, 0, settings.noise, generator).view(-1, 1, 1, 1)
    noise = torch.randn(gray.shape, generator=generator)
    return gray + noise * strength * air.clamp(0.1, 1)
