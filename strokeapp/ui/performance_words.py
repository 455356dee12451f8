"""Keep the words of the performance page in one place."""

from __future__ import annotations

from collections.abc import Mapping

from strokeapp.performance.summary import ALL
from strokeapp.types import Finding
from strokeapp.ui.charts import with_interval

CLASS_NAMES = {Finding.HEMORRHAGIC: "Hemorrhage", Finding.ISCHEMIC: "Infarct"}
HEADLINES = {
    "accuracy": ("Accuracy", "Share of calls that are right. Depends on how common the finding is."),
    "precision": ("Precision", "Share of flagged ones that have the finding. Depends on how common the finding is."),
    "recall": ("Recall", "Sensitivity: share of those with the finding that are flagged."),
    "specificity": ("Specificity", "Share of those without the finding that are not flagged."),
    "f1": ("F1", "Harmonic mean of precision and recall."),
    "auc": ("AUC", "Chance that one with the finding scores above one without. Independent of the threshold."),
}
POINT_NAMES = {
    "high_sensitivity": "High sensitivity",
    "balanced": "Balanced",
    "high_specificity": "High specificity",
    "in_use": "In use",
}
POINT_ORDER = ("in_use", "high_sensitivity", "balanced", "high_specificity")


def dataset_name(name: str) -> str:
    """Return how a dataset is called on the page."""
    return "All datasets" if name == ALL else name


def group_name(name: str) -> str:
    """Return how a subgroup is called on the page."""
    return "Everyone" if name == ALL else name


def measured(figures: Mapping[str, float], name: str) -> str:
    """Write a figure with its interval, from a row that holds both."""
    return with_interval(figures[name], figures[f"{name}_low"], figures[f"{name}_high"])
