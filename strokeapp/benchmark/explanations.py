"""Measure explanations beside plain loops: slice by slice for Grad-CAM, step by step for integrated gradients."""

from __future__ import annotations

import copy
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from strokeapp.benchmark.files import write_ct
from strokeapp.benchmark.whole_way import SLICE_MM, SLICES, head_volume
from strokeapp.imaging.network_input import network_batch
from strokeapp.imaging.scan_input import scan_input
from strokeapp.inference.explain import explain_volume
from strokeapp.inference.explanation import grad_cam, integrated_gradients, map_grad_cam
from strokeapp.inference.explanation.baselines import smoothed
from strokeapp.inference.explanation.registry import METHODS
from strokeapp.inference.explanation.shown import shown
from strokeapp.inference.explanation.target import FindingLogits, channel, private_view
from strokeapp.models.registry import Card, choose, load_network
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.reading import load, open_inputs
from strokeapp.types import Finding, Modality, Scan, Sequence

GOAL_SECONDS = 2.0
TOLERANCE = 1e-4
"""Largest difference of the maps as shown, in [0, 1]."""
FINDING = Finding.HEMORRHAGIC
Explain = Callable[[], Tensor]


@dataclass(frozen=True)
class Pair:
    """Hold one comparison; seconds are the best of all repeats.

    Args:
        name: What was explained.
        seconds, cpu_seconds: Of this program, wall clock and processor time.
        loop_seconds, loop_cpu_seconds: Of the plain loop.
        difference: Largest, of the maps as shown.
    """

    name: str
    seconds: float
    cpu_seconds: float
    loop_seconds: float
    loop_cpu_seconds: float
    difference: float


def plain_grad_cam(network: SliceNetwork, batch: Tensor, finding: Finding, *, within_map: bool = False) -> Tensor:
    """Explain slice by slice with Captum on the network as it was trained; (n, rows, columns).

    Args:
        network: Shared; stays as it is.
        batch: (n, 1, rows, columns) network input.
        finding: To be explained.
        within_map: Times the lesion map of a pass of its own, smoothed.
    """
    view, size = private_view(network), tuple(batch.shape[-2:])
    method, parts = LayerGradCam(FindingLogits(view), view.get_submodule(grad_cam.LAYER)), []
    for one in batch.split(1):
        coarse = method.attribute(one.clone().requires_grad_(), target=channel(finding), relu_attributions=True)
        values = LayerAttribution.interpolate(coarse, size, "bilinear")[:, 0].detach()
        if within_map:
            with torch.no_grad():
                marked = network(one).maps[:, channel(finding), None].sigmoid()
            values = values * functional.interpolate(marked, size=size, mode="bilinear")[:, 0]
            sigma = map_grad_cam.SCALE_SHARE * size[-1]
            values = torch.from_numpy(ndimage.gaussian_filter(values.numpy(), (0, sigma, sigma)))
        parts.append(values)
    return torch.cat(parts)


def plain_integrated_gradients(
    network: SliceNetwork, one: Tensor, finding: Finding, *, steps: int = integrated_gradients.STEPS
) -> Tensor:
    """Explain one slice step by step on the network as it was trained; (1, rows, columns)."""
    there, total = smoothed(one), torch.zeros_like(one)
    for node, weight in zip(*np.polynomial.legendre.leggauss(steps), strict=True):
        point = (there + float(node + 1) / 2 * (one - there)).requires_grad_()
        (gradient,) = torch.autograd.grad(network(point).findings[0, channel(finding)], point)
        total += float(weight) / 2 * gradient
    return ((one - there) * total)[:, 0]


def timed(explain: Explain, repeats: int) -> tuple[float, float, Tensor]:
    """Return the least wall clock and processor time of some repeats after an untimed one, and what it gave."""
    values, found = explain(), []
    for _ in range(repeats):
        begun, spent = time.perf_counter(), time.process_time()
        explain()
        found.append((time.perf_counter() - begun, time.process_time() - spent))
    wall, cpu = zip(*found, strict=True)
    return min(wall), min(cpu), values


def compare(name: str, method: str, ours: Explain, loop: Explain, *, repeats: int) -> Pair:
    """Time an explanation and its plain loop.

    Args:
        name: Of the comparison.
        method: Registered name, which tells how its values are shown.
        ours, loop: Return (n, rows, columns).
        repeats: Of each.
    """
    (seconds, cpu, values), (loop_seconds, loop_cpu, plain) = timed(ours, repeats), timed(loop, repeats)
    maps = [shown(part.float().numpy(), METHODS[method].part) for part in (values, plain)]
    return Pair(name, seconds, cpu, loop_seconds, loop_cpu, float(np.abs(maps[0] - maps[1]).max()))


