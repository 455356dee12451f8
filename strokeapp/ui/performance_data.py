"""Compute and keep the figures of the performance page, so that moving the threshold is instant.

Every cache is bounded and keyed by the table's path and time of writing, never by its content. Tables and samples
are shared between sessions, not copied: nobody may write into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from scipy.special import expit

from strokeapp.errors import PerformanceError
from strokeapp.inference.pooling import study_logit
from strokeapp.performance.calibration_change import Calibrated, judge_calibration, own_logits, undo_calibration
from strokeapp.performance.curves import precision_recall_curve, roc_curve
from strokeapp.performance.intervals import precision_recall_band, roc_band
from strokeapp.performance.paper import paper_figures
from strokeapp.performance.predictions import Sample, known, known_rows, read_predictions, study_level
from strokeapp.performance.subgroups import subgroups_of
from strokeapp.performance.summary import ALL, counts, ranking_figures, threshold_figures
from strokeapp.performance.threshold import choose_operating_points
from strokeapp.types import Finding

PER_IMAGE, PER_PATIENT = "image", "patient"
BAND_GRID = np.linspace(0, 1, 101)
FILE_NAMES = ("predictions.csv", "predictions.csv.gz")


class Network(Protocol):
    """Name what the page asks of an installed network's card."""

    name: str
    version: str
    title: str
    folder: Path
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class StudyPooling:
    """Pool a patient's image probabilities into the probability that a reading of the study would give.

    Args:
        temperature: Calibration of an image's logit z: p = expit(z / temperature + shift).
        shift: Of the same.
        study_temperature: Calibration of the pooled logit.
        study_shift: Of the same.
        raw: Give what the network's own logits say, both calibrations left out.
    """

    temperature: float
    shift: float
    study_temperature: float
    study_shift: float
    raw: bool = False

    def __call__(self, probabilities: pd.Series) -> float:
        """Return the study's probability; a single image keeps its own, as in a reading."""
        values = probabilities.to_numpy(np.float64)
        if values.size == 1 and not self.raw:
            return float(values[0])
        logits = own_logits(values, temperature=self.temperature, shift=self.shift)
        if self.raw:
            return float(expit(logits[0] if values.size == 1 else study_logit(logits)))
        return float(expit(study_logit(logits) / self.study_temperature + self.study_shift))


@dataclass(frozen=True)
class Source:
    """Point to a table of predictions; hashable, so that it can key a cache.

    Args:
        path: Of the table.
        written: Time of its last change, in nanoseconds.
        poolings: Per finding for which the network's card tells how a study is judged.
    """

    path: str
    written: int
    poolings: tuple[tuple[str, StudyPooling], ...] = ()

    def pooling(self, finding: Finding) -> StudyPooling | None:
        """Return how a study is judged for a finding, or None where the card does not tell."""
        return dict(self.poolings).get(finding.value)

    def uncalibrated(self) -> Source:
        """Return the same table, its studies judged by the network's own logits."""
        return replace(self, poolings=tuple((name, replace(pooling, raw=True)) for name, pooling in self.poolings))


@dataclass(frozen=True)
class Choice:
    """Hold what the reader of the page has chosen, apart from the threshold."""

    finding: Finding
    dataset: str = ALL
    unit: str = PER_IMAGE
    presumed: bool = True
    subgroup: str = ALL


def source_of(network: Network) -> Source:
    """Find a network's table of predictions.

    Raises:
        PerformanceError: There is none in its folder.
    """
    for name in FILE_NAMES:
        path = Path(network.folder) / name
        if path.is_file():
            return Source(str(path), path.stat().st_mtime_ns, _poolings(network))
    message = f"No stored predictions were found beside {network.title}. Install it again, with its predictions."
    raise PerformanceError(message, code="predictions_missing")


def _poolings(network: Network) -> tuple[tuple[str, StudyPooling], ...]:
    names = ("temperature", "shift", "study_temperature", "study_shift")
    entries = network.raw.get("findings", {}).items()
    told = [(finding, entry) for finding, entry in entries if all(name in entry for name in names)]
    return tuple((str(finding), StudyPooling(*(float(entry[name]) for name in names))) for finding, entry in told)


