"""Deconvolve tissue curves by the arterial curve of a bolus.

Block-circulant deconvolution is insensitive to a delay between artery and tissue; its singular values are the moduli of
the arterial curve's Fourier coefficients, so that it is done by Fourier transforms. Each curve is regularized as little
as its oscillation allows.

Source: Wu O, Østergaard L, Weisskoff RM, et al. Tracer arrival timing-insensitive technique for estimating flow in MR
perfusion-weighted imaging using singular value decomposition with a block-circulant deconvolution matrix. Magnetic
Resonance in Medicine 2003;50:164-174.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strokeapp.errors import PerfusionError

MOST_OSCILLATION = 0.095
"""Of a residue function; Wu et al. found it best for perfusion at a signal-to-noise ratio of 20 and above."""
CUTS = np.arange(0.01, 0.96, 0.01)
"""Shares of the largest singular value below which singular values are left out. None is kept below a hundredth: even
without noise, what a curve cut off at its end leaves there is blown up to a bolus of its own."""
PER_MINUTE = 60.0
PER_100 = 100.0


@dataclass(frozen=True)
class Perfusion:
    """Hold what tissue curves say, one number per curve.

    Args:
        cbf: Blood flow, ml per 100 ml of tissue and minute.
        cbv: Blood volume, ml per 100 ml of tissue.
        mtt_s: Mean transit time, cbv / cbf, in seconds.
        tmax_s: Time to the peak of the residue function in seconds: the delay behind the arterial curve.
    """

    cbf: NDArray[np.float64]
    cbv: NDArray[np.float64]
    mtt_s: NDArray[np.float64]
    tmax_s: NDArray[np.float64]


def residues(
    tissue: ArrayLike, artery: ArrayLike, step_s: float, *, most_oscillation: float = MOST_OSCILLATION
) -> NDArray[np.float64]:
    """Return the flow-scaled residue function of every tissue curve, in 1/s.

    Args:
        tissue: (curves, times) concentration of tracer, any unit; the first samples lie before the bolus.
        artery: (times,) concentration in the artery, same unit.
        step_s: Between samples.
        most_oscillation: The least regularized function that oscillates no more is taken.

    Returns:
        (curves, 2 × times): the second half belongs to tissue that the bolus reached before the artery measured.

    Raises:
        PerfusionError: Shapes do not fit, values are not finite, or the artery shows no bolus.
    """
    return _residues(*_checked(tissue, artery, step_s), step_s, most_oscillation)


def _residues(
    tissue: NDArray[np.float64], artery: NDArray[np.float64], step_s: float, most_oscillation: float
) -> NDArray[np.float64]:
    length = 2 * tissue.shape[1]
    arterial, measured = np.fft.rfft(artery, length), np.fft.rfft(tissue, length, axis=1)
    strength = np.abs(arterial)
    found = np.zeros((len(tissue), length))
    waiting = np.ones(len(tissue), bool)
    for cut in CUTS:
        kept = strength > cut * strength.max()
        spectrum = np.where(kept, measured[waiting] / np.where(kept, arterial, 1), 0)
        tried = np.fft.irfft(spectrum, length, axis=1) / step_s
        calm = oscillation(tried) <= most_oscillation
        found[waiting] = tried  # the most regularized one stands where none is calm
        waiting[np.flatnonzero(waiting)[calm]] = False
        if not waiting.any():
            break
    return found


def oscillation(residue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Wu's oscillation index of functions (curves, times): mean absolute second difference over the peak."""
    peak = residue.max(1)
    bend = np.abs(np.diff(residue, 2, axis=1)).sum(1) / residue.shape[1]
    return np.divide(bend, peak, out=np.full(len(residue), np.inf), where=peak > 0)


def perfusion(tissue: ArrayLike, artery: ArrayLike, step_s: float, *, hematocrit_density: float = 1.0) -> Perfusion:
    """Return flow, volume and transit times of tissue curves.

    Args:
        tissue, artery, step_s: See ``residues``.
        hematocrit_density: Factor for the hematocrits of large and small vessels and the tissue's density (often
            0.73 / 1.04 ml/g, then per 100 g); 1 where curves are concentrations in whole volumes already.

    Raises:
        PerfusionError: As ``residues``.
    """
    tissue, artery = _checked(tissue, artery, step_s)
    functions = _residues(tissue, artery, step_s, MOST_OSCILLATION)
    cbf = np.maximum(functions.max(1), 0) * PER_MINUTE * PER_100 * hematocrit_density
    cbv = np.maximum(tissue.sum(1) / artery.sum(), 0) * PER_100 * hematocrit_density
    transit = np.divide(cbv * PER_MINUTE, cbf, out=np.full(len(cbf), np.nan), where=cbf > 0)
    delay = functions.argmax(1).astype(np.float64)
    delay[delay >= tissue.shape[1]] -= functions.shape[1]  # before the artery
    return Perfusion(cbf, cbv, transit, delay * step_s)


def _checked(tissue: ArrayLike, artery: ArrayLike, step_s: float) -> tuple[NDArray, NDArray]:
    tissue, artery = np.atleast_2d(np.asarray(tissue, np.float64)), np.asarray(artery, np.float64)
    if artery.ndim != 1 or tissue.ndim != 2 or tissue.shape[1] != len(artery) or len(artery) < 3:
        raise PerfusionError("Tissue and arterial curves must have the same number of times, three at least.")
    if not (np.isfinite(tissue).all() and np.isfinite(artery).all() and np.isfinite(step_s) and step_s > 0):
        raise PerfusionError("Curves and the time between samples must be finite numbers, and that time above zero.")
    if artery.sum() <= 0 or artery.max() <= 0:
        raise PerfusionError("The arterial curve shows no bolus. Choose another artery.")
    return tissue, artery
