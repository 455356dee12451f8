"""Ask whether a network's infarct score leans on the source: every drawn infarct against its own healed slice.

Where all infarcts come from one source, an area against lesion-free images of other sources may be the area of
telling scanners apart. A slice and its healed self share scanner, patient and window; only the lesion differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import correlate

from model_training.card import measured_limits, write_card
from model_training.evaluate import CHUNK, card_for, drawn_lesion, open_image
from model_training.healing import TISSUE, WIDEN, heal
from model_training.manifest import read_manifest
from model_training.out_of_fold import stored_folds
from strokeapp.errors import ManifestError, ModelError
from strokeapp.imaging.head_crop import crop
from strokeapp.imaging.network_input import SliceInput, leveled
from strokeapp.inference.engine import reading_network
from strokeapp.inference.slices import calibrated, run_slices
from strokeapp.models.registry import Card, read_card
from strokeapp.models.slice_network import FINDINGS
from strokeapp.performance.crossed import EXTERNAL
from strokeapp.performance.curves import auc
from strokeapp.performance.intervals import RESAMPLES, bootstrap_interval, weighted_auc
from strokeapp.performance.predictions import patient_groups
from strokeapp.performance.subgroups import mean_interval
from strokeapp.performance.summary import plain
from strokeapp.types import Finding, Modality

CHANNEL = FINDINGS.index(Finding.ISCHEMIC)
NO_LEVEL = {Modality.CT: 0.0, Modality.MR: 1.0}
"""What leaves an image as it is that has been brought to its level already."""

BRIGHT = 2.0
"""Multiple of the median gray of tissue above which a pixel is bone, or no healthy brain."""

APART = 4
"""Pixels between a control's patch and the lesion or its mirror image: the patch is feathered that far."""

ROOM, TRIES = 0.9, 100


@dataclass(frozen=True)
class Pairs:
    """Hold what the network that never saw a slice says of it and of its altered selves.

    Args:
        table: (slices) rows of the manifest: drawn infarcts that could be healed.
        own, healed, control: (slices,) ischemic logits of the slice alone, without neighbors; nan where there was no
            room for a control.
        not_healed: Dataset to slices whose other side cannot stand in.
    """

    table: pd.DataFrame
    own: NDArray[np.float64]
    healed: NDArray[np.float64]
    control: NDArray[np.float64]
    not_healed: dict[str, int]


