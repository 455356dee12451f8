"""Hold a network's measured figures beside the goals that were set for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from model_training.calibrate import study_table
from model_training.experiments import LEFT_OUT
from strokeapp.models.registry import Card, FindingSettings
from strokeapp.performance.calibration_change import own_logits
from strokeapp.performance.crossed import CHOSEN_ELSEWHERE, CHOSEN_HERE, EXTERNAL, crossed
from strokeapp.performance.curves import auc
from strokeapp.performance.intervals import RESAMPLES, UNDEFINED, Interval, bootstrap_interval, weighted_auc
from strokeapp.performance.paper import PAPER
from strokeapp.performance.predictions import Sample, known, known_rows, patient_groups
from strokeapp.performance.prevalence import predictive_values
from strokeapp.performance.subgroups import LESION_PIXELS, mean_interval
from strokeapp.performance.summary import ALL, NAN, summarize
from strokeapp.performance.threshold import confusion
from strokeapp.types import Finding, Sequence

VOLUME_SLICES = 3
"""Images from which a patient counts as a volume, where the predictions do not tell slice numbers."""
LEAST_LESION = 50
"""Pixels; the goal for lesion overlap on FLAIR counts lesions of this size and over."""


@dataclass(frozen=True)
class Measured:
    """Hold one figure; nan where it could not be measured, and then ``note`` says why.

    Args:
        value: The figure.
        interval: 95 %, by resampling patients unless the note says otherwise.
        n: Images, or studies.
    """

    value: float
    interval: Interval = UNDEFINED
    n: int = 0
    note: str = ""


@dataclass(frozen=True)
class GoalRow:
    """Set one figure beside its goal.

    Args:
        what: In words.
        goal: Target; None where the figure is only reported.
        measured: The figure.
        at_most: The target is not to be exceeded, instead of to be reached.
        strictly: The target itself is not enough.
    """

    what: str
    goal: float | None
    measured: Measured
    at_most: bool = False
    strictly: bool = False

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is met by the figure itself; None where there is no goal or no figure."""
        if self.goal is None or np.isnan(self.measured.value):
            return None
        gain = float((self.goal - self.measured.value) if self.at_most else (self.measured.value - self.goal))
        return gain > 0 if self.strictly else gain >= 0

    def record(self) -> dict[str, Any]:
        """Return plain values; nan is None."""
        low, high = (float(end) if np.isfinite(end) else None for end in self.measured.interval)
        value = None if np.isnan(self.measured.value) else float(self.measured.value)
        rule = (
            ("at most" if self.at_most else "above" if self.strictly else "at least") if self.goal is not None else ""
        )
        return {
            "what": self.what, "rule": rule, "goal": self.goal, "value": value, "low": low, "high": high,
            "n": self.measured.n, "met": self.met, "note": self.measured.note,
        }  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """Hold what the figures are computed from.

    Args:
        card: Of the network, completed.
        table: Its stored predictions.
        n: Resamples of patients.
    """

    card: Card
    table: pd.DataFrame
    n: int = field(default=RESAMPLES)

    @property
    def shipped(self) -> dict[Finding, float]:
        """Return the card's operating point of every finding, which was chosen on these same predictions."""
        return {finding: settings.threshold for finding, settings in self.card.findings.items()}

    @cached_property
    def figures(self) -> pd.DataFrame:
        """Return all figures, over all datasets and per dataset, at operating points chosen on the other folds."""
        return summarize(self.table, crossed(self.table, self.shipped), n=self.n)

    def area(self, sample: Sample) -> Measured:
        """Return the AUC of a sample with its interval."""
        if not sample.two_classes:
            return Measured(NAN, n=sample.labels.size, note="one class only")
        ends = bootstrap_interval(weighted_auc, *sample, n=self.n)
        return Measured(auc(sample.labels, sample.scores), ends, sample.labels.size)

    def overlap(self, rows: pd.DataFrame) -> Measured:
        """Return the mean lesion Dice of the rows with a drawn lesion."""
        drawn = rows[rows["lesion_dice"].notna()]
        if drawn.empty:
            return Measured(NAN, note="no drawn lesion")
        ends = mean_interval(drawn["lesion_dice"], patient_groups(drawn), n=self.n)
        return Measured(float(drawn["lesion_dice"].mean()), ends, len(drawn))

    def of(self, dataset: str) -> pd.DataFrame:
        """Return the rows of one dataset."""
        return self.table[self.table["dataset"] == dataset]


