"""Measure the explanations of a run's networks on masked images that each network never saw."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_training.explanation_clock import PASSES, UNKNOWN, Clock
from model_training.explanation_figures import (
    CURVE_IMAGES,
    CURVE_PASSES,
    SENSITIVE_IMAGES,
    SENSITIVE_PASSES,
    SHUFFLED_IMAGES,
    SHUFFLED_STAGES,
    fidelity_figures,
    place_figures,
    randomization_figures,
)
from model_training.explanation_labels import IMAGES, shuffled_labels, train_on
from model_training.explanation_sample import MIN_PIXELS, FoldNetworks, Sample, draw_sample, pictures
from model_training.explanation_store import Kept, code_key, labels_key
from model_training.explanation_summary import MAX_AGREEMENT, SPREAD, default_method, in_order, judged, row_figures
from model_training.runs import load_recipe
from strokeapp.errors import ModelError, RecipeError
from strokeapp.inference.explanation import grad_cam
from strokeapp.inference.explanation.registry import LESION_MAP, METHODS, Cost, Method, method_of
from strokeapp.inference.explanation.target import channel, pieces
from strokeapp.inference.slices import calibrated
from strokeapp.models.registry import Card
from strokeapp.models.slice_network import SliceNetwork
from strokeapp.performance.saliency import TOLERANCE_PX
from strokeapp.types import Finding

Attribute = Callable[[SliceNetwork, Tensor, Finding], Tensor]
LARGE_PIXELS = 100
PIECE = 4
"""Images between two savings."""
TELL_EVERY = 20.0
"""Seconds between two lines of progress."""


@dataclass
class Measurement:
    """Hold what a measurement works with.

    Args:
        networks: Of the run.
        kept: What was measured before.
        samples: Images per finding, as many as cheap methods take.
        limit, common: Images for cheap methods and for the others; the latter are common to all.
        clock: Of the whole measurement.
        tell: Called with a line now and then.
    """

    networks: FoldNetworks
    kept: Kept
    samples: list[Sample]
    limit: int
    common: int
    clock: Clock
    tell: Callable[[str], None]
    _told: float = 0.0

    def images(self, method: Method) -> int:
        """Return how many images a method takes at most."""
        return self.limit if method.cost is Cost.CHEAP else self.common

    def name(self, method: Method, sample: Sample) -> str:
        """Return the name under which a method's figures on a finding are kept."""
        images = f"{len(sample.rows)}-{min(self.common, len(sample.rows))}"
        return f"{method.name}-{sample.finding.value}-{images}-{code_key(method)}"

    def step(self, what: str, passes: float, *, fresh: bool = True) -> None:
        """Count passes, and tell the time left now and then; those kept from before cost nothing."""
        (self.clock.spend if fresh else self.clock.skip)(passes)
        if time.monotonic() - self._told > TELL_EVERY:
            self._told = time.monotonic()
            self.tell(f"{what}; {self.clock.words()} left")

    @property
    def fold(self) -> int:
        """Return the fold whose network is shuffled: that with most of the images, one that was learnt from if any."""
        folds = np.concatenate([sample.first(self.common).folds for sample in self.samples])
        found, counts = np.unique(folds[folds >= 0] if (folds >= 0).any() else folds, return_counts=True)
        return int(found[counts.argmax()])

    def learnt_shuffled(self) -> tuple[SliceNetwork, dict[str, Any]]:
        """Return the network that learnt shuffled labels, and how many images and what share of them it learnt."""
        run, recipe, name = self.networks.run, self.networks.recipe, f"labels-fold{self.fold}-{labels_key()}"
        network, path = self.networks.of(self.fold), self.kept.folder / f"{name}.pt"

        def learn() -> dict[str, Any]:
            self.tell(f"Learning {IMAGES} images with shuffled labels")
            rows, labels = shuffled_labels(run, recipe, self.fold)
            learnt, share = train_on(network, pictures(run, recipe, rows), labels)
            torch.save(learnt.state_dict(), path)
            return {"images": len(rows), "learnt": share}

        self.kept.folder.mkdir(parents=True, exist_ok=True)
        facts = self.kept.result(name, learn)
        return _with_weights(network, path), facts


