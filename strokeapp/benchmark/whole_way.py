"""Measure the whole way from a folder of CT files to a reading, beside the plain loop that a user would write."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strokeapp.benchmark.files import write_ct
from strokeapp.demonstration import demonstrations
from strokeapp.errors import StrokeAppError
from strokeapp.imaging.windows import CT_PRESETS, apply_window
from strokeapp.models.registry import CARD, WEIGHTS, Card, choose, read_card
from strokeapp.models.slice_network import FINDINGS
from strokeapp.reading import load, open_inputs
from strokeapp.types import Modality, Sequence

SLICES, SLICE_MM = 40, 4.0
"""A head of 16 cm; at this spacing every slice is read by itself."""
NOISE_HU = 3.0
TOLERANCE = 1e-4
"""Largest difference of a slice's probability between the two ways."""
OURS, LEAN, PLAIN = "strokeapp", "strokeapp, only what the loop does", "plain slice-by-slice PyTorch loop"
Way = Callable[[], tuple[NDArray[np.float64], dict[str, float]]]


@dataclass(frozen=True)
class Timing:
    """Hold the best of all repeats.

    Args:
        seconds: Wall clock.
        cpu_seconds: Processor time of all threads.
        stages: Wall clock of every stage in the repeat that took least.
        probabilities: (slices, 2) calibrated, nan for a finding that the network does not read.
    """

    seconds: float
    cpu_seconds: float
    stages: Mapping[str, float] = field(default_factory=dict)
    probabilities: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def head_volume(*, slices: int = SLICES) -> NDArray[np.int16]:
    """Return a synthetic head CT in HU with a lesion, from the studies that come with the program.

    Args:
        slices: Evenly spaced over the study's; repeated ones get noise of their own.
    """
    study = next(one for one in demonstrations() if one.modality is Modality.CT and "bleed" in one.path.name)
    with tempfile.TemporaryDirectory() as folder:
        voxels = load(open_inputs([study.path], workspace=Path(folder)).series[0]).voxels
    chosen = np.linspace(0, len(voxels) - 1, slices).round().astype(int)
    noise = np.random.default_rng(0).normal(0, NOISE_HU, (slices, *voxels.shape[1:]))
    return np.clip(np.rint(voxels[chosen] + noise), -1024, 3000).astype(np.int16)


def resized(card: Card, size: int, folder: Path) -> Card:
    """Copy a network into a folder with another size of its input: for timing only, it was not trained so.

    Args:
        card: Of the network; its familiarity is left behind, since features of another size lie elsewhere.
        size: Divisible by 32.
        folder: Existing, empty.

    Raises:
        StrokeAppError: The network cannot take pictures of this size.
    """
    if size < 32 or size % 32:
        raise StrokeAppError(f"The network takes pictures whose side is a multiple of 32, not {size}.")
    target = folder / card.name
    target.mkdir()
    shutil.copyfile(card.folder / WEIGHTS, target / WEIGHTS)
    raw = {**card.raw, "input": {**card.raw["input"], "size": size}}
    (target / CARD).write_text(json.dumps(raw), encoding="utf-8")
    return read_card(target)


