"""Answer the CLAIM checklist for a network: each item, whether it is answered, and where.

Source: Tejani et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update, Radiology:
Artificial Intelligence 2024;6(4):e240300. The items stand here in our own words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from model_training.experiments import LEFT_OUT


class Status(StrEnum):
    """Tell how far an item is answered."""

    ANSWERED = "answered"
    PARTLY = "partly"
    NOT_ANSWERED = "not answered"
    NOT_APPLICABLE = "does not apply"


Answer = tuple[Status, str]

SECTIONS = (
    (1, "Title and abstract"),
    (3, "Introduction"),
    (5, "Methods: study design"),
    (7, "Methods: data"),
    (14, "Methods: reference standard"),
    (19, "Methods: partitions"),
    (21, "Methods: testing data"),
    (22, "Methods: model"),
    (25, "Methods: training"),
    (28, "Methods: evaluation"),
    (35, "Results: data"),
    (37, "Results: performance"),
    (40, "Discussion"),
    (42, "Other information"),
)
"""First item of each section."""

ITEMS = (
    "Says in the title or abstract that it is a study of artificial intelligence, and of which kind",
    "Gives a structured summary of design, methods, results and conclusions",
    "Explains the background, the intended use and the clinical role",
    "States aims, objectives and hypotheses",
    "Says whether data were collected before or after the study was planned",
    "States the goal of the study",
    "Names the sources of the data",
    "States which cases were included and excluded",
    "Describes the preprocessing of the images",
    "Says whether parts of the images or of the data were selected, and how",
    "Says how the data were de-identified",
    "Says how missing data were handled",
    "Describes how the images were acquired",
    "Defines the reference standard so that it can be repeated",
    "Justifies the choice of the reference standard",
    "Says who annotated, and with what qualification",
    "Describes how the test set was annotated",
    "Measures how far annotators agree with each other and with themselves",
    "Says how the data were assigned to partitions",
    "Says at which level the partitions are disjoint",
    "Justifies the size of the sample",
    "Describes the model in full: inputs, outputs, layers",
    "Names software, libraries and versions",
    "Says how parameters were initialized",
    "Describes the training in full: augmentation, hyperparameters, number of models",
    "Says how the final model was selected",
    "Describes ensembling",
    "Names the measures of performance",
    "Gives statistical measures of uncertainty and significance",
    "Analyzes robustness or sensitivity",
    "Describes methods of explanation, and how they were checked",
    "Evaluates on internal data",
    "Tests on external data",
    "Names the registration of a clinical trial",
    "Gives the numbers of patients included and excluded",
    "Gives demographic and clinical characteristics in each partition",
    "Reports performance on all partitions, with uncertainty",
    "Reports diagnostic performance with its precision",
    "Analyzes failures",
    "Discusses limits",
    "Discusses what it means for practice",
    "Refers to a protocol or further technical details",
    "Says whether software, model and data can be had",
    "States funding and the role of the funders",
)


def claim_items(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the 44 items in order: number, section, item, status, where.

    Args:
        raw: The card, with what was measured in it.
    """
    answers = _design(raw) | _data(raw) | _reference(raw) | _model(raw) | _evaluation(raw) | _results(raw) | _other(raw)
    rows = []
    for number, text in enumerate(ITEMS, start=1):
        status, where = answers[number]
        section = [name for first, name in SECTIONS if first <= number][-1]
        rows.append({"number": number, "section": section, "item": text, "status": status.value, "where": where})
    return rows


def _yes(where: str) -> Answer:
    return Status.ANSWERED, where


def _if(there: Any, where: str, otherwise: str) -> Answer:
    """Answer where the card holds the evidence; say what is missing where it does not."""
    return (Status.ANSWERED, where) if there else (Status.NOT_ANSWERED, otherwise)


def _design(raw: Mapping[str, Any]) -> dict[int, Answer]:
    return {
        1: _yes(f"Card, title: {raw['title']}; {raw['network']['kind']}, deep learning."),
        2: (Status.PARTLY, "Methods section and report; no abstract is written."),
        3: (Status.PARTLY, "Card, intended use; the clinical background is left to the paper."),
        4: _yes("Card and report, goals: each aim is a figure with its target, missed or met."),
        5: _yes("Retrospective: existing image sets only."),
        6: _yes(f"Detection per slice and per study of: {', '.join(raw['findings'])}; card, intended use."),
    }


def _data(raw: Mapping[str, Any]) -> dict[int, Answer]:
    names = ", ".join(item["name"] for item in raw.get("sources", ()))
    return {
        7: _if(names, f"Card, sources, with their terms: {names}.", "The card names no source."),
        8: (
            Status.PARTLY,
            "All images of the sources are used; the sources' own criteria stand in their publications.",
        ),
        9: _yes(f"Methods section: cut to the head, {raw['input']['size']} pixels, gray window."),
        10: _yes("Methods section: whole slices; each kind of image has a fixed share of an epoch (recipe, strata)."),
        11: (Status.PARTLY, "Done by the sources before publication; only pictures without names are used."),
        12: _yes("Labels that are not known are left out of that finding's loss and figures (docs/manifest.md)."),
        13: (Status.NOT_ANSWERED, "Scanners and protocols stand in the sources' publications, if at all."),
    }