def patched_elsewhere(gray: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Return the slice with its lesion and a patch as healing lays it, over healthy tissue nearest the lesion.

    Healing over the mirrored mask would lay the lesion there a second time. The mask is moved instead, without
    turning, to where neither it nor its mirror image touches the lesion or the lesion's mirror image.

    Args:
        gray: (size, size) leveled, as for ``heal``.
        mask: (size, size) lesion.

    Returns:
        None where there is no room.
    """
    wide = ndimage.binary_dilation(mask, iterations=WIDEN)
    taken = ndimage.binary_dilation(wide | wide[:, ::-1], iterations=APART)
    tissue = gray > TISSUE
    tissue &= gray < BRIGHT * np.median(gray[tissue]) if tissue.any() else tissue
    count, zero = wide.sum(), np.array(gray.shape) - 1
    taken_by, tissue_by, inside = (
        correlate(np.asarray(over, np.float64), wide.astype(np.float64), method="fft")
        for over in (taken, tissue, np.ones_like(gray))
    )
    shifts = np.argwhere((taken_by < 0.5) & (inside > count - 0.5) & (tissue_by > ROOM * count)) - zero
    for shift in shifts[np.argsort((shifts**2).sum(axis=1), kind="stable")][:TRIES]:
        patched = heal(gray, np.roll(mask, tuple(shift), (0, 1)))
        if patched is not None:
            return patched
    return None


def own_pairs(card: Card, manifest: Path) -> Pairs:
    """Let every fold read the drawn infarcts it has not seen, healed, and with the control's patch.

    Raises:
        WeightsMissingError: The weights of the folds were not kept.
        ManifestError: No drawn infarct of the stored predictions is in the manifest, or an image cannot be opened.
        ModelError: The network reads no infarcts.
    """
    if Finding.ISCHEMIC not in card.findings:
        raise ModelError(f"{card.name} reads no infarcts, so there is nothing to heal.")
    folds = {path: fold for path, fold in stored_folds(card).items() if fold != EXTERNAL}
    table = read_manifest(manifest)
    table["fold"] = table["path"].map(folds)
    table = table[table["fold"].notna() & (table["ischemic"] == 1) & (table["mask"] != "")]
    kinds = [card_for(row, card.name, card.folder.parent) is not None for row in table.itertuples()]
    table = table[np.array(kinds, bool)]
    parts = [part for _, rows in table.groupby("fold") for part in _read(card, rows, manifest.parent)]
    if not any(len(part.table) for part in parts):
        raise ManifestError(f"{manifest.name} holds no drawn infarct that a fold of {card.name} was tested on.")
    lost = pd.concat([pd.Series(part.not_healed, dtype=int) for part in parts])
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("own", "healed", "control")}
    rows = pd.concat([part.table for part in parts], ignore_index=True)
    return Pairs(rows, **arrays, not_healed={name: int(n) for name, n in lost.groupby(level=0).sum().items()})


def _read(card: Card, rows: pd.DataFrame, base: Path) -> Iterator[Pairs]:
    """Yield the pairs of one fold, a chunk of slices at a time."""
    network = reading_network(card, int(rows["fold"].iloc[0]))
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        trios = [_altered(row, card, base) for row in chunk.itertuples()]
        kept = np.array([trio is not None for trio in trios])
        logits = np.full((3, int(kept.sum())), np.nan)
        for kind in range(3):
            items = [trio[kind] for trio in trios if trio is not None]
            there = np.array([item is not None for item in items], bool)
            if there.any():
                outputs = run_slices(network, [item for item in items if item is not None], card.modality)
                logits[kind, there] = outputs.logits[:, CHANNEL]
        yield Pairs(chunk[kept], *logits, not_healed=chunk.loc[~kept, "dataset"].value_counts().to_dict())


def _altered(row, card: Card, base: Path) -> tuple[SliceInput, SliceInput, SliceInput | None] | None:
    """Return the slice, its healed self and its control as network input; None where it cannot be healed."""
    image = open_image(base / row.path)
    item = image.input_of(card)
    drawn = drawn_lesion(row, image.gray.shape, card, base)
    if drawn is None:
        return None
    mask = crop(drawn[1].astype(np.float32), item.box, card.size) > 0.5
    gray = leveled(item.gray, item.level, card.modality)
    healed = heal(gray, mask) if mask.any() else None
    if healed is None:
        return None
    control = patched_elsewhere(gray, mask)
    own, healed, control = (
        None if picture is None else dataclasses.replace(item, gray=picture, level=NO_LEVEL[card.modality])
        for picture in (gray, healed, control)
    )
    return own, healed, control


def own_source_records(pairs: Pairs, card: Card, *, n: int = RESAMPLES) -> list[dict[str, Any]]:
    """Return the figures of every source as plain values, as the card keeps them.

    Args:
        pairs: From ``own_pairs``.
        card: Of the network.
        n: Resamples of patients.

    Returns:
        Rows with finding, dataset, images, patients, not_healed; auc (the slice against its healed self), flagged and
        healed_flagged (share at or above the balanced operating point), change (mean change of the logit by
        healing), each [figure, low, high] with 95 % intervals over patients; control: the same of the slices that
        keep their lesion and carry a patch elsewhere, with images, auc, flagged (before the patch),
        healed_flagged (of these slices), control_flagged and change; None where no slice has room.
    """
    return [_record(pairs, card, name, n) for name in sorted(pairs.table["dataset"].unique())]


def _record(pairs: Pairs, card: Card, dataset: str, n: int) -> dict[str, Any]:
    chosen = (pairs.table["dataset"] == dataset).to_numpy()
    patients = patient_groups(pairs.table[chosen])
    own, healed, control = (values[chosen] for values in (pairs.own, pairs.healed, pairs.control))
    settings, room = card.findings[Finding.ISCHEMIC], np.isfinite(control)

    def flagged(logits: NDArray[np.float64], members: NDArray[np.int64]) -> list[float | None]:
        return _mean(calibrated(logits, settings) >= settings.threshold, members, n)

    inside = patients[room]
    return {
        "finding": Finding.ISCHEMIC.value,
        "dataset": dataset,
        "images": len(own),
        "patients": len(np.unique(patients)),
        "not_healed": pairs.not_healed.get(dataset, 0),
        "auc": _area(own, healed, patients, n),
        "flagged": flagged(own, patients),
        "healed_flagged": flagged(healed, patients),
        "change": _mean(healed - own, patients, n),
        "control": {
            "images": int(room.sum()),
            "auc": _area(own[room], control[room], inside, n),
            "flagged": flagged(own[room], inside),
            "healed_flagged": flagged(healed[room], inside),
            "control_flagged": flagged(control[room], inside),
            "change": _mean(control[room] - own[room], inside, n),
        }
        if room.any()
        else None,
    }


def _area(own: NDArray, altered: NDArray, patients: NDArray, n: int) -> list[float | None]:
    labels, scores = np.repeat([1, 0], len(own)), np.append(own, altered)
    ends = bootstrap_interval(weighted_auc, labels, scores, np.tile(patients, 2), n=n)
    return plain(auc(labels, scores), *ends)


def _mean(values: NDArray, patients: NDArray, n: int) -> list[float | None]:
    numbers = values.astype(np.float64)
    return plain(float(numbers.mean()), *mean_interval(numbers, patients, n=n))


def ship(card: Card, records: list[dict[str, Any]]) -> Card:
    """Write the figures into a network's card, with what they limit; return the new card.

    Args:
        card: Of the network.
        records: From ``own_source_records``.
    """
    raw = {**card.raw, "own_source": records}
    write_card(card.folder, {**raw, "limits": measured_limits(raw)})
    return read_card(card.folder)
