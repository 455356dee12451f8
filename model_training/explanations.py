"""Measure the explanations of a run's networks on masked images that each network never saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_training.cross_validation import FINAL
from model_training.explanation_figures import fidelity_figures, place_figures, randomization_figures
from model_training.recipe import Recipe
from model_training.runs import load_recipe, read_rows, trained_network
from strokeapp.errors import ModelError, RecipeError
from strokeapp.imaging.network_input import leveled
from strokeapp.imaging.normalize import standardize
from strokeapp.inference.explanation import grad_cam
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, Cost, Method, method_of
from strokeapp.models.slice_network import FINDINGS, SliceNetwork
from strokeapp.performance.saliency import TOLERANCE_PX
from strokeapp.types import Finding

Attribute = Callable[[SliceNetwork, Tensor, Finding], Tensor]
MIN_PIXELS = {Finding.HEMORRHAGIC: 100, Finding.ISCHEMIC: 1}
"""Smallest mask at network resolution, about a millimeter a pixel."""
LARGE_PIXELS = 100
SEED = 20161008
MAX_AGREEMENT = 0.5
"""Rank correlation (either sign) inside the head with the explanation of the shuffled network, above which a method
fails."""


@dataclass(frozen=True)
class Sample:
    """Hold the masked images of one finding.

    Args:
        finding: Drawn in the masks.
        batch: (n, 1, size, size) network input.
        masks: (n, size, size) bool.
        folds: (n,) fold in which the image was held out; -1: no network of the run learnt from its set.
        groups: (n,) patients.
    """

    finding: Finding
    batch: Tensor
    masks: NDArray[np.bool_]
    folds: NDArray[np.int64]
    groups: NDArray[np.str_]

    def first(self, count: int) -> Sample:
        """Return the first images."""
        parts = {name: getattr(self, name)[:count] for name in ("batch", "masks", "folds", "groups")}
        return replace(self, **parts)


class FoldNetworks:
    """Load a run's networks, each once.

    Args:
        run: Folder of the run.
        recipe: Of the run.
    """

    def __init__(self, run: Path, recipe: Recipe) -> None:
        self.run, self.recipe = run, recipe
        self._loaded: dict[int, SliceNetwork] = {}

    def of(self, fold: int) -> SliceNetwork:
        """Return the network that did not learn from a fold; the final one for -1.

        Raises:
            RecipeError: That part of the run is not finished.
        """
        if fold not in self._loaded:
            part = FINAL if fold < 0 else f"fold{fold}"
            self._loaded[fold] = trained_network(self.run, part, self.recipe)
        return self._loaded[fold]

    def groups(self, sample: Sample) -> Iterator[tuple[SliceNetwork, NDArray[np.int64]]]:
        """Yield every network with the images it never saw."""
        for fold in np.unique(sample.folds):
            yield self.of(int(fold)), np.flatnonzero(sample.folds == fold)


def draw_sample(run: Path, recipe: Recipe, finding: Finding, *, limit: int, seed: int = SEED) -> Sample | None:
    """Draw images with a mask of a finding, in an order of chance; None where the run has none.

    Args:
        run: With ``rows.csv`` and ``store.npz``.
        recipe: Of the run.
        finding: Drawn in the masks.
        limit: Most images.
        seed: Of the order; a smaller limit gives the first of a larger one.

    Raises:
        RecipeError: The run keeps no images.
    """
    if not (run / "store.npz").is_file():
        raise RecipeError(f"{run} keeps no images (store.npz). Train the run again; it continues where it stopped.")
    table = read_rows(run)
    with np.load(run / "store.npz") as parts:
        masks = parts["masks"][:, FINDINGS.index(finding)]
        fitting = np.flatnonzero(masks.sum((1, 2)) >= MIN_PIXELS[finding])
        rows = np.random.default_rng(seed).permutation(fitting)[:limit]
        if not len(rows):
            return None
        gray, level = parts["gray"][rows], parts["level"][rows]
    pictures = [leveled(g / np.float32(255), v, recipe.modality) for g, v in zip(gray, level, strict=True)]
    batch = torch.from_numpy(standardize(np.stack(pictures)[:, None]))
    groups = (table["dataset"] + "/" + table["group"]).to_numpy()[rows]
    return Sample(finding, batch, masks[rows], table["fold"].to_numpy()[rows], groups)


def out_of_fold(
    networks: FoldNetworks, sample: Sample, attribute: Callable[[SliceNetwork, Tensor, Finding], Tensor]
) -> NDArray[np.float32]:
    """Return (n, rows, columns) raw attributions, each by a network that never saw the image."""
    values = np.zeros(sample.masks.shape, np.float32)
    for network, rows in networks.groups(sample):
        values[rows] = attribute(network, sample.batch[rows], sample.finding).numpy()
    return values


def measure_layers(networks: FoldNetworks, sample: Sample) -> list[dict[str, Any]]:
    """Return one row of figures per layer that Grad-CAM could take."""
    rows = []
    for layer in grad_cam.LAYERS:
        values = out_of_fold(networks, sample, lambda n, b, f, layer=layer: grad_cam.attribute(n, b, f, layer=layer))
        figures = place_figures(values, METHODS["LayerGradCam"].part, sample, large=LARGE_PIXELS)
        rows.append({"layer": layer, "finding": sample.finding.value, **figures})
    return rows


def measure_method(networks: FoldNetworks, sample: Sample, method: Method, *, common: int) -> dict[str, Any]:
    """Return one row of figures for a method and a finding.

    Args:
        networks: Of the run.
        sample: Images of the finding.
        method: To be measured.
        common: The first images, which every method is measured on and the default is chosen by.
    """
    begun = time.perf_counter()
    values = out_of_fold(networks, sample, method.attribute)
    seconds = (time.perf_counter() - begun) / len(values)
    row = {"method": method.name, "title": method.title, "finding": sample.finding.value}
    row |= place_figures(values, method.part, sample, large=LARGE_PIXELS)
    first = place_figures(values[:common], method.part, sample.first(common), large=LARGE_PIXELS)
    row["common_hit_rate"] = first["hit_rate"]
    row |= fidelity_figures(networks, sample, method, values)
    return row | {"seconds_per_slice": seconds}


def measure(
    run: Path,
    *,
    limit: int,
    costly_limit: int,
    methods: tuple[str, ...] = (),
    known: dict[str, Any] | None = None,
    tell: Callable[[str], None] = print,
    keep: Callable[[dict[str, Any]], None] = lambda _report: None,
) -> dict[str, Any]:
    """Measure all methods on all findings of a run that have masks.

    Args:
        run: Folder of a finished run.
        limit: Images per finding for cheap methods.
        costly_limit: For the others.
        methods: Names; all of them, and the lesion map, unless given.
        known: An earlier report of the same run, whose other methods are kept.
        tell: Called with a line after every method.
        keep: Called with the report so far, so that a long run can be cut.

    Raises:
        RecipeError: The run is not finished, or has no masks.
    """
    recipe = load_recipe(run)
    networks = FoldNetworks(run, recipe)
    drawn = [draw_sample(run, recipe, Finding(name), limit=limit) for name in recipe.findings]
    samples = [sample for sample in drawn if sample is not None]
    if not samples:
        raise RecipeError(f"The run in {run} has no images with a mask: there is nothing to compare explanations with.")
    report = known or _empty_report(recipe, limit=limit, costly_limit=costly_limit)
    if not report["layers"]:
        report["layers"] = [row for sample in samples for row in measure_layers(networks, sample)]
    for method in [method_of(name) for name in methods or (LESION_MAP.name, *METHODS)]:
        most = limit if method.cost is Cost.CHEAP else costly_limit
        try:
            _add(report, networks, [sample.first(most) for sample in samples], method, common=costly_limit)
        except ModelError as error:
            report["not_offered"][method.name] = error.user_message
        report["default"] = _default(report)
        tell(_line(report, method))
        keep(report)
    return report


def _empty_report(recipe: Recipe, *, limit: int, costly_limit: int) -> dict[str, Any]:
    protocol = {
        "images_per_finding": {"cheap": limit, "other": costly_limit},
        "tolerance_px": TOLERANCE_PX,
        "picture_px": recipe.size,
        "min_mask_px": {finding.value: pixels for finding, pixels in MIN_PIXELS.items()},
        "large_px": LARGE_PIXELS,
        "max_rank_correlation": MAX_AGREEMENT,
        "grad_cam_layer": grad_cam.LAYER,
        "out_of_fold": True,
        "intervals": "95 %, patients resampled",
    }
    return {"network": recipe.name, "version": recipe.version, "default": "", "protocol": protocol} | {
        "rows": [], "layers": [], "randomization": {}, "not_offered": {}
    }  # fmt: skip


def _add(report: dict[str, Any], networks: FoldNetworks, samples: list[Sample], method: Method, *, common: int) -> None:
    rows = [measure_method(networks, sample, method, common=common) for sample in samples]
    if method is not LESION_MAP:
        stages = [row for sample in samples for row in randomization_figures(networks, sample, method)]
        end = [row["rank_correlation"] for row in stages if row["stage"] == "all"]
        report["randomization"][method.name] = {
            "passed": max(abs(value) for value in end) <= MAX_AGREEMENT,
            "stages": stages,
        }
    report["rows"] = [row for row in report["rows"] if row["method"] != method.name] + rows


def _default(report: dict[str, Any]) -> str:
    """Return the method that passed and points best, by its mean over findings on the images all have in common."""
    rates: dict[str, list[float]] = {}
    for row in report["rows"]:
        if report["randomization"].get(row["method"], {}).get("passed"):
            rates.setdefault(row["method"], []).append(row["common_hit_rate"] + 1e-3 * row["energy_inside"])
    return max(rates, key=lambda name: float(np.mean(rates[name])), default="")


def _line(report: dict[str, Any], method: Method) -> str:
    if method.name in report["not_offered"]:
        return f"{method.title}: {report['not_offered'][method.name]}"
    rows = [row for row in report["rows"] if row["method"] == method.name]
    cells = [f"{row['finding']} {row['hits']}/{row['images']}, IoU {row['iou']:.2f}" for row in rows]
    verdict = report["randomization"].get(method.name)
    ending = "" if verdict is None else ("; passed" if verdict["passed"] else "; FAILED the shuffled weights")
    return f"{method.title}: {'; '.join(cells)}{ending}"
