"""Choose what runs a network while reading, and hold one copy of it for the whole server.

ONNX Runtime where it is installed and knows the network, otherwise the folded PyTorch network: the numbers are the
same up to rounding, only the time differs.
"""

from __future__ import annotations

import importlib.util
import threading
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from strokeapp.inference.folding import folded
from strokeapp.models.registry import Card, load_network
from strokeapp.models.slice_network import SliceNetwork, SliceOutput

ONNX_PACKAGES = ("onnx", "onnxruntime")
_MAKING = threading.Lock()


class ReadingNetwork(Protocol):
    """Read (batch, 1, rows, columns) network input, as ``SliceNetwork`` does."""

    def __call__(self, pictures: Tensor, /) -> SliceOutput:
        """Return the raw outputs for a batch."""


class OnnxNetwork:
    """Run a slice network's convolutions in ONNX Runtime.

    Args:
        network: In evaluation mode, over EfficientNet-Lite0; its own judging layers are used, not copied.
        threads: That work on one batch; PyTorch's number unless given. They sleep between batches.
    """

    def __init__(self, network: SliceNetwork, *, threads: int | None = None) -> None:
        import onnxruntime

        from strokeapp.inference.onnx_graph import LEVELS, MAPS, PICTURES, onnx_bytes

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._network, self._names, self._input = network, [*LEVELS, MAPS], PICTURES
        model = onnx_bytes(folded(network))
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, pictures: Tensor, /) -> SliceOutput:
        """Return the raw outputs for a batch."""
        found = self._session.run(self._names, {self._input: pictures.contiguous().numpy()})
        *pyramid, maps = (torch.from_numpy(values) for values in found)
        return self._network.judged(pyramid, maps)


def onnx_installed() -> bool:
    """Tell whether what ONNX Runtime needs can be imported."""
    return all(importlib.util.find_spec(name) is not None for name in ONNX_PACKAGES)


def prepare(network: SliceNetwork, *, onnx: bool | None = None) -> ReadingNetwork:
    """Return the fastest form of a network that gives the same numbers.

    Args:
        network: In evaluation mode.
        onnx: Whether ONNX Runtime runs it; where it is installed and knows the network, unless given.
    """
    if onnx is None:
        onnx = onnx_installed()
    if onnx:
        from strokeapp.inference.onnx_graph import can_be_written

        if can_be_written(network):
            return OnnxNetwork(network)
    return folded(network)


def reading_network(card: Card, fold: int | None = None) -> ReadingNetwork:
    """Return the prepared network of a card: one for all sessions and threads of this process.

    Args:
        card: Of the network.
        fold: As for ``load_network``.

    Raises:
        WeightsMissingError, WeightsHashError, ModelError: As ``load_network``.
    """
    with _MAKING:  # two sessions that come at once must not each make their own
        return _prepared(load_network(card, fold))


@lru_cache(maxsize=8)
def _prepared(network: SliceNetwork) -> ReadingNetwork:
    return prepare(network)
