"""Write a network's methods section: every blank of the paper's, filled from the run's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

import pandas as pd

from strokeapp.errors import ModelError
from strokeapp.models.layers import LayerCount
from strokeapp.models.markdown import DASH, figure_text, markdown_table
from strokeapp.models.registry import Card
from strokeapp.performance.crossed import CHOSEN_ELSEWHERE, CHOSEN_HERE
from strokeapp.performance.paper import PAPER_MEASURES, SOURCE
from strokeapp.types import Modality

MEASURE_NAMES = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC"}
BLANKS = {
    "ct_scans": "Number of CT scans",
    "mr_scans": "Number of MR scans",
    "rescaled_size": "Rescaled size",
    "convolutional_layers": "Convolutional layers",
    "recurrent_layers": "Recurrent layers",
    "hardware": "Hardware",
    "framework": "Framework",
    "split": "Split",
    "batch": "Batch size",
    "epochs": "Epochs",
    "loss": "Loss",
    "optimizer": "Optimizer",
    "learning_rate": "Learning rate",
}
"""The paper's placeholders, as fields of ``MethodsRecord``, in the order of the text."""


@dataclass(frozen=True)
class MethodsRecord:
    """Hold what fills the blanks; see ``BLANKS``.

    Args:
        name: Title and version of the network.
        details: Sentences the paper has no blank for: preprocessing, kind of network, start, training aids.
    """

    name: str
    ct_scans: str
    mr_scans: str
    rescaled_size: str
    convolutional_layers: str
    recurrent_layers: str
    hardware: str
    framework: str
    split: str
    batch: str
    epochs: str
    loss: str
    optimizer: str
    learning_rate: str
    details: Mapping[str, str]


def methods_record(card: Card, layers: LayerCount) -> MethodsRecord:
    """Gather what fills the blanks from a network's card.

    Args:
        card: Of the network.
        layers: Counted on the network itself.

    Raises:
        ModelError: The card lacks one of the facts.
    """
    training, network = card.raw.get("training", {}), card.raw.get("network", {})
    try:
        record = MethodsRecord(
            name=f"{card.title} {card.version}",
            **_scans(card, training),
            rescaled_size=f"{card.size} × {card.size} pixels",
            convolutional_layers=str(layers.convolutional),
            recurrent_layers=str(network.get("recurrent_layers", layers.recurrent)),
            epochs=_epochs(training),
            learning_rate=f"{training['learning_rate']:g}, {training['schedule']}",
            details=_details(card, training, network),
            **{name: str(training[name]) for name in ("hardware", "framework", "split", "batch", "loss", "optimizer")},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The card of {card.name} lacks a fact that its methods section needs. Package the run again.",
            detail=repr(error),
        ) from error
    _check_filled(record, card.name)
    return record


