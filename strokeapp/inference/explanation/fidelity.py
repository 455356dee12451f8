"""Ask whether attributions tell how the logit answers to changes, and hold still under small ones.

Source: Yeh et al., On the (in)fidelity and sensitivity of explanations (NeurIPS 2019), by Captum's functions.
"""

from __future__ import annotations

import numpy as np
import torch
from captum.metrics import infidelity, sensitivity_max
from numpy.typing import NDArray
from torch import Tensor, nn

from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.inference.explanation.registry import Method
from strokeapp.inference.explanation.seeding import SEED, seeded
from strokeapp.inference.explanation.target import FindingLogits, channel
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.performance.saliency import Score
from strokeapp.types import Finding

SQUARES = 16
SQUARE_SHARE = 1 / 6
"""Side of a smoothed-away square as a share of the picture's: 32 of 192 pixels."""
RADIUS = 0.02
"""Largest change of a pixel for sensitivity, in units of the network's input; 0.5 HU on CT."""
SAMPLES = 2


def infidelities(
    network: SliceNetwork,
    batch: Tensor,
    values: Tensor,
    finding: Finding,
    *,
    slope: bool = False,
    squares: int = SQUARES,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """Return (n,) infidelity under square removal; 0 is best.

    Attributions foretell the fall of the logit where a square is smoothed away: slopes by their product with the
    change, shares by their sum over the square (as Captum's ``multiply_by_inputs``). They are scaled to the best fit
    first (Captum's ``normalize``), for Grad-CAM has no unit.

    Args:
        network: In evaluation mode.
        batch: (n, 1, rows, columns) network input.
        values: (n, rows, columns) signed attributions.
        finding: That was explained.
        slope: As the method is registered.
        squares: Random squares per picture.
        seed: Of their places.
    """
    rng = np.random.default_rng(seed)

    def remove(pictures: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.from_numpy(_squares(len(pictures), pictures.shape[-1], rng))[:, None]
        change = mask * (pictures - references)
        return (change if slope else mask), pictures - change

    references = smoothed(batch)
    model = FindingLogits(network)
    with torch.no_grad():
        result = infidelity(
            model, remove, batch, values[:, None], baselines=references, target=channel(finding),
            n_perturb_samples=squares, max_examples_per_batch=squares, normalize=True,
        )  # fmt: skip
    return result.double().numpy()


def finding_probability(network: nn.Module, finding: Finding) -> Score:
    """Return a function that gives the uncalibrated probability of a finding, (n,), of (n, rows, columns) pictures.

    Args:
        network: In evaluation mode.
        finding: That is read.
    """
    model = FindingLogits(network)

    @torch.no_grad()
    def score(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
        batch = torch.from_numpy(np.ascontiguousarray(pictures[:, None]))
        return model(batch)[:, channel(finding)].sigmoid().double().numpy()

    return score


def _squares(count: int, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    width = max(1, round(SQUARE_SHARE * side))
    row, column = rng.integers(0, side - width + 1, (2, count, 1))
    axis = np.arange(side)
    inside = [(axis >= first) & (axis < first + width) for first in (row, column)]
    return (inside[0][:, :, None] & inside[1][:, None, :]).astype(np.float32)


def sensitivities(
    network: SliceNetwork,
    batch: Tensor,
    method: Method,
    finding: Finding,
    *,
    radius: float = RADIUS,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """Return (n,) largest relative change of the attribution under small noise; 0 is best.

    Args:
        network: In evaluation mode.
        batch: (n, 1, rows, columns) network input.
        method: To be judged.
        finding: To be explained.
        radius: Largest change of a pixel, in units of the network's input.
        samples: Noisy copies per picture.
        seed: Of the noise.
    """
    with seeded(seed):
        result = sensitivity_max(
            lambda pictures: (method.attribute(network, pictures[0], finding)[:, None],),
            (batch,),
            perturb_radius=radius,
            n_perturb_samples=samples,
        )
    return result.double().numpy()
