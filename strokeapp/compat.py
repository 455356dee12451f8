"""Make PyTorch and torchvision import together on machines where torchvision's compiled operators cannot load.

A CPU-only PyTorch beside a torchvision built for CUDA raises ``operator torchvision::nms does not exist`` at
import. The operators are then declared without an implementation: models and transforms work, and only the
compiled operators (nms, roi_align, image decoding), which this program does not use, stay missing.
"""

from __future__ import annotations

import sys
from types import ModuleType

_declared: list[object] = []


def _declare_operators() -> None:
    """Declare the schemas of torchvision's operators and keep the library alive."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)


def import_torchvision() -> ModuleType:
    """Import torchvision, with its compiled operators declared only where they cannot load.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: torchvision fails for another reason.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _declare_operators()
        import torchvision
    return torchvision
