"""Read one scan: choose the network, check that the scan suits it, classify every slice and the study."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strokeapp.imaging.head_crop import place_back
from strokeapp.imaging.scan_input import ScanInput, scan_input
from strokeapp.inference.engine import reading_network
from strokeapp.inference.extent import everywhere
from strokeapp.inference.familiarity import judge, load_familiarity
from strokeapp.inference.pooling import study_logit
from strokeapp.inference.slice_contributions import pooled_contributions
from strokeapp.inference.slices import SliceOutputs, calibrated, heard_logits, run_slices, sigmoid, slice_probabilities
from strokeapp.inference.suitability import check
from strokeapp.models.registry import WEIGHTS_FOLDER, Card, choose
from strokeapp.models.slice_network import FINDINGS
from strokeapp.types import Abstention, Finding, FindingResult, Modality, Reading, Scan, Sequence, SliceReading

MAP_SIDE = 256
SMALLEST_HEAD_MM = 75.0
"""An MR slice whose head is smaller shows the vertex or the neck; the networks were not trained on such."""
Progress = Callable[[float, str], None]


def _quiet(_share: float, _step: str) -> None:
    return None


def network_for(scan: Scan, folder: Path = WEIGHTS_FOLDER) -> Card | Abstention:
    """Choose the network trained for a scan's modality and sequence.

    A plain CT whose tags say nothing more, and a picture that has passed the anatomy check, count as plain CT.
    """
    modality, sequence = scan.modality, scan.sequence
    if modality is Modality.PICTURE:
        modality, sequence = Modality.CT, Sequence.NCCT
    elif modality is Modality.CT and sequence is Sequence.UNKNOWN:
        sequence = Sequence.NCCT
    card = choose(modality, sequence, folder)
    if card is not None:
        return card
    return Abstention(
        "no_network",
        f"No network here was trained for {_kind(modality, sequence)}; nothing else may read it. View only.",
    )


def _kind(modality: Modality, sequence: Sequence) -> str:
    known = sequence is not Sequence.UNKNOWN
    return f"{modality.value} {sequence.value}" if known else f"{modality.value} of unknown sequence"


def read_scan(
    scan: Scan, *, progress: Progress | None = None, folder: Path = WEIGHTS_FOLDER, examined: bool = False
) -> Reading | Abstention:
    """Return the reading of a scan, or why there is none.

    Args:
        scan: Canonical orientation.
        progress: Called with the share done and the step's name.
        folder: Of shipped networks.
        examined: ``suitability.examine`` found nothing against it, so that it is not checked again.

    Raises:
        WeightsMissingError, WeightsHashError: The network cannot be trusted, so there is no reading.
    """
    report, begun = progress or _quiet, time.perf_counter()
    report(0.0, "Checking the scan")
    unsuited = None if examined else check(scan)
    if unsuited is not None:
        return unsuited
    card = network_for(scan, folder)
    if isinstance(card, Abstention):
        return card
    if scan.time_point is not None:
        return Abstention("time_series", "This is one of several images of the same slices; no network reads those.")
    network, checked = reading_network(card), time.perf_counter()
    prepared = scan_input(
        scan, card.modality, size=card.size, margin=card.margin, progress=lambda p: report(0.3 * p, "Preparing slices")
    )
    ready = time.perf_counter()
    outputs = run_slices(
        network, prepared.inputs, card.modality, progress=lambda p: report(0.3 + 0.6 * p, "Reading slices")
    )
    read = time.perf_counter()
    legible = legible_slabs(scan, prepared)
    unlike = judge(load_familiarity(card.folder), outputs.embedding[legible])
    if unlike is not None:
        return unlike
    seen = np.flatnonzero(legible)
    places = _places_mm(scan, prepared, seen)
    logits = heard_logits(outputs.logits[seen], card, seen, places_mm=places)
    found = slice_probabilities(logits, card)
    sure = {finding: card.findings[finding].operating_points["high_specificity"] for finding in found}
    doubted = everywhere(found, sure, places)
    if doubted is not None:
        return doubted
    maps = lesion_maps(scan, prepared, outputs, card, legible=legible)
    report(1.0, "Done")
    seconds = {"check": checked - begun, "prepare": ready - checked, "network": read - ready}
    seconds |= {"maps": time.perf_counter() - read, "total": time.perf_counter() - begun}
    slices = _per_slice(prepared, seen, found, len(scan.voxels))
    findings = {finding: _study(logits, finding, card) for finding in card.findings}
    contributions = _contributions(outputs.logits[seen], card, prepared, seen, places)
    return Reading(card.name, card.version, findings, slices, maps, seconds, contributions)


def _places_mm(scan: Scan, prepared: ScanInput, seen: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return the middle of each legible slab along the slice normal, or None without geometry."""
    if scan.geometry is None:
        return None
    positions = scan.geometry.positions_mm
    return np.array([(positions[slab.first] + positions[slab.last]) / 2 for slab in prepared.slabs])[seen]