def our_way(files: Path, networks: Path) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Open, check, read and describe as the application does.

    Args:
        files: Folder of one series.
        networks: Folder of networks.

    Returns:
        (slices, 2) probabilities from the feet up, and seconds per stage.

    Raises:
        StrokeAppError: There is no reading.
    """
    from strokeapp.inference.facts import lesion_facts
    from strokeapp.inference.series import read_series

    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as workspace:
        series = open_inputs([files], workspace=Path(workspace)).series[0]
        opened = time.perf_counter() - begun
        outcome = read_series(series, folder=networks)
    if outcome.reading is None or outcome.scan is None:
        reason = outcome.abstained or outcome.error
        raise StrokeAppError(f"The scan was not read: {reason.message if reason else 'unknown'}")
    reading, read = outcome.reading, time.perf_counter()
    for finding in reading.findings:
        lesion_facts(outcome.scan, reading, finding, cut=0.5)
    facts = time.perf_counter() - read
    values = [[getattr(item, finding.value) for finding in FINDINGS] for item in reading.slices]
    return np.array(values, dtype=np.float64), {"open": opened, **outcome.seconds, "facts": facts}


def lean_way(files: Path, card: Card) -> NDArray[np.float64]:
    """Do no more than ``plain_way`` does, with this program's parts: no suitability, no lesion maps, no facts.

    Returns:
        (slices, 2) probabilities from the feet up.
    """
    from strokeapp.imaging.scan_input import scan_input
    from strokeapp.inference.engine import reading_network
    from strokeapp.inference.slices import run_slices

    with tempfile.TemporaryDirectory() as workspace:
        scan = load(open_inputs([files], workspace=Path(workspace)).series[0])
    inputs = scan_input(scan, Modality.CT, size=card.size, margin=card.margin).inputs
    logits = run_slices(reading_network(card), inputs, Modality.CT).logits
    return _probabilities(logits, card, scan.geometry.positions_mm if scan.geometry else None)


def _probabilities(logits: NDArray[np.float32], card: Card, places_mm: ArrayLike | None) -> NDArray[np.float64]:
    from strokeapp.inference.slices import heard_logits, slice_probabilities

    heard = heard_logits(logits, card, np.arange(len(logits)), places_mm=places_mm)
    found = slice_probabilities(heard, card)
    missing = np.full(len(logits), np.nan)
    return np.stack([found.get(finding, missing) for finding in FINDINGS], axis=1)


def plain_way(files: Path, card: Card) -> NDArray[np.float64]:
    """Read as a user would: every file with pydicom, then window, crop and network, one slice after the other.

    No suitability, no lesion maps, no facts.

    Returns:
        (slices, 2) probabilities from the feet up.
    """
    import pydicom
    import torch

    from strokeapp.imaging.network_input import network_batch, slice_input
    from strokeapp.models.registry import load_network

    network, logits = load_network(card), []
    datasets = sorted(map(pydicom.dcmread, files.iterdir()), key=lambda one: float(one.ImagePositionPatient[2]))
    for dataset in datasets:
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        item = slice_input(apply_window(hu, CT_PRESETS[0]), Modality.CT, size=card.size, margin=card.margin)
        with torch.no_grad():
            logits.append(network(torch.from_numpy(network_batch([item], Modality.CT))).findings[0].numpy())
    return _probabilities(np.stack(logits), card, [float(one.ImagePositionPatient[2]) for one in datasets])


def compare(files: Path, networks: Path, card: Card, *, repeats: int = 3) -> dict[str, Timing]:
    """Time all ways in turn, in this process, after one untimed round of each.

    Returns:
        By ``OURS``, ``LEAN`` and ``PLAIN``.
    """
    ways: dict[str, Way] = {
        OURS: lambda: our_way(files, networks),
        LEAN: lambda: (lean_way(files, card), {}),
        PLAIN: lambda: (plain_way(files, card), {}),
    }
    rounds: dict[str, list[Timing]] = {name: [] for name in ways}
    for number in range(repeats + 1):
        for name, way in ways.items():
            timing = _timed(way)
            if number:
                rounds[name].append(timing)
    return {name: _best(timings) for name, timings in rounds.items()}


def _timed(way: Way) -> Timing:
    begun, spent = time.perf_counter(), time.process_time()
    probabilities, stages = way()
    return Timing(time.perf_counter() - begun, time.process_time() - spent, stages, probabilities)


def _best(rounds: list[Timing]) -> Timing:
    fastest = min(rounds, key=lambda one: one.seconds)
    least = min(one.cpu_seconds for one in rounds)
    return Timing(fastest.seconds, least, fastest.stages, fastest.probabilities)


def table(timings: Mapping[str, Timing]) -> str:
    """Return all ways beside the plain loop, the largest difference of a probability and the time of every stage."""
    plain, ours = timings[PLAIN], timings[OURS]
    worst = max(float(np.nanmax(np.abs(t.probabilities - plain.probabilities))) for t in timings.values())
    lines = ["| way | wall s | CPU s | loop / this, wall | CPU |", "|---|---|---|---|---|"]
    for name, t in timings.items():
        wall, cpu = plain.seconds / max(t.seconds, 1e-9), plain.cpu_seconds / max(t.cpu_seconds, 1e-9)
        lines.append(f"| {name} | {t.seconds:.2f} | {t.cpu_seconds:.2f} | {wall:.1f} | {cpu:.1f} |")
    same = "yes" if worst <= TOLERANCE else "no"
    lines += ["", f"Same probabilities to {TOLERANCE:g}: {same} (largest difference {worst:.1e})", ""]
    lines += ["| stage of strokeapp | wall s |", "|---|---|"]
    lines += [f"| {name} | {seconds:.3f} |" for name, seconds in ours.stages.items() if name != "total"]
    return "\n".join(lines) + "\n"


def run(*, size: int | None = None, repeats: int = 3) -> None:
    """Print the comparison for the CT network, at another size of its input where one is given.

    Raises:
        StrokeAppError: There is no CT network, or it cannot take pictures of this size.
    """
    import torch

    from strokeapp.inference.engine import reading_network

    card = choose(Modality.CT, Sequence.NCCT)
    if card is None:
        raise StrokeAppError("No network for plain CT is installed, so there is nothing to measure.")
    with tempfile.TemporaryDirectory(prefix="whole-way-") as root:
        files, networks = Path(root) / "ct", Path(root) / "networks"
        files.mkdir()
        networks.mkdir()
        write_ct(files, head_volume(), slice_mm=SLICE_MM)
        card = resized(card, size or card.size, networks)
        engine = type(reading_network(card)).__name__
        print(f"### {SLICES} × 512 × 512 CT, bytes to reading, network input {card.size} × {card.size}\n")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads, {engine}\n")
        print(table(compare(files, networks, card, repeats=repeats)), flush=True)
