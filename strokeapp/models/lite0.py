"""Define EfficientNet-Lite0 as a pyramid of features.

Source: Tan & Le, EfficientNet (ICML 2019); the Lite variant drops squeeze-and-excitation and uses ReLU6.
Convolutions of stride two pad as TensorFlow does ("SAME"), since the ImageNet weights were trained so.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Stage:
    """Describe one run of equal blocks: expansion, output channels, repeats, first stride, kernel."""

    expansion: int
    channels: int
    repeats: int
    stride: int
    kernel: int


STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)
STEM_CHANNELS = 32
PYRAMID_STAGES = (0, 1, 2, 4, 6)
"""Stages whose outputs are kept: strides 2, 4, 8, 16 and 32."""
PYRAMID_CHANNELS = tuple(STAGES[index].channels for index in PYRAMID_STAGES)


class SameConv2d(nn.Conv2d):
    """Convolve with TensorFlow's SAME padding: the odd pixel goes to the right and the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, ceil(rows / stride), ceil(columns / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return functional.conv2d(x, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        rows, columns = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
        x = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return functional.conv2d(x, self.weight, self.bias, stride, 0, 1, self.groups)


def _conv_norm(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, act: bool = True) -> list:
    conv = SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    norm = nn.BatchNorm2d(outputs, eps=1e-3)
    return [conv, norm, nn.ReLU6(inplace=False)] if act else [conv, norm]


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where shapes allow."""

    def __init__(self, inputs: int, stage: Stage, *, stride: int) -> None:
        super().__init__()
        hidden = inputs * stage.expansion
        layers = _conv_norm(inputs, hidden, 1) if stage.expansion > 1 else []
        layers += _conv_norm(hidden, hidden, stage.kernel, stride=stride, groups=hidden)
        layers += _conv_norm(hidden, stage.channels, 1, act=False)
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, stage channels, rows / stride, columns / stride)."""
        return x + self.layers(x) if self.residual else self.layers(x)


class EfficientNetLite0(nn.Module):
    """Turn (batch, 3, rows, columns) into five feature maps at strides 2 to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_norm(3, STEM_CHANNELS, 3, stride=2))
        stages, inputs = [], STEM_CHANNELS
        for stage in STAGES:
            strides = [stage.stride] + [1] * (stage.repeats - 1)
            blocks = []
            for stride in strides:
                blocks.append(InvertedResidual(inputs, stage, stride=stride))
                inputs = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return features with ``PYRAMID_CHANNELS`` channels, finest first."""
        x, pyramid = self.stem(x), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in PYRAMID_STAGES:
                pyramid.append(x)
        return pyramid


def copy_by_position(target: nn.Module, tensors: list[Tensor]) -> int:
    """Copy tensors into a module's state in order; return how many were used.

    Trailing tensors (ImageNet's head and classifier) are left over.

    Raises:
        ValueError: A shape differs, so the order is not the module's.
    """
    state = target.state_dict()
    for (name, value), tensor in zip(state.items(), tensors, strict=False):
        if value.shape != tensor.shape:
            raise ValueError(f"{name} has shape {tuple(value.shape)}, the file {tuple(tensor.shape)}")
        state[name] = tensor
    target.load_state_dict(state)
    return len(state)