def goal_rows(evidence: Evidence) -> list[GoalRow]:
    """Return the goals that apply to a network, in the order they were set, each with its figure."""
    makers: dict[str, Callable[[Evidence], Iterator[GoalRow]]] = {
        Sequence.NCCT.value: _ct_goals, Sequence.FLAIR.value: _flair_goals, Sequence.DWI.value: _dwi_goals,
    }  # fmt: skip
    rows = [row for name, maker in makers.items() if name in evidence.card.raw["sequences"] for row in maker(evidence)]
    return [*rows, *_paper_goals(evidence), *_calibration_goals(evidence)]


def _ct_goals(evidence: Evidence) -> Iterator[GoalRow]:
    bleed, infarct = Finding.HEMORRHAGIC, Finding.ISCHEMIC
    if bleed in evidence.card.findings:
        sets = {"ct_ich": 0.96, "head_ct_200": 0.97, "phe_sich": 0.995}
        for name, goal in sets.items():
            yield GoalRow(f"hemorrhage per slice, {name}: AUC", goal, evidence.area(known(evidence.of(name), bleed)))
        yield GoalRow("hemorrhage per study, ct_ich: AUC", 0.97, _studies(evidence, "ct_ich", bleed))
        for name in sets:
            yield GoalRow(f"hemorrhage, {name} left out of training: AUC", 0.93, _left_out(evidence, bleed, name))
    if infarct in evidence.card.findings:
        yield GoalRow("infarct per slice, by session: AUC", 0.97, evidence.area(known(evidence.table, infarct)))
        yield GoalRow("infarct, teknofest: lesion Dice", 0.60, evidence.overlap(evidence.of("teknofest")))
        yield GoalRow("infarct, aisd unseen, against lesion-free CT: AUC", 0.93, _unseen_infarcts(evidence))


def _flair_goals(evidence: Evidence) -> Iterator[GoalRow]:
    rows = evidence.of("soop_flair")
    yield GoalRow("infarct on FLAIR, soop_flair: AUC", 0.92, evidence.area(known(rows, Finding.ISCHEMIC)))
    if LESION_PIXELS in rows:
        large = rows[pd.to_numeric(rows[LESION_PIXELS], errors="coerce") >= LEAST_LESION]
        overlap = evidence.overlap(large)
    else:
        overlap = Measured(NAN, note="lesion sizes are not stored; run the card command with --manifest")
    yield GoalRow(f"infarct on FLAIR, lesions of {LEAST_LESION} pixels and over: lesion Dice", 0.60, overlap)
    unseen = evidence.overlap(evidence.of("isles22_flair"))
    yield GoalRow("infarct on FLAIR, isles22_flair: lesion Dice", None, unseen)


def _dwi_goals(evidence: Evidence) -> Iterator[GoalRow]:
    rows = evidence.of("isles22_dwi")
    if "slice" in rows:
        volume = (rows["slice"] != "").to_numpy()
    else:
        volume = (rows.groupby("patient")["path"].transform("size") >= VOLUME_SLICES).to_numpy(bool)
    yield GoalRow("infarct on DWI, figure slices: lesion Dice", 0.75, evidence.overlap(rows[~volume]))
    sample = known(rows[volume], Finding.ISCHEMIC)
    yield GoalRow("infarct on DWI, slices of the volumes: AUC", 0.97, evidence.area(sample))


def _paper_goals(evidence: Evidence) -> Iterator[GoalRow]:
    """Yield the paper's cells of the findings that the network reads: every one is to be exceeded."""
    for finding, printed in PAPER.items():
        rows = evidence.figures
        if len(rows):
            rows = rows[(rows["finding"] == finding.value) & (rows["dataset"] == ALL) & rows["presumed"]]
        if finding not in evidence.card.findings or rows.empty:
            continue
        row = rows.iloc[0]
        for measure, value in printed.items():
            ends = Interval(row[f"{measure}_low"], row[f"{measure}_high"])
            notes = _where_chosen(evidence, finding, measure), _at_equal_prevalence(row, measure)
            found = Measured(row[measure], ends, int(row["images"]), note="; ".join(filter(None, notes)))
            yield GoalRow(f"{finding.value}, the paper's {measure}", value, found, strictly=True)


