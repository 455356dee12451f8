"""Write a folded slice network as an ONNX graph, for ONNX Runtime to run.

The graph is written layer by layer, not traced: it needs no exporter, and it can only hold what is written here.
It ends at the lesion map and the deeper levels of the encoder; the few numbers made of them stay in PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from strokeapp.inference.folding import FoldedUp
from strokeapp.models.lite0 import PYRAMID_CHANNELS, PYRAMID_STAGES, EfficientNetLite0, InvertedResidual
from strokeapp.models.slice_network import SliceNetwork

OPSET, IR_VERSION = 17, 9
PICTURES, MAPS = "pictures", "maps"
LEVELS = ("stride_8", "stride_16", "stride_32")
"""Of the encoder, as far as they are judged by."""


@dataclass
class _Graph:
    """Collect nodes and weights; every method returns the name of what it made."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values: NDArray) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self, x: str, layer: nn.Conv2d, *, weight: NDArray | None = None) -> str:
        weight = layer.weight.detach().numpy() if weight is None else weight
        inputs = [x, self.constant(weight)]
        if layer.bias is not None:
            inputs.append(self.constant(layer.bias.detach().numpy()))
        # SAME_UPPER is TensorFlow's SAME; for an odd kernel of stride one it is half the kernel on each side.
        return self.add(
            "Conv", *inputs, auto_pad="SAME_UPPER", strides=list(layer.stride), group=layer.groups,
            kernel_shape=list(layer.kernel_size),
        )  # fmt: skip

    def row(self, x: str, layers: nn.Sequential) -> str:
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                x = self.convolution(x, layer)
            elif isinstance(layer, nn.ReLU6):
                x = self.add("Clip", x, self.constant(np.float32(0)), self.constant(np.float32(6)))
            else:
                raise TypeError(f"The graph knows no {type(layer).__name__}.")
        return x

    def block(self, x: str, block: InvertedResidual) -> str:
        result = self.row(x, block.layers)
        return self.add("Add", x, result) if block.residual else result

    def up(self, x: str, skip: str, stage: FoldedUp) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        low = self.add(
            "Resize", self.convolution(x, stage.low), "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        mixed = self.add("Relu", self.add("Add", self.convolution(skip, stage.high), low))
        return self.add("Relu", self.convolution(self.convolution(mixed, stage.depthwise), stage.pointwise))


def can_be_written(network: SliceNetwork) -> bool:
    """Tell whether a network is of the one kind that the graph can hold."""
    return isinstance(network.encoder, EfficientNetLite0)


def onnx_bytes(network: SliceNetwork) -> bytes:
    """Return an ONNX model with input ``pictures`` and outputs ``LEVELS``, finest first, and ``maps``.

    Args:
        network: As ``strokeapp.inference.folding.folded`` returns it, over EfficientNet-Lite0. Its pictures are
            (batch, 1, rows, columns) with sides divisible by 32.

    Raises:
        TypeError: The network holds a layer that the graph does not know.
    """
    if not can_be_written(network):
        raise TypeError(f"The graph knows no {type(network.encoder).__name__}.")
    graph = _Graph()
    pyramid = _pyramid(graph, network.encoder)
    x = pyramid[-1]
    for stage, skip in zip(network.decoder, pyramid[-2::-1], strict=True):
        x = graph.up(x, skip, stage)
    maps = graph.convolution(x, network.lesion_head)
    ends = zip((*pyramid[-len(LEVELS) :], maps), (*LEVELS, MAPS), strict=True)
    graph.nodes += [helper.make_node("Identity", [made], [name]) for made, name in ends]
    return _model(graph).SerializeToString()


def _pyramid(graph: _Graph, encoder: EfficientNetLite0) -> list[str]:
    first, activation = encoder.stem
    # The picture is repeated over three equal channels, so the channels' weights may be added beforehand.
    summed = first.weight.detach().sum(1, keepdim=True).numpy()
    x, pyramid = graph.convolution(PICTURES, first, weight=summed), []
    x = graph.row(x, nn.Sequential(activation))
    for index, stage in enumerate(encoder.stages):
        for block in stage:
            x = graph.block(x, block)
        if index in PYRAMID_STAGES:
            pyramid.append(x)
    return pyramid


def _model(graph: _Graph) -> onnx.ModelProto:
    def value(name: str, channels: int) -> onnx.ValueInfoProto:
        shape = ["batch", channels, f"{name}_rows", f"{name}_columns"]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    levels = zip(LEVELS, PYRAMID_CHANNELS[-len(LEVELS) :], strict=True)
    outputs = [*(value(*level) for level in levels), value(MAPS, 2)]
    written = helper.make_graph(graph.nodes, "slice_network", [value(PICTURES, 1)], outputs, graph.weights)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(written, opset_imports=[opset], ir_version=IR_VERSION)