@st.cache_resource(max_entries=8, show_spinner="Reading predictions …")
def table_of(source: Source) -> pd.DataFrame:
    """Read the table of predictions; see ``read_predictions``."""
    return read_predictions(source.path)


@st.cache_resource(max_entries=16, show_spinner=False)
def pooled_table(source: Source, finding: Finding) -> pd.DataFrame:
    """Return one row per patient, judged as a reading would, else by the highest image; see ``study_level``."""
    return study_level(table_of(source), finding, pool=source.pooling(finding) or "max")


@st.cache_resource(max_entries=64, show_spinner=False)
def sample_of(source: Source, choice: Choice) -> Sample:
    """Return labels, scores and patients of what is chosen; the arrays are read-only."""
    per_patient = choice.unit == PER_PATIENT
    sample = known(rows_of(source, choice, pooled=per_patient), choice.finding, presumed=choice.presumed)
    for array in sample:
        array.flags.writeable = False
    return sample


def rows_of(source: Source, choice: Choice, *, pooled: bool = False) -> pd.DataFrame:
    """Return the rows of the chosen dataset, one per image or, pooled, one per patient."""
    if choice.subgroup != ALL:
        table = _subgroup_rows(table_of(source), choice)
        table = study_level(table, choice.finding, pool=source.pooling(choice.finding) or "max") if pooled else table
    else:
        table = pooled_table(source, choice.finding) if pooled else table_of(source)
    return table if choice.dataset == ALL else table[table["dataset"] == choice.dataset]


