"""Print the paper's methods section, filled in from the record of a network's training."""

from __future__ import annotations

from strokeapp.models.layers import count_layers
from strokeapp.models.methods_text import methods_record, methods_section
from strokeapp.models.registry import Card, load_network
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.paper import paper_figures
from strokeapp.performance.predictions import read_predictions


def methods_of(card: Card, *, n: int = RESAMPLES) -> str:
    """Return the methods section of an installed network as Markdown.

    Args:
        card: Of the network.
        n: Resamples of patients for the intervals.

    Raises:
        ModelError: The card lacks a fact, or the weights cannot be loaded to count their layers.
        PerformanceError: The stored predictions are missing or damaged.
    """
    record = methods_record(card, count_layers(load_network(card)))
    thresholds = {finding: settings.threshold for finding, settings in card.findings.items()}
    return methods_section(record, paper_figures(read_predictions(card.predictions), thresholds, n=n))
