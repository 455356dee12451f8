"""Compute the lesion maps of a scan with a network that is named, whatever the scan looks like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strokeapp.imaging.scan_input import scan_input
from strokeapp.inference.classify import lesion_maps
from strokeapp.inference.slices import run_slices
from strokeapp.models.registry import Card, load_network
from strokeapp.types import Finding, Scan


def lesion_maps_of(scan: Scan, card: Card) -> dict[Finding, NDArray[np.uint8]]:
    """Return a lesion map per finding of the card; for images whose kind is known, without the checks of a reading.

    Args:
        scan: Canonical orientation; of the card's modality.
        card: Of the network.

    Returns:
        (slices, rows, columns) uint8, 255 = probability 1, as ``strokeapp.types.Reading.lesion_maps``.

    Raises:
        WeightsMissingError, WeightsHashError: The network cannot be trusted.
    """
    network = load_network(card)
    prepared = scan_input(scan, card.modality, size=card.size, margin=card.margin)
    return lesion_maps(scan, prepared, run_slices(network, prepared.inputs, card.modality), card)
