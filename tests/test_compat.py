"""torchvision imports beside a CPU-only PyTorch, as often as asked."""

from __future__ import annotations

import sys

import torch

from strokeapp.compat import import_torchvision


def test_torchvision_imports_and_again():
    first = import_torchvision()
    assert import_torchvision() is first is sys.modules["torchvision"]


def test_its_transforms_and_models_work():
    import_torchvision()
    from torchvision.transforms import v2

    flipped = v2.functional.horizontal_flip(torch.arange(4.0).view(1, 1, 4))
    assert flipped.flatten().tolist() == [3, 2, 1, 0]