def _reference(raw: Mapping[str, Any]) -> dict[int, Answer]:
    return {
        14: (Status.PARTLY, "Labels and lesion masks as the sources publish them; which zeros are presumed is marked."),
        15: (Status.PARTLY, "Given by the sources; figures are also reported without presumed labels."),
        16: (Status.PARTLY, "Named in the sources' publications; not repeated by readers of our own."),
        17: _yes("As the training data: every image is tested once, in the fold that had not seen its patient."),
        18: (Status.NOT_ANSWERED, "The sources publish one label per image; agreement cannot be computed from it."),
        19: _yes(f"Methods section: {raw['training']['split']}."),
        20: _yes("Patient (or scan session, where the source names no patients); checked when the folds are made."),
        21: (Status.NOT_ANSWERED, "No sample size was planned: all images at hand; intervals show what they can tell."),
    }


def _model(raw: Mapping[str, Any]) -> dict[int, Answer]:
    network, training = raw["network"], raw["training"]
    layers = network.get("convolutional_layers")
    return {
        22: _if(layers, f"Methods section: {network['kind']}, {layers} convolutional layers.", "Layers not counted."),
        23: _yes(f"Methods section: {training['framework']}; requirements files."),
        24: _yes(f"Methods section; recipe, init: {str(training['init']).partition(':')[0]}."),
        25: _yes("Methods section; card, training; docs/training.md."),
        26: _yes(_selection(training)),
        27: (Status.NOT_APPLICABLE, "One network reads; the folds serve evaluation only."),
    }


def _selection(training: Mapping[str, Any]) -> str:
    if training.get("patience"):
        return f"Training ends after {training['patience']} epochs without a better loss on patients held out for that."
    return "The average of the weights at the end of training; the recipe itself was chosen by out-of-fold figures."


def _explained(raw: Mapping[str, Any]) -> Answer:
    found = raw.get("explanations")
    if not found:
        return Status.PARTLY, "The app's explanations and lesion maps were not measured; Dice of the maps: card."
    sentences = " ".join(f"{name}: {text}" for name, text in found["hits"].items())
    where = f"Page Explanations: hits, overlap, and tests with shuffled weights and labels. {sentences}"
    if found["version"] != raw["version"]:
        return Status.PARTLY, f"{where} Measured on version {found['version']}."
    return Status.ANSWERED, where


def _external(found: Mapping[str, Any] | None, experiments: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer only where whole figures can be had from several patients of sources never learnt from."""
    left_out = any(row["name"].startswith(LEFT_OUT) for row in experiments)
    more = " Sources left out of shorter trainings: card, experiments." if left_out else ""
    if not found:
        return (Status.PARTLY, more.strip()) if left_out else (Status.NOT_ANSWERED, "Every source was learnt from.")
    several = found["patients"] > 1
    whose = f"{found['patients']:,} patients" if several else "one group of patients"
    where = f"{found['images']:,} images of {whose}, of sources never learnt from"
    lacks = [] if several else ["too few to tell"]
    half = [name for name in found["with"] if not (found["with"][name] and found["without"][name])]
    lacks += [f"not both with and without a finding ({', '.join(half)})"] if half else []
    return (Status.PARTLY, f"{where}: {'; '.join(lacks)}.{more}") if lacks else (Status.ANSWERED, f"{where}.{more}")


def _evaluation(raw: Mapping[str, Any]) -> dict[int, Answer]:
    experiments = raw.get("experiments")
    return {
        28: _yes("Report: AUC, recall, specificity, precision, F1, accuracy, Dice, calibration error."),
        29: _yes("95 % intervals by resampling patients beside every figure."),
        30: _if(
            experiments or raw.get("subgroups"),
            "Card, subgroups" + (" and experiments." if experiments else "."),
            "The card holds neither subgroups nor experiments.",
        ),
        31: _explained(raw),
        32: _yes("Report: figures per dataset, out of fold."),
        33: _external(raw.get("external"), experiments or ()),
        34: (Status.NOT_APPLICABLE, "Not a clinical trial."),
    }


def _results(raw: Mapping[str, Any]) -> dict[int, Answer]:
    unknown = ", ".join(raw.get("subgroups_unknown", ()))
    demographics = (Status.PARTLY, f"Card, subgroups; not known for any image: {unknown}.")
    return {
        35: _yes(f"Card, training: {raw['training']['images']} images, {raw['training']['patients']} patients."),
        36: demographics if unknown else _yes("Card, subgroups."),
        37: (Status.PARTLY, "Report: every image out of fold; figures on images learnt from are not given."),
        38: _yes("Report: recall, specificity and precision with 95 % intervals."),
        39: _if("gallery" in raw, "Card, failure gallery and subgroups.", "The card holds no failure gallery."),
    }


def _other(raw: Mapping[str, Any]) -> dict[int, Answer]:
    return {
        40: _if(raw.get("limits"), "Card, limits.", "The card names no limits."),
        41: (Status.PARTLY, "Card, intended use: none in practice; it is a research and demonstration tool."),
        42: _yes("docs/training.md, docs/manifest.md and the recipe."),
        43: _yes(f"Code and weights are in the repository. {raw['license']} Images are not passed on."),
        44: (Status.NOT_ANSWERED, "Nothing is recorded about funding."),
    }