def methods_section(record: MethodsRecord, figures: pd.DataFrame) -> str:
    """Return the methods section as Markdown.

    Args:
        record: From ``methods_record``.
        figures: As ``strokeapp.performance.paper.paper_figures`` returns it.
    """
    d = record.details
    paragraphs = [
        f"# Methods: {record.name}",
        f"**Data.** Number of scans learnt from: {record.ct_scans} on CT, {record.mr_scans} on MR"
        f" ({d['per_dataset']}).{d['external']} "
        "Sources, their terms and what their labels are worth stand in the card.",
        f"**Preprocessing.** {d['preprocessing']} and rescaled to {record.rescaled_size}.",
        f"**Network.** {d['kind']} with {record.convolutional_layers} convolutional and {record.recurrent_layers} "
        f"recurrent layers ({d['parameters']} parameters), starting from {d['start']}.",
        f"**Split.** {_sentence(record.split)}",
        f"**Training.** Batches of {record.batch} images; epochs: {record.epochs}. Loss: {record.loss}. "
        f"Optimizer: {record.optimizer}. Learning rate: {record.learning_rate}. {d['aids']}",
        f"**Hardware and framework.** {_sentence(record.hardware)} {d['time']}Framework: {_sentence(record.framework)}",
        f"**Evaluation.** Every image is judged by a network that had not learnt from its patient; "
        f"{_point(figures)}. 95 % intervals by resampling patients. The figures are by image, over all datasets.",
        results_table(figures),
        f"The rows of {SOURCE} are the paper's own and were not measured on these images.",
        "## The paper's blanks",
        markdown_table(("blank", "value"), [(name, getattr(record, field)) for field, name in BLANKS.items()]),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _point(figures: pd.DataFrame) -> str:
    """Return at which operating point the figures of the findings that are read stand."""
    read = figures[figures["ours"].notna() | figures["read"].notna()]
    elsewhere = len(read) > 0 and bool(read["crossed"].all())
    return f"balanced {CHOSEN_ELSEWHERE}, of external images as shipped" if elsewhere else f"balanced {CHOSEN_HERE}"


def results_table(figures: pd.DataFrame) -> str:
    """Return the paper's table of both models: ours with intervals, the paper's own beneath.

    Args:
        figures: As ``paper_table`` returns it; a finding without any figure of ours is said not to be read.
    """
    rows = []
    for finding, part in figures.groupby("finding", sort=False):
        by_measure = part.set_index("measure")
        ours = [figure_text(*by_measure.loc[m, ["ours", "ours_low", "ours_high"]]) for m in PAPER_MEASURES]
        if set(ours) == {DASH}:
            ours = ["not read by this network", *[DASH] * (len(PAPER_MEASURES) - 1)]
        rows.append((finding, *ours))
        rows.append(
            (f"{finding}, {SOURCE}", *(figure_text(by_measure.loc[m, "paper"], digits=2) for m in PAPER_MEASURES))
        )
    return markdown_table(("model", *(MEASURE_NAMES[m] for m in PAPER_MEASURES)), rows)


def _scans(card: Card, training: Mapping[str, Any]) -> dict[str, str]:
    images, patients = int(training["images"]), int(training["patients"])
    learnt = f"{images:,} images of {patients:,} patients"
    is_ct = card.modality is Modality.CT
    return {"ct_scans": learnt if is_ct else "0", "mr_scans": "0" if is_ct else learnt}


def _epochs(training: Mapping[str, Any]) -> str:
    first_size = training.get("first_size")
    text = f"{int(training['epochs'])}" + (f" at {first_size} × {first_size} pixels" if first_size else "")
    if training.get("refinement"):
        extra = training["refinement"]
        text += f", then {int(extra['epochs'])} more in a second cycle at {extra['rate']:g} times the rate"
        text += (", at full size" if first_size else "") + _changes(extra.get("augmentation", {}))
    text += f"; {int(training['images_per_epoch']):,} images drawn in each"
    before = list(_chain(training))
    if not before:
        return text
    whole = _epoch_count(training) + sum(map(_epoch_count, before))
    runs = "run" if len(before) == 1 else f"{len(before)} runs"
    return f"{text}; {whole} together with those of the {runs} it goes on from (see Network)"


def _chain(training: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the runs a training goes on from, the latest first."""
    before = training.get("earlier")
    while before:
        yield before
        before = before.get("earlier")


def _epoch_count(training: Mapping[str, Any]) -> int:
    refinement = (training.get("refinement") or {}).get("epochs", 0)
    return int(training["epochs"]) + int(training.get("refinement_epochs", refinement))


def _details(card: Card, training: Mapping[str, Any], network: Mapping[str, Any]) -> dict[str, str]:
    external = int(training.get("external_images", 0))
    window, margin = card.raw["input"].get("window", "its own range"), f"{100 * card.margin:g} %"
    return {
        "per_dataset": ", ".join(f"{name} {count:,}" for name, count in training["per_dataset"].items()),
        "external": f" {external:,} further images, of sources kept out of training, were only read."
        if external
        else "",
        "preprocessing": f"Each image was taken in its gray window ({window}), brought to one level of gray, cut to "
        f"the head with a margin of {margin} of its longer side,",
        "kind": str(network["kind"]),
        "parameters": f"{int(card.raw['weights']['parameters']):,}",
        "start": _start(training),
        "aids": f"Weights were averaged over steps (decay {training['ema']:g}); augmentation: "
        f"{_augmentation(training['augmentation'])}. Seed {training['seed']}.{_choices(training, network)}",
        "time": _time(training),
    }


def _choices(training: Mapping[str, Any], network: Mapping[str, Any]) -> str:
    """Return what else the network that reads is not told by: averaged first weights, a classifier trained along."""
    text, share = "", training.get("start_share", 0)
    if share:
        text += f" At the end the weights were averaged with those it started from (share {share:g})."
    unread = [name for name in training.get("pooled", ()) if name not in network.get("pooled", ())]
    if unread:
        text += f" A pooled classifier of {', '.join(unread)} was trained along and is not read."
    return text


def _time(training: Mapping[str, Any]) -> str:
    own, before = sum(training["seconds"].values()), sum(sum(run["seconds"].values()) for run in _chain(training))
    text = f"Training took {(own + before) / 3600:.1f} hours for all parts"
    runs = "runs" if len(list(_chain(training))) > 1 else "run"
    return f"{text}, {before / 3600:.1f} of them in the {runs} it goes on from. " if before else f"{text}. "


def _start(training: Mapping[str, Any]) -> str:
    init, before = str(training["init"]), training.get("earlier")
    if before:
        which = "the same part" if before["same_part"] else "the final network"
        epochs = f"{before['epochs']} epoch{'s' if before['epochs'] != 1 else ''}"
        if before.get("first_size"):
            epochs += f" at {before['first_size']} × {before['first_size']}"
        if before["refinement_epochs"]:
            changes = _changes(before.get("refinement_augmentation", {}))
            epochs += f" and {before['refinement_epochs']} in a second cycle{changes}"
        return (
            f"{which} of the run {_named(before)} ({before['size']} × {before['size']} pixels, {epochs} of "
            f"{before['images_per_epoch']:,} images of {', '.join(before['datasets'])}, from {_start(before)})"
        )
    plain = {"imagenet": "ImageNet weights in the encoder", "scratch": "random weights"}
    if init in plain:
        return plain[init]
    name = PurePath(init.removeprefix("pretrained:")).name
    return f"the weights of an earlier training ({name.replace('{part}', 'of the same part')})"


def _named(before: Mapping[str, Any]) -> str:
    """Return a run's name, with its version where that was recorded."""
    return f"{before['name']} {before['version']}" if "version" in before else str(before["name"])


def _changes(augmentation: Mapping[str, Any]) -> str:
    """Return what a second cycle changes in brackets, after a blank; nothing where it changes nothing."""
    changed = _augmentation(augmentation)
    return f" ({changed})" if changed != "none" else ""


def _augmentation(values: Mapping[str, Any]) -> str:
    used = {name.replace("_", " "): value for name, value in values.items() if value}
    return ", ".join(f"{name} {value:g}" for name, value in used.items()) or "none"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _check_filled(record: MethodsRecord, name: str) -> None:
    """Refuse a record with a blank that is still empty."""
    values = {field.name: getattr(record, field.name) for field in fields(record) if field.name != "details"}
    empty = [field for field, value in values.items() if value.strip().lower() in ("", "none", "nan")]
    if empty:
        raise ModelError(f"The card of {name} leaves {', '.join(empty)} empty. Package the run again.")