def _per_slice(
    prepared: ScanInput, seen: NDArray[np.int64], found: Mapping[Finding, NDArray[np.float64]], count: int
) -> tuple[SliceReading, ...]:
    """Return what each of ``count`` slices reads: that of its slab, None where the slab was not read."""
    per_slice = {finding: _of_slabs(prepared, seen, values) for finding, values in found.items()}
    return tuple(
        SliceReading(index, *(_at(per_slice.get(finding), index) for finding in FINDINGS)) for index in range(count)
    )


def _of_slabs(prepared: ScanInput, seen: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (slices,) values of the slabs that were read; nan on the others."""
    per_slab = np.full(len(prepared.slabs), np.nan)
    per_slab[seen] = values
    return np.repeat(per_slab, [slab.last - slab.first + 1 for slab in prepared.slabs])


def _contributions(
    logits: NDArray[np.float32],
    card: Card,
    prepared: ScanInput,
    seen: NDArray[np.int64],
    places_mm: NDArray[np.float64] | None,
) -> dict[Finding, NDArray[np.float64]]:
    if len(seen) < 2:
        return {}
    found = pooled_contributions(logits, card, seen, places_mm=places_mm)
    return {finding: _of_slabs(prepared, seen, values) for finding, values in found.items()}


def _at(values: NDArray[np.float64] | None, index: int) -> float | None:
    return None if values is None or np.isnan(values[index]) else float(values[index])


def legible_slabs(scan: Scan, prepared: ScanInput, *, smallest_mm: float = SMALLEST_HEAD_MM) -> NDArray[np.bool_]:
    """Return which slabs show enough of a head to be read; all of them where that cannot be told.

    Args:
        scan: Whose spacing gives the head's size.
        prepared: Its network input.
        smallest_mm: Side of the box around the head, MR only; CT networks learnt from whole volumes.
    """
    every = np.ones(len(prepared.slabs), bool)
    spacing = scan.spacing_mm
    if prepared.modality is not Modality.MR or spacing is None:
        return every
    side = np.array([item.box.right - item.box.left for item in prepared.inputs]) * spacing[2]
    return side >= smallest_mm if (side >= smallest_mm).any() else every


def _study(slices: NDArray[np.float64], finding: Finding, card: Card) -> FindingResult:
    """Judge a study from the (slices, 2) logits; a single slice is judged by its own calibration and threshold."""
    settings, logits = card.findings[finding], slices[:, FINDINGS.index(finding)]
    if len(logits) == 1:
        return FindingResult(float(calibrated(logits, settings)[0]), settings.threshold)
    pooled = np.float64(study_logit(logits))
    probability = sigmoid(pooled / settings.study_temperature + settings.study_shift)
    return FindingResult(float(probability), settings.study_threshold)


def overlay_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the (rows, columns) in which maps over a slice are kept: at most ``MAP_SIDE`` a side."""
    factor = min(1.0, MAP_SIDE / max(shape))
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def lesion_maps(
    scan: Scan,
    prepared: ScanInput,
    outputs: SliceOutputs,
    card: Card,
    *,
    legible: NDArray[np.bool_] | None = None,
) -> dict[Finding, NDArray[np.uint8]]:
    """Lay the lesion maps back over the scan's slices, at most ``MAP_SIDE`` pixels a side; 0 on slabs not read."""
    shape = scan.voxels.shape[1:]
    out = overlay_shape(shape)
    result = {finding: np.zeros((len(scan.voxels), *out), np.uint8) for finding in card.findings}
    channels = [FINDINGS.index(finding) for finding in result]
    for number, (slab, item) in enumerate(zip(prepared.slabs, prepared.inputs, strict=True)):
        if legible is not None and not legible[number]:
            continue
        placed = place_back(outputs.maps[number, channels], item.box, shape, out=out)
        placed *= 255
        for volume, values in zip(result.values(), np.rint(placed, out=placed), strict=True):
            volume[slab.first : slab.last + 1] = values
    for volume in result.values():
        volume.flags.writeable = False
    return result
