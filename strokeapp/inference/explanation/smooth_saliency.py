"""Saliency under noise (SmoothGrad): the gradient's magnitude, averaged over noisy copies of the slice.

Source: Simonyan et al., Deep inside convolutional networks (2013); Smilkov et al., SmoothGrad (2017).
"""

from __future__ import annotations

from captum.attr import NoiseTunnel, Saliency
from torch import Tensor

from strokeapp.inference.explanation.seeding import SEED, seeded
from strokeapp.inference.explanation.target import FindingLogits, channel, fast_view, in_pieces
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Finding

SAMPLES = 16
NOISE = 0.15
"""Standard deviation in units of the network's input; 3.6 HU on CT, about the noise of a scan."""


def attribute(
    network: SliceNetwork, batch: Tensor, finding: Finding, *, samples: int = SAMPLES, seed: int = SEED
) -> Tensor:
    """Return (n, rows, columns) attribution, not negative.

    Slices are explained one by one, the noisy copies of each together, so that every slice gets the same noise
    whatever stands beside it.

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        samples: Noisy copies per slice.
        seed: Of the noise.
    """
    method = NoiseTunnel(Saliency(FindingLogits(fast_view(network))))

    def one(piece: Tensor) -> Tensor:
        with seeded(seed):
            return method.attribute(
                piece, nt_type="smoothgrad", nt_samples=samples, stdevs=NOISE, target=channel(finding), abs=True
            )

    return in_pieces(one, batch, size=1)
