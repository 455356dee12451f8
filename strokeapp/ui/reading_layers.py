"""Turn a reading into what the viewer lays over and beside the picture."""

from __future__ import annotations

from strokeapp.inference.words import NAMES
from strokeapp.types import Finding, Reading
from strokeapp.ui.theme import FINDING_COLORS
from strokeapp.ui.viewer import Overlay, Strip

MAP_COLORS = {Finding.HEMORRHAGIC: "hot", Finding.ISCHEMIC: "cool"}


def map_overlays(reading: Reading) -> list[Overlay]:
    """Return the lesion map of every finding."""
    return [
        Overlay(f"{NAMES[finding]} map", values, None, MAP_COLORS[finding])
        for finding, values in reading.lesion_maps.items()
    ]


def probability_strips(reading: Reading) -> tuple[Strip, ...]:
    """Return the probabilities along the slices beside the operating point; none for a single slice."""
    from strokeapp.models.registry import find

    if len(reading.slices) < 2:
        return ()
    card = find(reading.model)
    return tuple(
        Strip(
            NAMES[finding],
            tuple(getattr(item, finding.value) for item in reading.slices),
            card.findings[finding].threshold,
            FINDING_COLORS[finding],
        )
        for finding in reading.findings
    )