def _subgroup_rows(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    usable = table[known_rows(table, choice.finding)].reset_index(drop=True)
    chosen = [group.rows for group in subgroups_of(usable, choice.finding) if _subgroup_name(group) == choice.subgroup]
    return usable[chosen[0]] if chosen else usable.iloc[:0]


def _subgroup_name(group: Any) -> str:
    return f"{group.attribute}: {group.group}".capitalize()


@st.cache_data(max_entries=32, show_spinner=False)
def subgroups_in(source: Source, finding: Finding, dataset: str, unit: str) -> tuple[str, ...]:
    """Return the subgroups of a dataset by name; for patients only those that do not describe a lesion."""
    table = rows_of(source, Choice(finding, dataset))
    usable = table[known_rows(table, finding)].reset_index(drop=True)
    groups = [group for group in subgroups_of(usable, finding) if group.attribute != "source"]
    return tuple(_subgroup_name(group) for group in groups if unit == PER_IMAGE or not group.positives_only)


@st.cache_data(max_entries=16, show_spinner="Drawing curves …")
def precision_band_of(source: Source, choice: Choice) -> tuple[NDArray, NDArray, NDArray]:
    """Return recalls and the lower and upper precision there; see ``precision_recall_band``."""
    grid = BAND_GRID[1:]
    return (grid, *precision_recall_band(*sample_of(source, choice), grid=grid))


@st.cache_data(max_entries=64, show_spinner="Computing intervals …")
def ranking_of(source: Source, choice: Choice) -> dict[str, float]:
    """Return AUC and average precision with intervals; nan where there is one class only."""
    return ranking_figures(sample_of(source, choice))


@st.cache_data(max_entries=16, show_spinner="Drawing curves …")
def curves_of(source: Source, choice: Choice) -> tuple[Any, Any, tuple[NDArray, NDArray, NDArray]]:
    """Return the ROC curve, the precision-recall curve, and the band (grid, low, high) of the first.

    Raises:
        PerformanceError: There is one class only.
    """
    labels, scores, patients = sample_of(source, choice)
    band = roc_band(labels, scores, patients, grid=BAND_GRID)
    return roc_curve(labels, scores), precision_recall_curve(labels, scores), (BAND_GRID, *band)


@st.cache_data(max_entries=256, show_spinner=False)
def figures_of(source: Source, choice: Choice, threshold: float) -> dict[str, float]:
    """Return counts and every figure of a selection at a threshold."""
    sample = sample_of(source, choice)
    return {**counts(sample), **ranking_of(source, choice), **threshold_figures(sample, threshold)}


def dataset_table(source: Source, choice: Choice, threshold: float) -> pd.DataFrame:
    """Return one row of figures per dataset, all of them first, whatever dataset is chosen."""
    datasets = datasets_of(source, choice.finding)
    names = (ALL, *datasets) if len(datasets) > 1 else datasets
    rows = []
    for name in names:
        figures = figures_of(source, replace(choice, dataset=name), threshold)
        if figures["images"]:
            rows.append({"dataset": name, **figures})
    return pd.DataFrame(rows)


def subgroup_figures(source: Source, choice: Choice, threshold: float) -> pd.DataFrame:
    """Return one row of figures per subgroup of the chosen dataset.

    Groups by what describes a lesion share their negatives, so they have no specificity of their own; subgroups in
    which the finding is known of nobody are left out.
    """
    rows = []
    for name in subgroups_in(source, choice.finding, choice.dataset, choice.unit):
        figures = figures_of(source, replace(choice, subgroup=name), threshold)
        if figures["images"]:
            shared = name.lower().startswith(("subtype", "lesion size"))
            hidden = {key: float("nan") for key in figures if shared and key.startswith("specificity")}
            rows.append({"subgroup": name, **figures, **hidden})
    return pd.DataFrame(rows)


@st.cache_data(max_entries=32, show_spinner="Judging the calibration …")
def calibration_of(source: Source, choice: Choice) -> tuple[Calibrated | None, Calibrated]:
    """Return the calibration before (None where the card does not tell how to undo it) and after."""
    labels, scores, patients = sample_of(source, choice)
    after, pooling = judge_calibration(labels, scores, patients), source.pooling(choice.finding)
    if pooling is None:
        return None, after
    if choice.unit == PER_PATIENT:
        before = sample_of(source.uncalibrated(), choice).scores
    else:
        before = undo_calibration(scores, temperature=pooling.temperature, shift=pooling.shift)
    return judge_calibration(labels, before, patients), after


@st.cache_data(max_entries=8, show_spinner="Computing the table …")
def paper_of(source: Source, thresholds: tuple[tuple[str, float], ...]) -> pd.DataFrame:
    """Return the paper's figures beside ours, over all datasets; see ``paper_figures``.

    Args:
        source: Of the predictions.
        thresholds: Shipped operating point per finding.
    """
    return paper_figures(table_of(source), dict(thresholds))


@st.cache_data(max_entries=16, show_spinner=False)
def datasets_of(source: Source, finding: Finding) -> tuple[str, ...]:
    """Return the datasets that can say something of a finding."""
    table = table_of(source)
    rows = table[table[finding.value].notna() & table[f"{finding.value}_probability"].notna()]
    return tuple(sorted(rows["dataset"].unique()))


def findings_of(source: Source) -> tuple[Finding, ...]:
    """Return the findings that have at least one label and probability."""
    return tuple(finding for finding in Finding if datasets_of(source, finding))


def operating_points_of(
    network: Network, source: Source, finding: Finding, *, unit: str = PER_IMAGE
) -> dict[str, float]:
    """Return the network's operating points by name, the one in use first.

    Those on its card, for patients the study's where it has them; where the card names none they are chosen from
    the predictions.
    """
    prefix = "study_" if unit == PER_PATIENT and source.pooling(finding) else ""
    entry = dict(network.raw.get("findings", {}).get(finding.value, {}))
    points = {str(name): float(value) for name, value in dict(entry.get(f"{prefix}operating_points", {})).items()}
    if not points:
        labels, scores, _ = sample_of(source, Choice(finding, unit=unit))
        two_classes = bool(labels.any() and not labels.all())
        points = asdict(choose_operating_points(labels, scores)) if two_classes else {"balanced": 0.5}
    in_use = float(entry.get(f"{prefix}threshold", points.get("balanced", 0.5)))
    names = {name: value for name, value in points.items() if value != in_use}
    same = next((name for name, value in points.items() if value == in_use), "in_use")
    return {same: in_use, **names}


def stored_threshold(network: Network, source: Source, finding: Finding) -> float:
    """Return the stored threshold on an image's probability."""
    return next(iter(operating_points_of(network, source, finding).values()))


def stored_thresholds(network: Network, source: Source) -> tuple[tuple[str, float], ...]:
    """Return the stored threshold of every finding of the table."""
    return tuple((finding.value, stored_threshold(network, source, finding)) for finding in findings_of(source))
