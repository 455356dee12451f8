"""Draw what each slice contributes to the probability of a study as a strip of bars."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from strokeapp.types import Finding, Reading
from strokeapp.ui.theme import FINDING_COLORS, GRAY

HEIGHT = 36
"""Of the strip, in pixels."""
FAINTEST = 1e-9


def show_contributions(reading: Reading, finding: Finding) -> None:
    """Draw the strip and say what it tells; nothing for a single slice."""
    values = reading.contributions.get(finding)
    if values is None or not np.isfinite(values).any():
        return
    words = contribution_sentence(reading, finding)
    st.html(_strip(values, FINDING_COLORS[finding], words))
    st.caption(words)


def without(probability: float, contribution: float) -> float:
    """Return what a probability falls to when its log odds fall by a contribution."""
    inside = float(np.clip(probability, FAINTEST, 1 - FAINTEST))
    return float(1 / (1 + (1 - inside) / inside * np.exp(contribution)))


def contribution_sentence(reading: Reading, finding: Finding) -> str:
    """Say which slice the study's probability rests on, and what it would be without it."""
    values, here = reading.contributions[finding], reading.findings[finding].probability
    top = int(np.nanargmax(values))
    differ = np.flatnonzero(values[top:] != values[top])
    last = top + int(differ[0]) - 1 if differ.size else len(values) - 1
    if values[top] <= FAINTEST:
        return "What each slice adds to the study: no single one is needed, others say the same."
    where = f"slice {top + 1}" if last == top else f"slices {top + 1} to {last + 1}, read as one,"
    then, now = f"{without(here, float(values[top])):.2f}", f"{here:.2f}"
    change = f"would be {then} instead of {now}" if then != now else f"would stay {now}"
    return f"What each slice adds to the study, left out one at a time. Without {where} the probability {change}."


def _strip(values: NDArray[np.float64], color: str, label: str) -> str:
    """Return bars as HTML, the largest at full height; gray where the study would rise without the slice."""
    top = max(float(np.nanmax(np.abs(values))), FAINTEST)
    bars = "".join(
        f'<div title="slice {number + 1}: {value:+.2f}" style="flex:1;min-width:0;margin:0 .5px;'
        f'height:{_share(value, top):.0f}%;background:{color if value > 0 else GRAY}"></div>'
        for number, value in enumerate(values)
    )
    return (
        f'<div role="img" aria-label="{label}" style="display:flex;align-items:flex-end;height:{HEIGHT}px;'
        f'border-bottom:1px solid {GRAY}">{bars}</div>'
    )


def _share(value: float, top: float) -> float:
    return 0.0 if np.isnan(value) else 100 * abs(value) / top
