"""Run shipped networks over any manifest and write predictions and figures."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from model_training.image_store import open_picture
from model_training.manifest import LABELS, read_manifest, slice_positions, volume_names
from strokeapp.errors import ManifestError, StrokeAppError
from strokeapp.imaging.head_crop import place_back
from strokeapp.imaging.network_input import SliceInput, slice_input
from strokeapp.imaging.scan_input import Slab, gray_window, pixel_aspect, slab_gray
from strokeapp.inference.engine import reading_network
from strokeapp.inference.slices import SliceOutputs, heard_logits, run_slices, slice_probabilities
from strokeapp.models.registry import WEIGHTS_FOLDER, Card, choose, find
from strokeapp.models.slice_network import FINDINGS
from strokeapp.performance.summary import summarize, to_records
from strokeapp.reading import load, open_inputs
from strokeapp.types import Finding, Modality, Sequence

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
CHUNK = 256


@dataclass(frozen=True)
class OpenedImage:
    """Hold one image of a manifest.

    Args:
        gray: (rows, columns) float32 in [0, 1].
        aspect: Row spacing over column spacing.
    """

    gray: NDArray[np.float32]
    aspect: float


def open_image(path: Path) -> OpenedImage:
    """Open a picture, or one slice of anything the app reads (the middle one of several).

    Raises:
        StrokeAppError: The file is missing or cannot be opened.
    """
    if path.suffix.lower() in PICTURES:
        return OpenedImage(open_picture(path), 1.0)
    if not path.is_file():
        raise ManifestError(f"The manifest names {path.name}, which is not there.", detail=str(path))
    with tempfile.TemporaryDirectory(prefix="strokeapp-") as workspace:
        inventory = open_inputs([path], workspace=Path(workspace), each_file=True)
        viewable = [series for series in inventory.series if series.viewable]
        if not viewable:
            reasons = [p.message for p in inventory.problems]
            reasons += [s.refusal.message for s in inventory.series if s.refusal is not None]
            raise ManifestError(f"{path.name}: {reasons[0] if reasons else 'no image in it.'}")
        scan = load(viewable[0])
    middle = len(scan.voxels) // 2
    gray = slab_gray(scan, Slab(middle, middle), gray_window(scan))
    return OpenedImage(gray, pixel_aspect(scan))


def card_for(row, model: str, folder: Path) -> Card | None:
    """Return the network that reads a row, or None where none was trained for its modality and sequence."""
    try:
        modality, sequence = Modality(row.modality), Sequence(row.sequence or "unknown")
    except ValueError:
        return None
    if modality is Modality.CT and sequence is Sequence.UNKNOWN:
        sequence = Sequence.NCCT
    if model == "auto":
        return choose(modality, sequence, folder)
    card = find(model, folder)
    return card if modality is card.modality and sequence in card.sequences else None


def evaluate(manifest: Path, out: Path, *, model: str = "auto", folder: Path = WEIGHTS_FOLDER) -> pd.DataFrame:
    """Write ``predictions.csv`` and ``metrics.json`` for every row of a manifest; return the predictions.

    A row whose file cannot be opened, or that no network reads, keeps empty probabilities; the former are named
    on standard error.

    Args:
        manifest: In the documented format; paths are relative to its folder.
        out: Folder to write into; made if it is not there.
        model: Name of a shipped network, or "auto" for the one trained for each row's modality and sequence.
        folder: Of shipped networks.
    """
    table = read_manifest(manifest)
    if model != "auto":
        find(model, folder)
    result = table[["path", "patient", "dataset", *LABELS, "presumed"]].copy()
    result.insert(3, "fold", "")
    for finding in FINDINGS:
        result[f"{finding.value}_probability"] = np.nan
    result["lesion_dice"], result["model"] = np.nan, ""
    failures, logits = 0, np.full((len(table), len(FINDINGS)), np.nan, np.float32)
    rows = list(table.itertuples())
    for first in tqdm(range(0, len(rows), CHUNK), desc="evaluate", unit="chunk", disable=len(rows) <= CHUNK):
        failures += _chunk(rows[first : first + CHUNK], result, logits, manifest.parent, model, folder)
    _judge(result, table, logits, folder)
    out.mkdir(parents=True, exist_ok=True)
    for name in LABELS:
        result[name] = result[name].astype("Int8")
    result.to_csv(out / "predictions.csv", index=False)
    (out / "metrics.json").write_text(json.dumps(_metrics(result, failures, folder), indent=1), encoding="utf-8")
    return result


def _judge(result: pd.DataFrame, table: pd.DataFrame, logits: NDArray, folder: Path) -> None:
    """Fill in the probabilities (in place), as the app has them: slices of a volume hear their neighbors."""
    for name in set(result["model"]) - {""}:
        rows = np.flatnonzero(result["model"] == name)
        card, part = find(name.rpartition(" ")[0], folder), table.iloc[rows]
        heard = heard_logits(logits[rows], card, slice_positions(part), volumes=volume_names(part))
        for finding, values in slice_probabilities(heard, card).items():
            result.loc[result.index[rows], f"{finding.value}_probability"] = np.round(values, 6)


def _chunk(rows: list, result: pd.DataFrame, logits: NDArray[np.float32], base: Path, model: str, folder: Path) -> int:
    """Read a chunk of rows into the table and the logits (in place); return how many could not be opened."""
    groups: dict[str, list[tuple]] = {}
    cards: dict[str, Card] = {}
    failures = 0
    for row in rows:
        card = card_for(row, model, folder)
        if card is None:
            continue
        try:
            image = open_image(base / row.path)
        except StrokeAppError as error:
            print(f"{row.path}: {error.user_message}", file=sys.stderr)
            failures += 1
            continue
        item = slice_input(image.gray, card.modality, size=card.size, aspect=image.aspect, margin=card.margin)
        cards[card.name] = card
        groups.setdefault(card.name, []).append((row, item, image.gray.shape))
    for name, members in groups.items():
        card = cards[name]
        outputs = run_slices(reading_network(card), [item for _, item, _ in members], card.modality)
        logits[[row.Index for row, _, _ in members]] = outputs.logits
        _fill(result, members, outputs, card, base)
    return failures


def _fill(result: pd.DataFrame, members: list[tuple], outputs: SliceOutputs, card: Card, base: Path) -> None:
    for number, (row, item, shape) in enumerate(members):
        result.loc[row.Index, "model"] = f"{card.name} {card.version}"
        if row.mask:
            result.loc[row.Index, "lesion_dice"] = _lesion_dice(row, item, shape, outputs.maps[number], card, base)


def _lesion_dice(row, item: SliceInput, shape: tuple[int, int], maps: NDArray, card: Card, base: Path) -> float:
    """Return the Dice of mask and lesion map in the image's own frame; nan where either says nothing.

    The mask is taken for the infarct where the row is ischemic, else for the hemorrhage.
    """
    finding = Finding.ISCHEMIC if row.ischemic == 1 else Finding.HEMORRHAGIC
    if finding not in card.findings:
        return float("nan")
    try:
        mask = open_picture(base / row.mask) > 0.5
    except StrokeAppError as error:
        print(f"{row.mask}: {error.user_message}", file=sys.stderr)
        return float("nan")
    if mask.shape != shape:
        print(f"{row.mask}: is {mask.shape}, its image {shape}; no Dice.", file=sys.stderr)
        return float("nan")
    lesion = place_back(maps[FINDINGS.index(finding)].astype(np.float32), item.box, shape) > card.map_cut
    total = mask.sum() + lesion.sum()
    return round(float(2 * (mask & lesion).sum() / total), 4) if mask.any() else float("nan")


def _metrics(result: pd.DataFrame, failures: int, folder: Path) -> dict:
    """Return counts of all rows, and per network what its own rows say at its own thresholds."""
    names = result["model"].str.rpartition(" ")[0]
    return {
        "images": len(result),
        "answered": int((result["model"] != "").sum()),
        "not_opened": failures,
        "networks": {
            name: _network_metrics(result[names == name], find(name, folder)) for name in sorted(set(names) - {""})
        },
    }


def _network_metrics(result: pd.DataFrame, card: Card) -> dict:
    """Return the figures of one network's rows: others have other thresholds, and other kinds of images."""
    thresholds = {finding: settings.threshold for finding, settings in card.findings.items()}
    numeric = result.astype(dict.fromkeys(LABELS, "float64"))
    dice = result.dropna(subset=["lesion_dice"]).groupby("dataset")["lesion_dice"]
    return {
        "version": card.version,
        "images": len(result),
        "thresholds": {finding.value: value for finding, value in thresholds.items()},
        "figures": to_records(summarize(numeric, thresholds)),
        "lesion_dice": {
            name: {"n": len(v), "mean": round(float(v.mean()), 4), "median": round(float(v.median()), 4)}
            for name, v in dice
        },
    }