def _where_chosen(evidence: Evidence, finding: Finding, measure: str) -> str:
    """Tell on which images the operating point was chosen, and what the shipped one gives where it is another."""
    if measure == "auc":
        return ""
    shipped, sample = evidence.shipped[finding], known(evidence.table, finding)
    if np.ndim(crossed(evidence.table, {finding: shipped})[finding]) == 0:
        return CHOSEN_HERE
    same = confusion(sample.labels, sample.scores, shipped).measures[measure]
    return f"{CHOSEN_ELSEWHERE}; at the shipped one, chosen on these same images: {same:.3f}"


def _at_equal_prevalence(row: pd.Series, measure: str) -> str:
    """Tell a precision or F1 where half of the images have the finding: the paper does not state its share."""
    if measure not in ("precision", "f1"):
        return ""
    share = row["positives"] / row["images"]
    precision = predictive_values(row["recall"], row["specificity"], 0.5).positive
    value = precision if measure == "precision" else 2 * precision * row["recall"] / (precision + row["recall"])
    return f"{share:.0%} of these images have the finding; where half had it: {value:.3f}"


def _calibration_goals(evidence: Evidence) -> Iterator[GoalRow]:
    for name, record in evidence.card.raw.get("calibration", {}).items():
        kind = "cross_fitted" if "cross_fitted" in record else "after"
        error = record[kind]
        ends = UNDEFINED if error["low"] is None else Interval(error["low"], error["high"])
        how = "fitted on the other folds" if kind == "cross_fitted" else "fitted on the same images"
        found = Measured(error["ece"], ends, record["images"], note=f"calibration {how}")
        yield GoalRow(f"{name}, calibration error after calibration", 0.04, found, at_most=True)


def _left_out(evidence: Evidence, finding: Finding, dataset: str) -> Measured:
    name = f"{LEFT_OUT}:{finding.value}:{dataset}"
    for row in evidence.card.raw.get("experiments", ()):
        if row["name"] == name:
            return _experiment(row)
    return Measured(NAN, note=f"no experiment called {name} is stored")


def _experiment(row: Mapping[str, Any]) -> Measured:
    ends = UNDEFINED if row["low"] is None or row["high"] is None else Interval(float(row["low"]), float(row["high"]))
    return Measured(float(row["figure"]), ends, int(row["n"] or 0), note=row["what"])


def _unseen_infarcts(evidence: Evidence) -> Measured:
    """Return how infarcts of a source never learnt from stand against slices of the others without any lesion."""
    table = evidence.table
    unseen = (table["dataset"] == "aisd") & (table["fold"] == EXTERNAL)
    if not unseen.any():
        return Measured(NAN, note="aisd was learnt from, or is not among the predictions")
    free = (table["dataset"] != "aisd") & (table["ischemic"] == 0) & (table["hemorrhagic"] == 0)
    rows = table[(unseen | free) & known_rows(table, Finding.ISCHEMIC)]
    sample, alone = known(rows, Finding.ISCHEMIC), (rows["dataset"] == "aisd").to_numpy()
    if len(np.unique(sample.patients[alone])) > 1:
        return evidence.area(sample)
    by_image = np.where(alone, sample.patient_count + np.arange(len(rows)), sample.patients)
    note = (
        f"interval by image for aisd, too narrow: the source names no patients, so its {int(alone.sum())} images are "
        "one group, which drawing patients cannot vary; the other images by patient"
    )
    return replace(evidence.area(sample._replace(patients=by_image)), note=note)


def _studies(evidence: Evidence, dataset: str, finding: Finding) -> Measured:
    """Return the AUC of studies pooled as a reading pools them; one study per patient."""
    rows = evidence.of(dataset)
    rows = rows[known_rows(rows, finding)]
    logits = slice_logits(rows[f"{finding.value}_probability"].to_numpy(), evidence.card.findings[finding])
    studies = study_table(rows.assign(group=rows["patient"]), finding, logits)
    if studies.empty:
        return Measured(NAN, note="no volumes")
    labels = studies["label"].to_numpy(np.int8)
    return evidence.area(Sample(labels, studies["logit"].to_numpy(np.float64), np.arange(len(studies))))


def slice_logits(probabilities: np.ndarray, settings: FindingSettings) -> np.ndarray:
    """Undo a finding's calibration: return the network's logits from stored probabilities of any shape."""
    return own_logits(probabilities, temperature=settings.temperature, shift=settings.shift)
