"""Install networks of random weights, and draw CT scans that look enough like a head to be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from factories import slice_geometry
from strokeapp.models.registry import CARD, WEIGHTS, Card, fold_file, read_card, sha256
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.types import Geometry, Modality, Plane, Scan, Sequence, Units

torch.set_num_threads(1)  # tests run beside other work; waiting threads would only slow each other

SETTINGS = {
    "temperature": 2.0,
    "shift": -0.5,
    "operating_points": {"high_sensitivity": 0.1, "balanced": 0.3, "high_specificity": 0.9},
    "study_temperature": 1.5,
    "study_shift": 0.25,
    "study_operating_points": {"high_sensitivity": 0.2, "balanced": 0.6, "high_specificity": 0.95},
}


def random_network(*, seed: int = 0) -> SliceNetwork:
    """Return a network of random weights in evaluation mode, whose logits differ from picture to picture."""
    torch.manual_seed(seed)
    network = SliceNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.05, 0.2)
            torch.nn.init.normal_(module.bias, std=0.2)
    return network.eval().requires_grad_(False)


def card_values(*, name: str = "toy_ct", size: int = 64, **changes: Any) -> dict[str, Any]:
    """Return a card as plain values, without a hash that fits."""
    values = {
        "name": name,
        "version": "0.0.1",
        "title": "Toy network",
        "modality": "CT",
        "sequences": ["NCCT"],
        "input": {"size": size, "margin": 0.04},
        "network": {"pooled": ["hemorrhagic"], "top_share": 0.0045},
        "weights": {"file": WEIGHTS, "sha256": "0" * 64},
        "findings": {"hemorrhagic": dict(SETTINGS), "ischemic": dict(SETTINGS)},
        "map_cut": 0.5,
    }
    return values | changes


def install_network(
    folder: Path, *, seed: int = 0, values: Mapping[str, Any] | None = None, fold_seeds: tuple[int, ...] = ()
) -> Card:
    """Write a network of random weights and its card into ``folder / NAME`` as packaging does; return its card.

    Args:
        folder: Of shipped networks.
        seed: Of the weights.
        values: Of the card.
        fold_seeds: Of the weights of each fold, kept beside the folder.
    """
    values = dict(values or card_values())
    target = folder / values["name"]
    target.mkdir(parents=True)
    values["weights"] = {**values["weights"], "sha256": _write_weights(target / WEIGHTS, seed)}
    if fold_seeds:
        fold_file(target, 0).parent.mkdir(parents=True)
        paths = [fold_file(target, number) for number in range(len(fold_seeds))]
        kept = [{"file": p.name, "sha256": _write_weights(p, s)} for p, s in zip(paths, fold_seeds, strict=True)]
        values["weights"]["folds"] = kept
    (target / CARD).write_text(json.dumps(values), encoding="utf-8")
    return read_card(target)


def _write_weights(path: Path, seed: int) -> str:
    state = random_network(seed=seed).state_dict()
    save_file({n: v.contiguous() for n, v in state.items() if not n.endswith("num_batches_tracked")}, path)
    return sha256(path)


def ellipse(shape: tuple[int, int], center: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.bool_]:
    """Return the pixels inside an ellipse; center and radii are (row, column) in pixels."""
    row, column = np.ogrid[: shape[0], : shape[1]]
    return ((row - center[0]) / radii[0]) ** 2 + ((column - center[1]) / radii[1]) ** 2 <= 1


def head_hu(shape: tuple[int, int] = (128, 128), *, seed: int = 0) -> NDArray[np.int16]:
    """Return one axial head CT slice in HU: brain of 35 HU with noise, ventricles, a skull, skin, air."""
    rows, columns = shape
    center, size = (rows / 2, columns / 2), min(shape)
    hu = np.full(shape, -1000.0)
    for share, value in ((0.46, 30), (0.43, 1000), (0.38, 35)):
        hu[ellipse(shape, center, (size * share, size * share * 0.82))] = value
    for side in (-1, 1):
        hu[ellipse(shape, (rows / 2, columns / 2 + side * size * 0.06), (size * 0.12, size * 0.03))] = 6
    noise = np.random.default_rng(seed).normal(0, 4, shape)
    return np.clip(np.rint(hu + noise * (hu > -500)), -1024, 3000).astype(np.int16)


def head_scan(
    *,
    slices: int = 4,
    shape: tuple[int, int] = (128, 128),
    spacing: tuple[float, float, float] = (5.0, 1.5, 1.5),
    geometry: Geometry | None = None,
    **changes: Any,
) -> Scan:
    """Return a head CT of drawn slices; each slice has its own bright spot, so that no two are alike."""
    voxels = np.stack([head_hu(shape, seed=k) for k in range(slices)])
    for k in range(slices):
        spot = ellipse(shape, (shape[0] * 0.5, shape[1] * 0.62), (2 + 2 * k % 9, 3 + k % 5))
        voxels[k][spot] = 65
    fields = {
        "voxels": voxels,
        "geometry": geometry or slice_geometry(slices, spacing=spacing),
        "modality": Modality.CT,
        "sequence": Sequence.NCCT,
        "units": Units.HU,
        "plane": Plane.AXIAL,
    }
    return Scan(**(fields | changes))