def measure(card: Card, batch: Tensor, *, repeats: int, finding: Finding = FINDING) -> list[Pair]:
    """Compare Grad-CAM and the default method on all slices, and integrated gradients on the middle one.

    Args:
        card: Of a network of EfficientNet-Lite0.
        batch: (slices, 1, rows, columns) network input.
        repeats: Of each.
        finding: To be explained.
    """
    network, middle = load_network(card), len(batch) // 2
    one, count = batch[middle : middle + 1], len(batch)
    asked = (network, batch, finding)
    pairs = [
        compare(
            f"{METHODS[name].title}, {count} slices",
            name,
            lambda name=name: METHODS[name].attribute(*asked),
            lambda name=name: plain_grad_cam(*asked, within_map=name == "MapGradCam"),
            repeats=repeats,
        )
        for name in ("LayerGradCam", "MapGradCam")
    ]
    name = "IntegratedGradients"
    title = f"{METHODS[name].title}, one slice, {integrated_gradients.STEPS} steps"
    ours, loop = METHODS[name].attribute, plain_integrated_gradients
    pairs.append(
        compare(title, name, lambda: ours(network, one, finding), lambda: loop(network, one, finding), repeats=repeats)
    )
    return pairs


def exact_difference(card: Card, one: Tensor, finding: Finding = FINDING) -> float:
    """Return the largest difference of integrated gradients as shown, in double precision.

    In single precision a rectifier, or a place picked from the map, that hangs in the balance may tip either way.
    """
    network, exact = copy.deepcopy(load_network(card)).double(), one.double()
    parts = (integrated_gradients.attribute, plain_integrated_gradients)
    maps = [shown(f(network, exact, finding).float().numpy(), METHODS["IntegratedGradients"].part) for f in parts]
    return float(np.abs(maps[0] - maps[1]).max())


def generated_scan(folder: Path, *, slices: int = SLICES) -> Scan:
    """Return a generated head CT with a bleed, written to a folder and read again."""
    write_ct(folder, head_volume(slices=slices), slice_mm=SLICE_MM)
    with tempfile.TemporaryDirectory() as workspace:
        return load(open_inputs([folder], workspace=Path(workspace)).series[0])


def run(*, repeats: int) -> None:
    """Print the comparison on a generated CT of 40 slices, and what all of its slices take from scan to maps."""
    card = choose(Modality.CT, Sequence.NCCT)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        scan = generated_scan(Path(folder))
    inputs = scan_input(scan, card.modality, size=card.size, margin=card.margin).inputs
    batch = torch.from_numpy(network_batch(list(inputs), card.modality))
    load_now = f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; best of {repeats}"
    print(f"{card.name} {card.version}, {card.size} × {card.size}, {load_now}\n", flush=True)
    print("| what | s | CPU s | loop s | loop CPU s | loop / this | CPU | largest difference |")
    print("|---|---|---|---|---|---|---|---|")
    for pair in measure(card, batch, repeats=repeats):
        print(_line(pair), flush=True)
    middle = len(batch) // 2
    exact = exact_difference(card, batch[middle : middle + 1])
    print(f"\nIntegrated gradients in double precision differ by at most {exact:.1e}.", flush=True)
    for name in ("LayerGradCam", "MapGradCam"):
        seconds, cpu, _ = timed(lambda name=name: _volume(scan, card, name), repeats)
        print(f"{METHODS[name].title} of the study, from scan to maps on it: {seconds:.2f} s, CPU {cpu:.2f} s.")


def _volume(scan: Scan, card: Card, name: str) -> NDArray[np.uint8]:
    return explain_volume(scan, card, method=name, finding=FINDING).values


def _line(pair: Pair) -> str:
    goal = "met" if pair.seconds <= GOAL_SECONDS else "missed"
    cells = (
        f"{pair.name} (goal {GOAL_SECONDS:g} s {goal})", f"{pair.seconds:.2f}", f"{pair.cpu_seconds:.2f}",
        f"{pair.loop_seconds:.2f}", f"{pair.loop_cpu_seconds:.2f}", f"{pair.loop_seconds / pair.seconds:.1f}",
        f"{pair.loop_cpu_seconds / pair.cpu_seconds:.1f}", f"{pair.difference:.1e}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"
