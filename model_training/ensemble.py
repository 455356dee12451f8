"""Measure what an ensemble of a network's folds is worth, on images that none of its networks has learnt from.

Out of fold it cannot be judged: each fold has learnt from the patients of the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from model_training.disagreement import errors_caught
from model_training.evaluate import CHUNK, card_for, drawn_lesion, open_image
from model_training.goals import slice_logits
from model_training.manifest import read_manifest, slice_positions, volume_names
from model_training.out_of_fold import map_logits, network_dice, stored_folds
from strokeapp.errors import ManifestError
from strokeapp.inference.engine import reading_network
from strokeapp.inference.slices import calibrated, heard_logits, run_slices
from strokeapp.models.markdown import figure_text, markdown_table
from strokeapp.models.registry import Card
from strokeapp.models.slice_network import FINDINGS
from strokeapp.performance.calibration_change import calibration_error
from strokeapp.performance.crossed import EXTERNAL
from strokeapp.performance.delong import delong
from strokeapp.performance.intervals import RESAMPLES
from strokeapp.performance.predictions import read_predictions
from strokeapp.performance.subgroups import mean_interval
from strokeapp.performance.summary import plain
from strokeapp.types import Finding

NETWORKS = ("final", "ensemble")


@dataclass(frozen=True)
class Voices:
    """Hold what the final network and the folds say of some images.

    Args:
        table: Their rows of the manifest.
        final: (images, 2) logits in the order of ``FINDINGS``, neighbors heard.
        folds: (folds, images, 2) the same of every fold's network.
        dice: (images, 2) lesion Dice of the final map and of the mean of the folds' maps (of logits), at the
            network's resolution; nan where no lesion is drawn.
        seconds: Spent in the final network, and in all folds together.
    """

    table: pd.DataFrame
    final: NDArray[np.float64]
    folds: NDArray[np.float64]
    dice: NDArray[np.float64]
    seconds: tuple[float, float]


def unseen(card: Card, manifest: Path) -> pd.DataFrame:
    """Return the rows of a manifest that a network reads and of whose patients no part of its run has learnt.

    Raises:
        ManifestError: There is none.
    """
    table, folds, stored = read_manifest(manifest), stored_folds(card), read_predictions(card.predictions)
    learnt = {path for path, fold in folds.items() if fold != EXTERNAL}
    inner = stored[stored["path"].isin(learnt)]
    patients = set(zip(inner["dataset"], inner["patient"], strict=True))
    new = [pair not in patients for pair in zip(table["dataset"], table["patient"], strict=True)]
    kinds = [card_for(row, card.name, card.folder.parent) is not None for row in table.itertuples()]
    rows = table[np.array(new) & np.array(kinds) & ~table["path"].isin(learnt)]
    if rows.empty:
        raise ManifestError(f"{card.name} has learnt from every image of {manifest.name} that it reads; name others.")
    return rows.reset_index(drop=True)


def listen(card: Card, manifest: Path) -> Voices:
    """Let the final network and every fold read the images that none of them has learnt from.

    Raises:
        WeightsMissingError: The weights of the folds were not kept.
        ManifestError: There is no such image, or one cannot be opened.
    """
    table = unseen(card, manifest)
    parts = [None, *range(card.kept_folds)]
    networks = [reading_network(card, part) for part in parts]
    logits = np.zeros((len(parts), len(table), len(FINDINGS)), np.float32)
    dice, seconds = np.full((len(table), 2), np.nan), np.zeros(len(parts))
    for first in range(0, len(table), CHUNK):
        rows = list(table[first : first + CHUNK].itertuples())
        images = [open_image(manifest.parent / row.path) for row in rows]
        items = [image.input_of(card) for image in images]
        maps = []
        for number, network in enumerate(networks):
            begun = time.perf_counter()
            outputs = run_slices(network, items, card.modality)
            seconds[number] += time.perf_counter() - begun
            logits[number, first : first + len(rows)] = outputs.logits
            maps.append(map_logits(outputs.maps))
        for i, row in enumerate(rows):
            drawn = drawn_lesion(row, images[i].gray.shape, card, manifest.parent) if row.mask else None
            if drawn is not None:
                channel, voices = FINDINGS.index(drawn[0]), (maps[0][i], np.mean([m[i] for m in maps[1:]], axis=0))
                dice[row.Index] = [network_dice(one[channel], drawn[1], items[i], card.map_cut) for one in voices]
    places = {"positions": slice_positions(table), "volumes": volume_names(table)}
    heard = np.stack([heard_logits(one, card, **places) for one in logits])
    return Voices(table, heard[0], heard[1:], dice, (float(seconds[0]), float(seconds[1:].sum())))


def judge(voices: Voices, card: Card, *, n: int = RESAMPLES) -> dict[str, Any]:
    """Return the figures of the ensemble beside the final network's, as plain values.

    The ensemble is the mean of the folds' logits, calibrated as the final network is. Doubt is the standard deviation
    of the folds' logits; beside it, how near the final network's own logit is to that of the operating point. Errors
    are the final network's, at the balanced operating point. Images without a patient's name count as patients of
    their own.

    Args:
        voices: From ``listen``.
        card: Of the network.
        n: Resamples of patients.
    """
    rows = []
    for finding in card.findings:
        for dataset in sorted(voices.table["dataset"].unique()):
            chosen = ((voices.table["dataset"] == dataset) & voices.table[finding.value].notna()).to_numpy()
            if chosen.any():
                rows.append({"finding": finding.value, "dataset": dataset} | _figures(voices, card, finding, chosen, n))
    images, folds = len(voices.table), len(voices.folds)
    per_image = [1000 * spent / images for spent in voices.seconds]
    return {
        "network": card.name,
        "version": card.version,
        "folds": folds,
        "figures": rows,
        "lesion_dice": list(_dice(voices, n)),
        "milliseconds_per_image": dict(zip(NETWORKS, per_image, strict=True)),
    }


def _figures(voices: Voices, card: Card, finding: Finding, chosen: NDArray[np.bool_], n: int) -> dict[str, Any]:
    channel, settings = FINDINGS.index(finding), card.findings[finding]
    part, folds = voices.table[chosen], voices.folds[:, chosen, channel]
    labels, patients = part[finding.value].to_numpy(np.int8), _units(part)
    logits = dict(zip(NETWORKS, (voices.final[chosen, channel], folds.mean(axis=0)), strict=True))
    probability = {name: calibrated(values, settings) for name, values in logits.items()}
    wrong = {name: (values >= settings.threshold) != (labels == 1) for name, values in probability.items()}
    own = logits["final"] / settings.temperature + settings.shift
    nearness = -np.abs(own - logit(np.clip(settings.threshold, 1e-6, 1 - 1e-6)))
    errors = {name: calibration_error(labels, values, patients, n=n) for name, values in probability.items()}
    return {
        "images": int(labels.size),
        "patients": int(patients.max()) + 1,
        "positives": int(labels.sum()),
        "auc": _areas(logits, labels, patients, card, finding),
        "ece": {name: plain(error.value, *error.interval) for name, error in errors.items()},
        "wrong": {name: int(values.sum()) for name, values in wrong.items()},
        "caught_by_disagreement": errors_caught(wrong["final"], folds.std(axis=0, ddof=1), patients, n=n),
        "caught_by_nearness": errors_caught(wrong["final"], nearness, patients, n=n),
    }


def _areas(
    logits: dict[str, NDArray], labels: NDArray, patients: NDArray, card: Card, finding: Finding
) -> dict[str, Any] | None:
    """Compare the areas over patients; a source of one class stands against held-out images of the other class.

    Those are in either column what the network of their fold says of them: neither the final network, which has
    learnt from them, nor an ensemble can be asked.
    """
    against = "itself"
    if labels.min() == labels.max():
        stored, name = read_predictions(card.predictions), f"{finding.value}_probability"
        others = stored[(stored["fold"] != EXTERNAL) & (stored[finding.value] == 1 - labels[0])].dropna(subset=[name])
        if others.empty:
            return None
        against, held = "held-out images", slice_logits(others[name].to_numpy(), card.findings[finding])
        logits = {name: np.append(values, held) for name, values in logits.items()}
        labels = np.append(labels, np.full(len(others), 1 - labels[0]))
        patients = np.append(patients, patients.max() + 1 + _units(others))
    found = delong(labels, logits["final"], logits["ensemble"], clusters=patients)
    return {"against": against, "final": found.auc_a, "ensemble": found.auc_b, "p": plain(found.p)[0]}


def _units(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return (rows,) codes of patients, 0 …; an image without a patient's name is one of its own."""
    names = table["dataset"] + "/" + table["patient"].where(table["patient"] != "", "\0" + table["path"])
    return pd.factorize(names)[0].astype(np.int64)


