"""Define the sequence network: the slices of one volume in order in, a logit per slice and one per study out.

It starts as the rule it is to improve on: the slice network's own logit, and the mean of the two highest for the
study. What it learns is added to both. Recurrent networks: GRU (Cho et al., EMNLP 2014), LSTM (Hochreiter &
Schmidhuber, Neural Computation 1997), both directions at once. Pooling: gated attention (Ilse et al., ICML 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

LEAST_SPREAD = 1e-3
"""An input that never varied in training is not blown up when it varies later."""


class SequenceKind(StrEnum):
    """What a slice learns from its neighbors: nothing (attention pools only), or a recurrent state."""

    ATTENTION = "attention"
    GRU = "gru"
    LSTM = "lstm"


@dataclass(frozen=True)
class SequenceOutput:
    """Hold the network's raw outputs.

    Args:
        slices: (batch, slices) logits.
        studies: (batch,) logits.
    """

    slices: Tensor
    studies: Tensor


class SliceSequence(nn.Module):
    """Read the slices of a volume together.

    Args:
        kind: What joins the slices.
        inputs: Numbers per slice; the first is the slice network's logit of the finding.
        hidden: Width of the embedding and of each direction of the recurrent state.
        dropout: On the embedding and on the joined features.
        input_dropout: On the standardized inputs.
        top: Slices whose mean logit gives the study its first logit.
    """

    def __init__(
        self,
        kind: SequenceKind,
        *,
        inputs: int,
        hidden: int = 32,
        dropout: float = 0.3,
        input_dropout: float = 0.1,
        top: int = 2,
    ) -> None:
        super().__init__()
        self.kind, self.top = SequenceKind(kind), top
        self.register_buffer("center", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        embed = [nn.Dropout(input_dropout), nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout)]
        self.embed = nn.Sequential(*embed)
        self.context, width = _context(self.kind, hidden)
        self.dropout = nn.Dropout(dropout)
        self.scale, self.shift = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))
        self.slice_head = _silent(nn.Linear(width, 1))
        self.value, self.gate, self.weight = nn.Linear(width, hidden), nn.Linear(width, hidden), nn.Linear(hidden, 1)
        self.study_head = _silent(nn.Linear(width, 1))

    @torch.no_grad()
    def standardize(self, features: Tensor) -> None:
        """Take the center and spread of the inputs from (slices, inputs) of training."""
        self.center.copy_(features.mean(0))
        self.spread.copy_(features.std(0).clamp(min=LEAST_SPREAD))

    def forward(self, x: Tensor, *, noise: float = 0.0) -> SequenceOutput:
        """Read a batch of volumes of equal length.

        Args:
            x: (batch, slices, inputs) as they come; standardized here.
            noise: Standard deviation of what is added to the standardized inputs, in training.
        """
        scaled = (x - self.center) / self.spread
        if noise > 0:
            scaled = scaled + noise * torch.randn_like(scaled)
        features = self.embed(scaled)
        if self.context is not None:
            features = self.context(features)[0]
        features = self.dropout(features)
        own = scaled[..., 0] * self.spread[0] + self.center[0]
        slices = self.scale * own + self.shift + self.slice_head(features).squeeze(-1)
        attention = self.weight(torch.tanh(self.value(features)) * torch.sigmoid(self.gate(features))).softmax(1)
        pooled = (attention * features).sum(1)
        highest = slices.topk(min(self.top, slices.shape[1]), dim=1).values.mean(1)
        return SequenceOutput(slices, highest + self.study_head(pooled).squeeze(-1))


def _context(kind: SequenceKind, hidden: int) -> tuple[nn.Module | None, int]:
    """Return what joins neighbors, and the width of what comes out."""
    if kind is SequenceKind.ATTENTION:
        return None, hidden
    layer = nn.GRU if kind is SequenceKind.GRU else nn.LSTM
    return layer(hidden, hidden, batch_first=True, bidirectional=True), 2 * hidden


def _silent(layer: nn.Linear) -> nn.Linear:
    """Let a layer add nothing at first."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