def _with_weights(network: SliceNetwork, path: Path) -> SliceNetwork:
    result = copy.deepcopy(network)
    result.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return result.eval()


def out_of_fold(
    networks: FoldNetworks,
    sample: Sample,
    attribute: Attribute,
    *,
    piece: int = PIECE,
    kept: tuple[Kept, str] | None = None,
    tell: Callable[[int, int, bool], None] = lambda _new, _done, _fresh: None,
) -> tuple[NDArray[np.float32], float]:
    """Return (n, rows, columns) raw attributions, each by a network that never saw the image, and seconds per image.

    Args:
        networks: Of the run.
        sample: Images.
        attribute: Of the method.
        piece: Images explained between two savings.
        kept: Where attributions are kept on the way, and under which name.
        tell: Called with the images of a piece, those done so far, and whether the piece had to be computed.
    """
    values, seconds, done = np.zeros(sample.masks.shape, np.float32), [], 0
    for network, places in networks.groups(sample):
        for some in np.array_split(places, -(-len(places) // piece)):
            found = [kept[0].values(kept[1], sample.rows[place]) for place in some] if kept else [None]
            fresh = any(item is None for item in found)
            if fresh:
                begun = time.perf_counter()
                values[some] = attribute(network, sample.batch[some], sample.finding).numpy()
                taken = (time.perf_counter() - begun) / len(some)
                for place in some if kept else ():
                    kept[0].keep_values(kept[1], sample.rows[place], values[place], taken)
            else:
                values[some], taken = np.stack([item[0] for item in found]), found[0][1]
            seconds.append(taken)
            done += len(some)
            tell(len(some), done, fresh)
    return values, float(np.mean(seconds))


def measure_layers(networks: FoldNetworks, sample: Sample) -> list[dict[str, Any]]:
    """Return one row of figures per layer that Grad-CAM could take."""
    rows = []
    for layer in grad_cam.LAYERS:
        values, _ = out_of_fold(networks, sample, lambda n, b, f, layer=layer: grad_cam.attribute(n, b, f, layer=layer))
        columns, cut = place_figures(values, METHODS["LayerGradCam"].part, sample, large=LARGE_PIXELS)
        rows.append({"layer": layer, "finding": sample.finding.value, **row_figures(pd.DataFrame(columns)), "cut": cut})
    return rows


def measure_method(work: Measurement, sample: Sample, method: Method) -> dict[str, Any]:
    """Return what was measured of a method on a finding.

    Returns:
        ``row``: what is known of all images at once; ``images``: figures of each; ``curves``: mean removal curves;
        ``stages``: of shuffled networks, none for the lesion map.
    """
    name, passes = work.name(method, sample), PASSES.get(method.name, UNKNOWN)
    what = f"{method.title}, {sample.finding.value}"

    def tell(new: int, done: int, fresh: bool) -> None:
        work.step(f"{what}: {done} of {len(sample.rows)} images", new * passes, fresh=fresh)

    kept = (work.kept, name)
    values, seconds = out_of_fold(work.networks, sample, method.attribute, kept=kept, tell=tell)
    columns, cut = place_figures(values, method.part, sample, large=LARGE_PIXELS)
    faithful, curves = fidelity_figures(work.networks, sample, method, values)
    row = {"method": method.name, "title": method.title, "finding": sample.finding.value, "cut": cut}
    common = columns["hit"][: work.common]
    row |= {"common_images": len(common), "common_hit_rate": float(np.mean(common)), "seconds_per_slice": seconds}
    found = {"row": row, "images": columns | faithful, "curves": curves, "stages": []}
    work.step(f"{what}: fidelity", _fidelity_passes(method, sample))
    if method is LESION_MAP:
        return found
    stages = randomization_figures(
        work.networks, sample, method, values, fold=work.fold, other=work.learnt_shuffled()[0]
    )
    work.step(f"{what}: shuffled networks", _shuffled_passes(method, sample))
    return found | {"stages": stages}


def _fidelity_passes(method: Method, sample: Sample) -> float:
    passes = PASSES.get(method.name, UNKNOWN)
    sensitive = min(SENSITIVE_IMAGES[method.cost], len(sample.rows)) * SENSITIVE_PASSES * passes
    return min(CURVE_IMAGES, len(sample.rows)) * CURVE_PASSES + sensitive


def _shuffled_passes(method: Method, sample: Sample) -> float:
    images = min(SHUFFLED_IMAGES[method.cost], len(sample.rows))
    return images * (len(SHUFFLED_STAGES[method.cost]) + 1) * PASSES.get(method.name, UNKNOWN)


def _all_passes(work: Measurement, method: Method, sample: Sample) -> float:
    passes = len(sample.rows) * PASSES.get(method.name, UNKNOWN) + _fidelity_passes(method, sample)
    return passes + (0 if method is LESION_MAP else _shuffled_passes(method, sample))


def measure(
    run: Path,
    *,
    limit: int,
    costly_limit: int,
    methods: tuple[str, ...] = (),
    known: dict[str, Any] | None = None,
    card: Card | None = None,
    tell: Callable[[str], None] = print,
    keep: Callable[[dict[str, Any]], None] = lambda _report: None,
) -> dict[str, Any]:
    """Measure all methods on all findings of a run that have masks; what was measured before is not measured again.

    Args:
        run: Folder of a finished run.
        limit: Images per finding for cheap methods.
        costly_limit: For the others.
        methods: Names; all of them, and the lesion map, unless given.
        known: An earlier report of the same run, whose other methods are kept.
        card: Of the network that ships, whose operating points tell which images it flags.
        tell: Called with a line after every method, and now and then on the way.
        keep: Called with the report so far, so that a long run can be cut.

    Raises:
        RecipeError: The run is not finished, or has no masks.
    """
    recipe = load_recipe(run)
    drawn = [draw_sample(run, recipe, Finding(name), limit=limit) for name in recipe.findings]
    samples = [sample for sample in drawn if sample is not None]
    if not samples:
        raise RecipeError(f"The run in {run} has no images with a mask: there is nothing to compare explanations with.")
    work = Measurement(FoldNetworks(run, recipe), Kept(run), samples, limit, costly_limit, Clock(0), tell)
    chosen = [method_of(name) for name in methods or (LESION_MAP.name, *METHODS)]
    report = known or _empty_report(work)
    asked = report["protocol"]["images_per_finding"]
    asked["cheap"] = max(asked["cheap"], work.limit)
    if not report["layers"]:
        report["layers"] = _layers(work)
    work.clock = Clock(sum(_missing_passes(work, method, sample) for method in chosen for sample in samples))
    for method in chosen:
        try:
            _add(report, work, method, card=card)
        except ModelError as error:
            report["not_offered"][method.name] = error.user_message
            work.clock.skip(sum(_missing_passes(work, method, sample) for sample in samples))
        report["default"] = default_method(report)
        tell(f"{_line(report, method)}; {work.clock.words()} left")
        keep(report)
    return report


def _missing_passes(work: Measurement, method: Method, sample: Sample) -> float:
    some = sample.first(work.images(method))
    return 0.0 if work.kept.has(work.name(method, some)) else _all_passes(work, method, some)


def _layers(work: Measurement) -> list[dict[str, Any]]:
    """Return the figures of Grad-CAM's layers, on the images that all methods have in common."""
    method = METHODS["LayerGradCam"]
    work.tell("Comparing Grad-CAM's layers")
    parts = [
        work.kept.result(f"layers-{work.name(method, some)}", lambda some=some: measure_layers(work.networks, some))
        for some in (sample.first(work.common) for sample in work.samples)
    ]
    return [row for part in parts for row in part]


def _empty_report(work: Measurement) -> dict[str, Any]:
    recipe = work.networks.recipe
    learnt = work.learnt_shuffled()[1]
    protocol = {
        "images_per_finding": {"cheap": work.limit, "other": work.common},
        "fidelity_images": CURVE_IMAGES,
        "sensitivity_images": {cost.value: count for cost, count in SENSITIVE_IMAGES.items()},
        "shuffled_images": {cost.value: count for cost, count in SHUFFLED_IMAGES.items()},
        "shuffled_labels": learnt,
        "tolerance_px": TOLERANCE_PX,
        "picture_px": recipe.size,
        "min_mask_px": {finding.value: pixels for finding, pixels in MIN_PIXELS.items()},
        "large_px": LARGE_PIXELS,
        "max_rank_correlation": MAX_AGREEMENT,
        "assumed_spread": SPREAD,
        "grad_cam_layer": grad_cam.LAYER,
        "out_of_fold": True,
        "intervals": "95 %, patients resampled",
    }
    return {"network": recipe.name, "version": recipe.version, "default": "", "protocol": protocol} | {
        "rows": [], "layers": [], "randomization": {}, "not_offered": {}, "curves": [], "images": []
    }  # fmt: skip


def _add(report: dict[str, Any], work: Measurement, method: Method, *, card: Card | None) -> None:
    samples = [sample.first(work.images(method)) for sample in work.samples]
    found = []
    for sample in samples:
        name = work.name(method, sample)
        found.append(work.kept.result(name, lambda sample=sample: measure_method(work, sample, method)))
        work.kept.forget_values(name)
    if method is not LESION_MAP:
        report["randomization"][method.name] = judged([stage for item in found for stage in item["stages"]])
    for item, sample in zip(found, samples, strict=True):
        images = _flagged(work, pd.DataFrame(item["images"]), sample, card)
        _replace(report, "rows", [item["row"] | row_figures(images)])
        _replace(report, "curves", [_named(item["row"]) | {"images": min(CURVE_IMAGES, len(images)), **item["curves"]}])
        _replace(report, "images", (images.assign(**_named(item["row"]))).to_dict("records"))
    report["rows"] = in_order(report["rows"])


def _named(row: dict[str, Any]) -> dict[str, str]:
    return {"method": row["method"], "finding": row["finding"]}


def _replace(report: dict[str, Any], part: str, rows: list[dict[str, Any]]) -> None:
    """Put rows of one method and finding in the place of those known before."""
    kept = [row for row in report.get(part, []) if _named(row) != _named(rows[0])]
    report[part] = kept + rows


def _flagged(work: Measurement, images: pd.DataFrame, sample: Sample, card: Card | None) -> pd.DataFrame:
    """Return the images' figures with which of them the network flags, where its card tells."""
    if card is None or card.version != work.networks.recipe.version or sample.finding not in card.findings:
        return images
    settings = card.findings[sample.finding]
    return images.assign(flagged=calibrated(_logits(work, sample), settings) >= settings.threshold)


def _logits(work: Measurement, sample: Sample) -> NDArray[np.float64]:
    """Return (n,) out-of-fold logits of the finding."""

    @torch.no_grad()
    def read() -> list[float]:
        logits = np.zeros(len(sample.rows))
        for network, places in work.networks.groups(sample):
            parts = [network(piece).findings for piece in pieces(sample.batch[places])]
            logits[places] = torch.cat(parts)[:, channel(sample.finding)].double().numpy()
        return logits.tolist()

    return np.array(work.kept.result(f"logits-{sample.finding.value}-{len(sample.rows)}", read))


def _line(report: dict[str, Any], method: Method) -> str:
    if method.name in report["not_offered"]:
        return f"{method.title}: {report['not_offered'][method.name]}"
    rows = [row for row in report["rows"] if row["method"] == method.name]
    cells = [f"{row['finding']} {row['hits']}/{row['images']}, IoU {row['iou']:.2f}" for row in rows]
    verdict = report["randomization"].get(method.name)
    ending = "" if verdict is None else f"; shuffled networks: {verdict['verdict']}"
    return f"{method.title}: {'; '.join(cells)}{ending}"
