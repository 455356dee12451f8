"""The card and the methods section in words: nothing is left blank, nothing is made up."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from factories_models import card_values, install_network
from torch import nn

from strokeapp.errors import ModelError
from strokeapp.models.card_text import card_markdown, gallery_table, operating_points_table, subgroups_table
from strokeapp.models.layers import LayerCount, count_layers
from strokeapp.models.markdown import Table, figure_text, markdown_table
from strokeapp.models.methods_text import BLANKS, methods_record, methods_section
from strokeapp.performance.crossed import CHOSEN_ELSEWHERE, CHOSEN_HERE
from strokeapp.performance.paper import PAPER_MEASURES, paper_figures

TRAINING = {
    "images": 1234, "patients": 56, "external_images": 7, "per_dataset": {"one": 1000, "two": 234},
    "split": "3 folds by patient", "loss": "cross-entropy", "optimizer": "AdamW", "learning_rate": 0.0015,
    "schedule": "cosine", "batch": 24, "epochs": 9, "refinement": {"epochs": 2, "rate": 0.5}, "images_per_epoch": 3200,
    "init": "pretrained:runs/earlier/{part}/checkpoint.pt", "augmentation": {"flip": 0.5, "noise": 0.0}, "ema": 0.99,
    "seed": 1, "seconds": {"fold0": 3600, "final": 1800}, "hardware": "two cores", "framework": "PyTorch 2",
}  # fmt: skip
LAYERS = LayerCount(61, 0, 1)


def raw_card(**changes):
    network = {"pooled": [], "top_share": 0.0045, "kind": "U-Net"}
    weights = {"file": "weights.safetensors", "sha256": "0" * 64, "parameters": 3083869}
    return card_values(network=network, weights=weights, training=TRAINING) | changes


@pytest.fixture(scope="module")
def install(tmp_path_factory):
    """Return a function that installs a card and returns it as read."""
    return lambda **changes: install_network(tmp_path_factory.mktemp("weights"), values=raw_card(**changes))


def predictions(*, hemorrhagic: bool = True) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    labels = (np.arange(80) % 2).astype(float)
    table = pd.DataFrame({"path": np.arange(80).astype(str), "patient": (np.arange(80) // 4).astype(str)})
    table = table.assign(dataset="one", fold="0", presumed="", hemorrhagic=labels, ischemic=labels)
    scores = np.clip(0.3 + 0.3 * labels + generator.normal(0, 0.2, 80), 0, 1)
    return table.assign(ischemic_probability=scores, hemorrhagic_probability=scores if hemorrhagic else np.nan)


def paper(*, hemorrhagic: bool = True) -> pd.DataFrame:
    thresholds = {"ischemic": 0.5, "hemorrhagic": 0.5}
    return paper_figures(predictions(hemorrhagic=hemorrhagic), thresholds, n=50)


def test_every_blank_of_the_paper_is_filled(install) -> None:
    text = methods_section(methods_record(install(), LAYERS), paper())
    for name in BLANKS.values():
        value = re.search(rf"\| {re.escape(name)} \| (.+) \|", text)
        assert value and value[1].strip() not in ("", "–"), name
    facts = (
        "1,234 images of 56 patients", "61 convolutional and 0 recurrent", "64 × 64 pixels", "two cores", "PyTorch 2",
        "3 folds by patient", "Batches of 24", "9, then 2 more", "cross-entropy", "AdamW", "0.0015", "3,083,869",
        "7 further images", "1.5 hours", "flip 0.5",
    )  # fmt: skip
    assert [fact for fact in facts if fact not in text] == []
    assert not re.search(r"None|nan\b|\{|\}", text) and "noise" not in text and "runs/" not in text


def test_numbers_in_the_table_are_those_of_the_predictions(install) -> None:
    figures = paper()
    text = methods_section(methods_record(install(), LAYERS), figures)
    row = next(line for line in text.splitlines() if line.startswith("| ischemic |"))
    ours = figures[figures["finding"] == "ischemic"].set_index("measure")["ours"]
    assert re.findall(r"\| (0\.\d{3}) \(", row) == [f"{ours[measure]:.3f}" for measure in PAPER_MEASURES]
    assert "| ischemic, Waghmare et al. | 0.92 | 0.93 | 0.91 | 0.92 | 0.96 |" in text


def test_the_section_says_on_which_images_the_operating_point_was_chosen(install) -> None:
    record, table = methods_record(install(), LAYERS), predictions(hemorrhagic=False)
    one = methods_section(record, paper_figures(table, {"ischemic": 0.5}, n=50))
    assert CHOSEN_HERE in one and CHOSEN_ELSEWHERE not in one
    folds = table.assign(fold=np.where(np.arange(80) < 40, "0", "1"))
    two = methods_section(record, paper_figures(folds, {"ischemic": 0.5}, n=50))
    assert CHOSEN_ELSEWHERE in two and CHOSEN_HERE not in two


def test_a_network_of_one_finding_and_of_mr_says_so(install) -> None:
    card = install(name="toy_mr", modality="MR", sequences=["DWI"])
    text = methods_section(methods_record(card, LAYERS), paper(hemorrhagic=False))
    assert "| hemorrhagic | not read by this network | – |" in text
    assert "| Number of CT scans | 0 |" in text and "| Number of MR scans | 1,234 images of 56 patients |" in text
    assert "nan" not in text


@pytest.mark.parametrize("lost", ["hardware", "batch", "epochs", "loss", "learning_rate", "seconds", "images"])
def test_a_card_without_a_fact_is_refused(install, lost) -> None:
    training = {name: value for name, value in TRAINING.items() if name != lost}
    with pytest.raises(ModelError, match="Package the run again"):
        methods_record(install(training=training), LAYERS)


@pytest.mark.parametrize("value", ["", None, float("nan")])
def test_an_empty_fact_is_refused(install, value) -> None:
    with pytest.raises(ModelError, match="leaves hardware empty"):
        methods_record(install(training=TRAINING | {"hardware": value}), LAYERS)


def test_recurrent_layers_come_from_the_card_where_it_counts_them(install) -> None:
    network = raw_card()["network"] | {"recurrent_layers": 2}
    assert methods_record(install(network=network), LAYERS).recurrent_layers == "2"


def test_operating_points_that_coincide_are_said_to() -> None:
    points = {"high_sensitivity": 0.2, "balanced": 0.2, "high_specificity": 0.5}
    apart = {"high_sensitivity": 0.1, "balanced": 0.2, "high_specificity": 0.5}
    entry = {"operating_points": points, "study_operating_points": apart}
    note = operating_points_table({"findings": {"ischemic": entry}}).note
    assert "One point under two names: ischemic per slice, high sensitivity = balanced. " in note
    entry = {"operating_points": apart, "study_operating_points": apart}
    table = operating_points_table({"findings": {"ischemic": entry}})
    assert table.note == "" and list(table.rows[0]) == ["ischemic", "slice", "0.100", "0.200", "0.500"]


def test_layers_are_counted_once_each() -> None:
    shared = nn.Conv2d(1, 1, 3)
    network = nn.Sequential(shared, shared, nn.Conv3d(1, 1, 1), nn.GRU(2, 2), nn.LSTMCell(2, 2), nn.Linear(1, 1))
    assert count_layers(network) == LayerCount(2, 2, 1)
    assert count_layers(nn.Module()) == LayerCount(0, 0, 0)


def test_the_card_names_what_it_holds_and_leaves_out_what_it_does_not() -> None:
    bare = card_markdown(raw_card())
    assert "## Facts" in bare and "## Subgroups" not in bare and "## CLAIM" not in bare and "None" not in bare
    row = {"finding": "ischemic", "attribute": "sex", "group": "F", "images": 9, "positives": 3, "patients": 4}
    row |= {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "recall": 1.0, "recall_low": None, "recall_high": None}
    row |= {"specificity": None}
    full = card_markdown(raw_card(subgroups=[row], subgroups_unknown=["age"], limits=["Not a device."]))
    assert "| ischemic | sex | F | 9 (3, 4) | 0.900 (0.800–0.950) | 1.000 | – | – |" in full
    assert "Not known for any image: age." in full and "- Not a device." in full
    assert not subgroups_table({}) and subgroups_table({}).markdown() == gallery_table({"gallery": []}).markdown() == ""


def test_cells_cannot_break_a_table() -> None:
    assert markdown_table(["a"], [["x|y\nz"]]).splitlines()[-1] == "| x\\|y z |"
    text = Table(["one", "n"], [["a", 1]], "Below.").markdown()
    assert text == "| one | n |\n| --- | --- |\n| a | 1 |\n\nBelow."
    assert figure_text(None) == figure_text(float("nan")) == "–"
    assert figure_text(0.91234, 0.9, None) == "0.912" and figure_text(0.5, 0.4, 0.6, digits=1) == "0.5 (0.4–0.6)"
