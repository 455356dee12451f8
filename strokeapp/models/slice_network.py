"""Define the slice network: one picture in, two findings, hemorrhage subtypes and lesion maps out.

A U-Net (Ronneberger 2015) over EfficientNet-Lite0 or another backbone. The probability of a finding comes
from the brightest places of its lesion map (multiple-instance pooling), so that a slice is judged by a place
in it and not by the look of its scanner; for hemorrhage, whose places are known for one source only, a pooled
classifier is averaged in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from strokeapp.models.backbones import LITE0, build_encoder
from strokeapp.types import SUBTYPES, Finding

FINDINGS = (Finding.HEMORRHAGIC, Finding.ISCHEMIC)
DECODER_CHANNELS = (96, 64, 48, 32)
FAMILIAR_LEVELS = (-3, -2)
"""Levels of the encoder, at strides 8 and 16, by whose means a slice is told from what a network learnt from. The
deepest level has learnt to see past how a picture looks; these still tell."""


@dataclass(frozen=True)
class SliceOutput:
    """Hold the network's raw outputs.

    Args:
        findings: (batch, 2) logits in the order of ``FINDINGS``.
        map_findings: (batch, 2) the part of them that the lesion maps give.
        subtypes: (batch, 5) logits in the order of ``SUBTYPES``.
        maps: (batch, 2, rows / 2, columns / 2) lesion logits.
        embedding: (batch, channels) means of the levels in ``FAMILIAR_LEVELS``, by which familiarity is judged; 152
            channels for EfficientNet-Lite0.
    """

    findings: Tensor
    map_findings: Tensor
    subtypes: Tensor
    maps: Tensor
    embedding: Tensor


class _Up(nn.Module):
    """Double the grid, join the skip, mix with one separable and one pointwise convolution."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(inputs + skip, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 5, padding=2, groups=outputs, bias=False),
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, size=skip.shape[-2:], mode="nearest")
        return self.mix(torch.cat([x, skip], dim=1))


class SliceNetwork(nn.Module):
    """Read one slice.

    Args:
        pooled: Findings into which the pooled classifier is averaged.
        top_share: Share of the lesion map whose mean gives the slice its logit.
        dropout: Before the pooled classifier.
        backbone: Of the encoder, see ``strokeapp.models.backbones``.

    Raises:
        ModelError: There is no such backbone.
    """

    def __init__(
        self,
        *,
        pooled: tuple[str, ...] = ("hemorrhagic",),
        top_share: float = 0.0045,
        dropout: float = 0.3,
        backbone: str = LITE0,
    ) -> None:
        super().__init__()
        self.encoder, channels = build_encoder(backbone)
        skips = channels[-2::-1]
        inputs = (channels[-1], *DECODER_CHANNELS[:-1])
        self.decoder = nn.ModuleList(_Up(i, s, o) for i, s, o in zip(inputs, skips, DECODER_CHANNELS, strict=True))
        self.lesion_head = nn.Conv2d(DECODER_CHANNELS[-1], len(FINDINGS), 1)
        nn.init.constant_(self.lesion_head.bias, -3.0)
        self.pool_scale = nn.Parameter(torch.ones(len(FINDINGS)))
        self.pool_shift = nn.Parameter(torch.full((len(FINDINGS),), 1.0))
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels[-1] * 2, len(FINDINGS) + len(SUBTYPES))
        self.top_share = top_share
        weight = torch.tensor([0.5 if finding.value in pooled else 0.0 for finding in FINDINGS])
        self.register_buffer("pooled_weight", weight, persistent=False)

    def forward(self, x: Tensor) -> SliceOutput:
        """Read a batch.

        Args:
            x: (batch, 1, rows, columns) network input as ``strokeapp.imaging`` makes it; sides divisible by 32.
        """
        pyramid, features = self.decoded(x)
        return self.judged(pyramid, self.lesion_head(features))

    def judged(self, pyramid: Sequence[Tensor], maps: Tensor) -> SliceOutput:
        """Return all outputs from the encoder's features, of strides 8 to 32 at least, and the lesion maps."""
        from_map = self.pool_scale * self._top_mean(maps) + self.pool_shift
        deepest = pyramid[-1]
        pooled = torch.cat([deepest.mean((2, 3)), deepest.amax((2, 3))], dim=1)
        logits = self.classifier(self.dropout(pooled))
        weight = self.pooled_weight
        findings = (1 - weight) * from_map + weight * logits[:, : len(FINDINGS)]
        embedding = torch.cat([pyramid[level].mean((2, 3)) for level in FAMILIAR_LEVELS], dim=1)
        return SliceOutput(findings, from_map, logits[:, len(FINDINGS) :], maps, embedding)

    def decoded(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the encoder's features, finest first, and the decoder's at stride 2."""
        pyramid = self.encoder(x.expand(-1, 3, -1, -1))
        features = pyramid[-1]
        for stage, skip in zip(self.decoder, pyramid[-2::-1], strict=True):
            features = stage(features, skip)
        return pyramid, features

    def _top_mean(self, maps: Tensor) -> Tensor:
        flat = maps.flatten(2)
        count = max(1, round(flat.shape[-1] * self.top_share))
        return flat.topk(count, dim=-1, sorted=False).values.mean(-1)
