"""Explain one finding on one slice, or on every slice of a scan."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from strokeapp.errors import StrokeAppError
from strokeapp.imaging.head_crop import place_back
from strokeapp.imaging.network_input import SliceInput, network_batch, slice_input
from strokeapp.imaging.scan_input import Slab, gray_window, pixel_aspect, plan_slabs, slab_gray
from strokeapp.inference.classify import overlay_shape
from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.inference.explanation.fidelity import finding_probability
from strokeapp.inference.explanation.registry import Cost, Method, method_of
from strokeapp.inference.explanation.shown import shown, strength
from strokeapp.inference.explanation.target import fast_view
from strokeapp.models.registry import Card, load_network
from strokeapp.performance.saliency import removal_curves, removal_shares
from strokeapp.types import Attribution, Finding, Scan

AT_ONCE = {Cost.CHEAP: 16, Cost.MODERATE: 2, Cost.COSTLY: 1}
"""Slabs explained between two looks at progress and cancellation: about a second on two idle cores."""
CURVES = ("deletion", "insertion")
Progress = Callable[[float], None]


@dataclass(frozen=True)
class VolumeAttribution:
    """Hold an explanation of one finding on every slice.

    Args:
        method: Name of the method.
        finding: Explained output.
        values: (slices, rows, columns) uint8, 255 = 1, over the slices' field of view; read-only.
    """

    method: str
    finding: Finding
    values: NDArray[np.uint8]


def _quiet(_share: float) -> None:
    return None


def explain(
    scan: Scan, card: Card, *, method: str, finding: Finding, slice_index: int, progress: Progress = _quiet
) -> Attribution:
    """Return where the network looked for a finding on one slice.

    Args:
        scan: As it was read.
        card: Of the network that read it.
        method: Name of a method in ``strokeapp.inference.explanation.registry``.
        finding: One that the network reads.
        slice_index: Into the scan.
        progress: Called with the share done.

    Raises:
        StrokeAppError: Unknown method, finding or slice.
    """
    chosen = _checked(card, method, finding)
    item = _input(scan, card, _slab(scan, slice_index))
    progress(0.1)
    values = _attribute([item], card, chosen, finding)
    progress(1.0)
    return Attribution(method, finding, slice_index, _over_slice(values[0], item, scan))


def explain_volume(
    scan: Scan,
    card: Card,
    *,
    method: str,
    finding: Finding,
    progress: Progress = _quiet,
    cancel: threading.Event | None = None,
) -> VolumeAttribution | None:
    """Return where the network looked on every slice, or None if it was cancelled on the way.

    Args:
        scan: As it was read; thin slices are explained by the slab they were read in.
        card: Of the network that read it.
        method: Name of a method.
        finding: One that the network reads.
        progress: Called with the share done.
        cancel: Looked at between pieces, see ``AT_ONCE``.

    Raises:
        StrokeAppError: Unknown method or finding.
    """
    chosen, slabs = _checked(card, method, finding), _slabs(scan)
    volume = np.zeros((len(scan.voxels), *overlay_shape(scan.voxels.shape[1:])), np.uint8)
    step = AT_ONCE[chosen.cost]
    for first in range(0, len(slabs), step):
        if cancel is not None and cancel.is_set():
            return None
        some = slabs[first : first + step]
        items = [_input(scan, card, slab) for slab in some]
        for slab, item, values in zip(some, items, _attribute(items, card, chosen, finding), strict=True):
            volume[slab.first : slab.last + 1] = np.rint(255 * _over_slice(values, item, scan))
        progress(min(1.0, (first + step) / len(slabs)))
    volume.flags.writeable = False
    return VolumeAttribution(method, finding, volume)


def removal(scan: Scan, card: Card, *, method: str, finding: Finding, slice_index: int) -> pd.DataFrame:
    """Return how one slice's probability changes while the places of its explanation are smoothed away, or put back.

    Args:
        scan, card, method, finding, slice_index: As for ``explain``.

    Returns:
        Columns share of pixels replaced, deletion and insertion: probabilities of the slice, not calibrated.

    Raises:
        StrokeAppError: As ``explain``.
    """
    chosen = _checked(card, method, finding)
    network, batch = load_network(card), _batch([_input(scan, card, _slab(scan, slice_index))], card)
    strong = strength(chosen.attribute(network, batch, finding).numpy(), chosen.part)
    score = finding_probability(fast_view(network), finding)
    parts = (batch[:, 0].numpy(), smoothed(batch)[:, 0].numpy(), strong)
    curves = {name: removal_curves(score, *parts, insertion=name == "insertion")[0] for name in CURVES}
    return pd.DataFrame({"share": removal_shares(len(curves["deletion"]) - 1), **curves})


def content_key(scan: str, card: Card, *, method: str, finding: Finding) -> str:
    """Return a name for a volume's explanation made of all it depends on.

    Args:
        scan: Its digest, see ``strokeapp.imaging.scan_digest``.
        card: Of the network that read it.
        method: Name of a method.
        finding: One that the network reads.
    """
    return "-".join((scan, card.weights_hash, method, finding.value))


def _checked(card: Card, method: str, finding: Finding) -> Method:
    chosen = method_of(method)
    if finding not in card.findings:
        raise StrokeAppError(f"{card.title} does not read {finding.value} stroke, so there is nothing to explain.")
    return chosen


def _attribute(items: Sequence[SliceInput], card: Card, method: Method, finding: Finding) -> NDArray[np.float32]:
    return shown(method.attribute(load_network(card), _batch(items, card), finding).numpy(), method.part)


def _batch(items: Sequence[SliceInput], card: Card) -> torch.Tensor:
    return torch.from_numpy(network_batch(list(items), card.modality))


def _slab(scan: Scan, index: int) -> Slab:
    """Return the slab in which a slice was read."""
    if not 0 <= index < len(scan.voxels):
        raise StrokeAppError(f"There is no slice {index + 1}; the scan has {len(scan.voxels)}.")
    return next(slab for slab in _slabs(scan) if slab.first <= index <= slab.last)


def _slabs(scan: Scan) -> tuple[Slab, ...]:
    spacing = scan.spacing_mm
    return plan_slabs(len(scan.voxels), spacing[0] if spacing else None)


def _input(scan: Scan, card: Card, slab: Slab) -> SliceInput:
    """Return what the network was given for a slab."""
    gray = slab_gray(scan, slab, gray_window(scan))
    return slice_input(gray, card.modality, size=card.size, aspect=pixel_aspect(scan), margin=card.margin)


def _over_slice(values: NDArray[np.float32], item: SliceInput, scan: Scan) -> NDArray[np.float32]:
    shape = scan.voxels.shape[1:]
    return np.clip(place_back(values, item.box, shape, out=overlay_shape(shape)), 0, 1)
