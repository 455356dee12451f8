"""Give the slice network its encoder: EfficientNet-Lite0, or a torchvision classifier cut into five levels.

Every encoder here has ``stem`` and ``stages`` (in the order of the forward pass) and turns (batch, 3, rows,
columns) into five feature maps at strides 2 to 32, finest first. Sides must be divisible by 32.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from strokeapp.compat import import_torchvision
from strokeapp.errors import ModelError
from strokeapp.models.lite0 import PYRAMID_CHANNELS, EfficientNetLite0

LITE0 = "efficientnet_lite0"
STRIDES = (2, 4, 8, 16, 32)
FINE_CHANNELS = 24
"""Of the level at stride 2 where a backbone begins at stride 4 (ConvNeXt's patches)."""
PROBE_SIDE = 64


def build_encoder(backbone: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Return an encoder of random weights and the channels of its five levels, finest first.

    Args:
        backbone: ``efficientnet_lite0`` or a name of torchvision's registry, e.g. ``resnet18``.

    Raises:
        ModelError: There is no such backbone, or it cannot be cut into levels.
    """
    if backbone == LITE0:
        return EfficientNetLite0(), PYRAMID_CHANNELS
    encoder = TorchvisionEncoder(backbone)
    return encoder, encoder.channels


def encoder_layers(encoder: nn.Module) -> list[nn.Module]:
    """Return the stem and the stages that learn, first to last."""
    layers = [encoder.stem, *encoder.stages]
    return [layer for layer in layers if next(layer.parameters(), None) is not None]


def torchvision_model(name: str) -> nn.Module:
    """Return a torchvision classifier of random weights.

    Raises:
        ModelError: torchvision has no classifier of this name.
    """
    models = import_torchvision().models
    classifiers = models.list_models(module=models)
    if name not in classifiers:
        raise ModelError(
            f"There is no backbone called {name}. Use {LITE0} or a torchvision classifier: {', '.join(classifiers)}."
        )
    return models.get_model(name, weights=None)


class TorchvisionEncoder(nn.Module):
    """Cut a torchvision classifier where its stride changes, and leave its head away.

    Layers of the last level that only widen it for the classifier (a 1 × 1 convolution at the end of
    EfficientNet and MobileNet) are left away too. ``stages`` holds one module for each stride; where the
    backbone has nothing at stride 2, ``stem`` makes that level from the picture beside it.

    Args:
        name: Of torchvision's registry of classifiers.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        levels, channels = cut_levels(torchvision_model(name), name)
        self.stem: nn.Module = nn.Identity()
        if len(levels) == len(STRIDES) - 1:
            self.stem = _fine_level()
            levels, channels = [nn.Identity(), *levels], (FINE_CHANNELS, *channels)
        self.stages = nn.ModuleList(levels)
        self.channels = channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return features with ``channels`` channels, finest first."""
        pyramid = []
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        if not isinstance(self.stem, nn.Identity):
            pyramid[0] = self.stem(pyramid[0])
        return pyramid

    def load_classifier(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the weights of the whole torchvision classifier that this was cut from.

        Raises:
            ModelError: The tensors are not those of the classifier.
        """
        model = torchvision_model(self.name)
        try:
            model.load_state_dict(dict(tensors))
        except RuntimeError as error:
            raise ModelError(f"These are not the weights of {self.name}.", detail=str(error)) from error
        for mine, theirs in zip(reversed(self.stages), reversed(cut_levels(model, self.name)[0]), strict=False):
            mine.load_state_dict(theirs.state_dict())


def cut_levels(model: nn.Module, name: str) -> tuple[list[nn.Module], tuple[int, ...]]:
    """Return a classifier's layers grouped by stride, and the channels each group ends with.

    Raises:
        ModelError: The layers are not a row of modules, or their strides are not 2 (or 4) to 32.
    """
    row = _row_of_layers(model, name)
    groups: dict[int, list[nn.Module]] = {}
    channels: dict[int, int] = {}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        x = torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE)
        for layer in row:
            x = layer(x)
            stride = PROBE_SIDE // x.shape[-1]
            groups.setdefault(stride, []).append(layer)
            channels[stride] = x.shape[1]
    model.train(was_training)
    if tuple(groups) not in (STRIDES, STRIDES[1:]):
        raise ModelError(f"{name} cannot be a backbone: it has levels at strides {sorted(groups)}, not 2 to 32.")
    return [_without_inplace(nn.Sequential(*layers)) for layers in groups.values()], tuple(channels.values())


def _row_of_layers(model: nn.Module, name: str) -> list[nn.Module]:
    if hasattr(model, "layer4"):
        stem = [model.conv1, model.bn1, model.relu, model.maxpool]
        return [*stem, model.layer1, model.layer2, model.layer3, model.layer4]
    if hasattr(model, "trunk_output"):
        return [model.stem, *model.trunk_output]
    if not isinstance(getattr(model, "features", None), nn.Sequential):
        raise ModelError(f"{name} cannot be a backbone: its layers are not a row of modules.")
    layers = list(model.features)
    return layers[:-1] if _only_widens(layers[-1]) else layers


def _only_widens(layer: nn.Module) -> bool:
    convolutions = [module for module in layer.modules() if isinstance(module, nn.Conv2d)]
    return [convolution.kernel_size for convolution in convolutions] == [(1, 1)]


def _fine_level() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, FINE_CHANNELS, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(FINE_CHANNELS), nn.ReLU()
    )


def _without_inplace(layers: nn.Module) -> nn.Module:
    """Keep layers from overwriting what the decoder and Captum still read."""
    for module in layers.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    return layers
