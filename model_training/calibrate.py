"""Fit calibration and choose operating points from out-of-fold logits."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from model_training.manifest import slice_positions, volume_names
from strokeapp.inference.neighbors import with_neighbors
from strokeapp.inference.pooling import study_logit
from strokeapp.inference.slices import sigmoid
from strokeapp.models.registry import FindingSettings
from strokeapp.performance.threshold import choose_operating_points
from strokeapp.types import Finding

STORED_DECIMALS = 6
"""Probabilities are stored so; a threshold finer than that would miss the very image it was taken from."""

LEAST_STUDIES = 5
"""Of either kind; with fewer whole volumes studies are simulated from single slices."""


@dataclass(frozen=True)
class Calibration:
    """Turn a logit z into a probability: sigmoid(z / temperature + shift).

    Source: Platt scaling; with shift 0 it is Guo et al.'s temperature scaling (ICML 2017).
    """

    temperature: float
    shift: float

    def __call__(self, logits: NDArray) -> NDArray[np.float64]:
        """Return probabilities of the same shape."""
        return sigmoid(np.asarray(logits, np.float64) / self.temperature + self.shift)


def fit_calibration(logits: NDArray, labels: NDArray, *, least_temperature: float = 0.2) -> Calibration:
    """Return the calibration of the highest likelihood.

    Args:
        logits, labels: (n,) labels 1 or 0, both present.
        least_temperature: Keeps separable samples from giving infinitely steep curves.
    """
    z, y = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    # Platt's smoothed targets keep a few positives from being fitted as certain.
    positive, negative = y.sum(), (1 - y).sum()
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: NDArray) -> float:
        u = z * parameters[0] + parameters[1]
        return float(np.mean(np.logaddexp(0, u) - target * u))

    found = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 1 / least_temperature), (-20, 20)])
    return Calibration(float(1 / found.x[0]), float(found.x[1]))


def study_table(table: pd.DataFrame, finding: Finding, logits: NDArray, *, least_slices: int = 3) -> pd.DataFrame:
    """Pool the slices of every patient with a volume.

    Args:
        table: Rows with dataset, group and the finding's labels.
        finding: Which label.
        logits: (rows,) out-of-fold.
        least_slices: Patients with fewer images have no volume to pool.

    Returns:
        Columns logit, label; a patient is positive if any slice is, negative only if no slice is positive and
        at least one is known.
    """
    rows = table.assign(logit=logits)
    studies = []
    for _, part in rows.groupby(["dataset", "group"], sort=True):
        label = part[finding.value].max()
        if len(part) >= least_slices and not np.isnan(label):
            studies.append({"logit": study_logit(part["logit"].to_numpy()), "label": label})
    return pd.DataFrame(studies, columns=["logit", "label"])


def simulated_studies(
    logits: NDArray, labels: NDArray, *, slices: int = 20, lesion_slices: int = 3, studies: int = 1000, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make up studies out of single slices of many patients, where no whole volumes are labelled.

    A study is judged by its highest slices, and the highest of twenty lesion-free slices is higher than one; a
    study judged at the slices' own operating point would be flagged nearly always. Half of the studies are
    lesion-free slices only; in the others one lesion's logit stands on a few of them.

    Args:
        logits, labels: (n,) of slices, both labels present.
        slices: In a study.
        lesion_slices: Of them, in a study with a lesion.
        studies: How many.
        seed: Of the draws.

    Returns:
        Pooled logits and labels, (studies,).
    """
    rng = np.random.default_rng(seed)
    drawn = rng.choice(np.asarray(logits, np.float64)[labels == 0], (studies, slices))
    truth = (np.arange(studies) % 2).astype(np.float64)
    lesions = rng.choice(np.asarray(logits, np.float64)[labels == 1], int(truth.sum()))
    drawn[truth == 1, :lesion_slices] = lesions[:, None]
    return np.array([study_logit(row) for row in drawn]), truth


def heard(table: pd.DataFrame, logits: NDArray, weight: float) -> NDArray[np.float64]:
    """Return logits in which a slice has heard its neighbors of the same volume, as the app reads them.

    Args:
        table: Rows with dataset, patient, modality, sequence and slice (empty: not part of a volume).
        logits: (rows,) of one finding.
        weight: Of a neighbor beside the slice's own 1.
    """
    if weight == 0:
        return np.asarray(logits, np.float64)
    return with_neighbors(logits, slice_positions(table), weight=weight, volumes=volume_names(table))


def _points(labels: NDArray, probabilities: NDArray) -> dict[str, float]:
    return asdict(choose_operating_points(labels.astype(int), np.round(probabilities, STORED_DECIMALS)))


def settle(
    table: pd.DataFrame,
    finding: Finding,
    logits: NDArray,
    *,
    neighbor_weight: float = 0.0,
    neighbor_reach_mm: float | None = None,
) -> FindingSettings:
    """Return calibration and operating points of one finding, for slices and for studies.

    Args:
        table: Rows of the inner folds (not the external datasets).
        finding: Which.
        logits: (rows,) out-of-fold, without neighbors.
        neighbor_weight: See ``heard``.
        neighbor_reach_mm: Kept for the reader of volumes; manifests hold no distances.
    """
    single = heard(table, logits, neighbor_weight)
    known = table[finding.value].notna().to_numpy()
    labels = table.loc[known, finding.value].to_numpy()
    slices = fit_calibration(single[known], labels)
    studies = study_table(table, finding, single)
    pooled, truth = studies["logit"].to_numpy(), studies["label"].to_numpy()
    if min((truth == 1).sum(), (truth == 0).sum()) < LEAST_STUDIES:
        pooled, truth = simulated_studies(single[known], labels)
    whole = fit_calibration(pooled, truth)
    return FindingSettings(
        temperature=slices.temperature,
        shift=slices.shift,
        operating_points=_points(labels, slices(single[known])),
        study_temperature=whole.temperature,
        study_shift=whole.shift,
        study_operating_points=_points(truth, whole(pooled)),
        neighbor_weight=neighbor_weight,
        neighbor_reach_mm=neighbor_reach_mm,
    )
