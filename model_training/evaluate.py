"""Run shipped networks over any manifest and write predictions and figures."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from model_training.image_store import open_picture
from model_training.manifest import LABELS, read_manifest, slice_positions, volume_names
from model_training.out_of_fold import compare_with_stored, fold_number, map_logits, network_dice, stored_folds
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

    def input_of(self, card: Card) -> SliceInput:
        """Return what a network reads of the image."""
        return slice_input(self.gray, card.modality, size=card.size, aspect=self.aspect, margin=card.margin)


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


@dataclass(frozen=True)
class Readers:
    """Say which network reads which row.

    Args:
        model: Name of a shipped network, or "auto" for the one trained for each row's modality and sequence.
        folder: Of shipped networks.
        folds: Network to path to fold, where rows that the network learnt from are read out of fold; else None.
    """

    model: str
    folder: Path
    folds: Mapping[str, Mapping[str, str]] | None = None

    def fold(self, card: Card, path: str) -> str:
        """Return the fold of a row as in the stored predictions; empty where that is not asked or not known."""
        return "" if self.folds is None else self.folds[card.name].get(path, "")


def readers_of(table: pd.DataFrame, model: str, folder: Path, *, out_of_fold: bool) -> Readers:
    """Return what reads the rows of a manifest; arguments as for ``evaluate``."""
    if model != "auto":
        find(model, folder)
    if not out_of_fold:
        return Readers(model, folder)
    kinds = table.drop_duplicates(["modality", "sequence"]).itertuples()
    cards = {card.name: card for row in kinds if (card := card_for(row, model, folder)) is not None}
    return Readers(model, folder, {name: stored_folds(card) for name, card in cards.items()})


def evaluate(
    manifest: Path, out: Path, *, model: str = "auto", folder: Path = WEIGHTS_FOLDER, out_of_fold: bool = False
) -> pd.DataFrame:
    """Write ``predictions.csv`` and ``metrics.json`` for every row of a manifest; return the predictions.

    A row whose file cannot be opened, or that no network reads, keeps empty probabilities; the former are named
    on standard error.

    Args:
        manifest: In the documented format; paths are relative to its folder.
        out: Folder to write into; made if it is not there.
        model: Name of a shipped network, or "auto" for the one trained for each row's modality and sequence.
        folder: Of shipped networks.
        out_of_fold: Whether a row of the stored predictions is read by the network of its fold, which has not seen
            it. Lesion Dice is then taken at the network's resolution, as it was stored, and the metrics of a network
            hold the comparison with its stored predictions.

    Raises:
        ManifestError: The manifest is missing or not as documented.
        WeightsMissingError: There is no such network, or the weights of its folds were not kept.
    """
    table = read_manifest(manifest)
    readers = readers_of(table, model, folder, out_of_fold=out_of_fold)
    result = table[["path", "patient", "dataset", *LABELS, "presumed"]].copy()
    result.insert(3, "fold", "")
    for finding in FINDINGS:
        result[f"{finding.value}_probability"] = np.nan
    result["lesion_dice"], result["model"] = np.nan, ""
    failures, logits = 0, np.full((len(table), len(FINDINGS)), np.nan, np.float32)
    rows = list(table.itertuples())
    for first in tqdm(range(0, len(rows), CHUNK), desc="evaluate", unit="chunk", disable=len(rows) <= CHUNK):
        failures += _chunk(rows[first : first + CHUNK], result, logits, manifest.parent, readers)
    _judge(result, table, logits, folder)
    out.mkdir(parents=True, exist_ok=True)
    for name in LABELS:
        result[name] = result[name].astype("Int8")
    result.to_csv(out / "predictions.csv", index=False)
    metrics = _metrics(result, failures, readers)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    return result


def _judge(result: pd.DataFrame, table: pd.DataFrame, logits: NDArray, folder: Path) -> None:
    """Fill in the probabilities (in place), as the app has them: slices of a volume hear their neighbors."""
    for name in set(result["model"]) - {""}:
        rows = np.flatnonzero(result["model"] == name)
        card, part = find(name.rpartition(" ")[0], folder), table.iloc[rows]
        heard = heard_logits(logits[rows], card, slice_positions(part), volumes=volume_names(part))
        for finding, values in slice_probabilities(heard, card).items():
            result.loc[result.index[rows], f"{finding.value}_probability"] = np.round(values, 6)


def _chunk(rows: list, result: pd.DataFrame, logits: NDArray[np.float32], base: Path, readers: Readers) -> int:
    """Read a chunk of rows into the table and the logits (in place); return how many could not be opened."""
    groups: dict[tuple[str, str], list[tuple]] = {}
    cards: dict[str, Card] = {}
    failures = 0
    for row in rows:
        card = card_for(row, readers.model, readers.folder)
        if card is None:
            continue
        try:
            image = open_image(base / row.path)
        except StrokeAppError as error:
            print(f"{row.path}: {error.user_message}", file=sys.stderr)
            failures += 1
            continue
        item = image.input_of(card)
        cards[card.name] = card
        groups.setdefault((card.name, readers.fold(card, row.path)), []).append((row, item, image.gray.shape))
    for (name, fold), members in groups.items():
        network, card = reading_network(cards[name], fold_number(fold)), cards[name]
        outputs = run_slices(network, [item for _, item, _ in members], card.modality)
        indices = [row.Index for row, _, _ in members]
        logits[indices], result.loc[indices, "fold"] = outputs.logits, fold
        _fill(result, members, outputs, card, base, at_network=readers.folds is not None)
    return failures


def _fill(
    result: pd.DataFrame, members: list[tuple], outputs: SliceOutputs, card: Card, base: Path, *, at_network: bool
) -> None:
    for number, (row, item, shape) in enumerate(members):
        result.loc[row.Index, "model"] = f"{card.name} {card.version}"
        drawn = drawn_lesion(row, shape, card, base) if row.mask else None
        if drawn is not None:
            finding, mask = drawn
            lesion = outputs.maps[number, FINDINGS.index(finding)]
            if at_network:
                dice = network_dice(map_logits(lesion), mask, item, card.map_cut)
            else:
                dice = _lesion_dice(lesion, mask, item, card.map_cut)
            result.loc[row.Index, "lesion_dice"] = round(dice, 4)


def drawn_lesion(row, shape: tuple[int, int], card: Card, base: Path) -> tuple[Finding, NDArray[np.bool_]] | None:
    """Return which finding a row's mask marks, and where; None where that says nothing of the network.

    The mask is taken for the infarct where the row is ischemic, else for the hemorrhage.
    """
    finding = Finding.ISCHEMIC if row.ischemic == 1 else Finding.HEMORRHAGIC
    if finding not in card.findings:
        return None
    try:
        mask = open_picture(base / row.mask) > 0.5
    except StrokeAppError as error:
        print(f"{row.mask}: {error.user_message}", file=sys.stderr)
        return None
    if mask.shape != shape:
        print(f"{row.mask}: is {mask.shape}, its image {shape}; no Dice.", file=sys.stderr)
        return None
    return finding, mask


def _lesion_dice(lesion: NDArray[np.float16], mask: NDArray[np.bool_], item: SliceInput, cut: float) -> float:
    """Return the Dice of mask and lesion map in the image's own frame; nan where nothing is drawn."""
    found = place_back(lesion.astype(np.float32), item.box, mask.shape) > cut
    return float(2 * (mask & found).sum() / (mask.sum() + found.sum())) if mask.any() else float("nan")


def _metrics(result: pd.DataFrame, failures: int, readers: Readers) -> dict:
    """Return counts of all rows, and per network what its own rows say at its own thresholds."""
    names = result["model"].str.rpartition(" ")[0]
    compared = readers.folds is not None
    return {
        "images": len(result),
        "answered": int((result["model"] != "").sum()),
        "not_opened": failures,
        "networks": {
            name: _network_metrics(result[names == name], find(name, readers.folder), compared=compared)
            for name in sorted(set(names) - {""})
        },
    }


def _network_metrics(result: pd.DataFrame, card: Card, *, compared: bool) -> dict:
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
    } | ({"out_of_fold": compare_with_stored(result, card)} if compared else {})