def _dice(voices: Voices, n: int) -> Iterator[dict[str, Any]]:
    drawn = np.isfinite(voices.dice).all(axis=1)
    for dataset in sorted(voices.table.loc[drawn, "dataset"].unique()):
        chosen = drawn & (voices.table["dataset"] == dataset).to_numpy()
        final, ensemble = voices.dice[chosen].T
        ends = mean_interval(ensemble - final, _units(voices.table[chosen]), n=n)
        yield {
            "dataset": dataset,
            "images": len(final),
            "final": float(final.mean()),
            "ensemble": float(ensemble.mean()),
            "difference": plain(float((ensemble - final).mean()), *ends),
        }


def ensemble_text(record: dict[str, Any]) -> str:
    """Return the figures of ``judge`` as Markdown."""
    cells, doubts = [], []
    for row in record["figures"]:
        size = f"{row['images']} ({row['positives']}, {row['patients']})"
        name = (row["finding"], row["dataset"])
        area = row["auc"]
        if area is not None:
            ends = figure_text(area["final"]), figure_text(area["ensemble"]), f"p {figure_text(area['p'])}"
            cells.append((*name, size, f"AUC against {area['against']}", *ends))
        cells.append((*name, size, "ECE", *(figure_text(*row["ece"][network]) for network in NETWORKS), ""))
        cells.append((*name, size, "wrong calls", *(row["wrong"][network] for network in NETWORKS), ""))
        for spread, near in zip(row["caught_by_disagreement"], row["caught_by_nearness"], strict=True):
            both = (figure_text(one["caught"], one["low"], one["high"], digits=2) for one in (spread, near))
            doubts.append((*name, row["wrong"]["final"], f"{spread['abstained']:.0%}", *both))
    for row in record["lesion_dice"]:
        means = figure_text(row["final"]), figure_text(row["ensemble"])
        difference = f"difference {figure_text(*row['difference'])}"
        cells.append(("lesion map", row["dataset"], row["images"], "mean Dice", *means, difference))
    header = ("finding", "images of", "n (positive, patients)", "figure", "final", "ensemble", "")
    doubt = ("finding", "images of", "errors", "abstained from", "caught by disagreement of folds", "by nearness")
    spent = record["milliseconds_per_image"]
    cost = (
        f"{record['folds']} networks: {spent['ensemble']:.0f} ms an image in place of {spent['final']:.0f} "
        f"({spent['ensemble'] / spent['final']:.1f} times)."
    )
    return "\n\n".join([markdown_table(header, cells), markdown_table(doubt, doubts), cost])
