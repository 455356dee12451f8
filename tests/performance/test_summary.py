"""Tables: per dataset, per subtype, beside the paper."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from strokeapp.errors import PerformanceError
from strokeapp.performance.curves import auc
from strokeapp.performance.lesions import dice_table
from strokeapp.performance.paper import paper_table
from strokeapp.performance.predictions import known
from strokeapp.performance.subtypes import subtype_sensitivities
from strokeapp.performance.summary import summarize, to_records
from strokeapp.performance.threshold import confusion


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Make two sources: one with both hemorrhage labels, one all ischemic with presumed hemorrhage zeros."""
    generator = np.random.default_rng(0)
    size = 400
    bleeds = np.where(np.arange(size) < 250, np.arange(size) % 3 == 0, False).astype(float)
    source = np.where(np.arange(size) < 250, "trauma", "infarcts")
    dice = np.where(source == "infarcts", generator.random(size), np.nan)
    dice[250:260] = 0
    columns = {
        "path": [f"{i}.png" for i in range(size)],
        "patient": [f"p{i // 5}" for i in range(size)],
        "dataset": source,
        "fold": "0",
        "hemorrhagic": bleeds,
        "ischemic": (source == "infarcts").astype(float),
        "presumed": np.where(source == "infarcts", "hemorrhagic", "ischemic"),
        "hemorrhagic_probability": np.clip(generator.normal(0.3 + 0.4 * bleeds, 0.2), 0, 1),
        "ischemic_probability": generator.random(size),
        "lesion_dice": dice,
        **dict.fromkeys(["intraparenchymal", "intraventricular", "subarachnoid"], np.nan),
        "epidural": np.where(np.arange(size) % 6 == 0, bleeds, 0.0),
        "subdural": np.where(np.arange(size) % 6 == 3, bleeds, 0.0),
    }
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def summary(table: pd.DataFrame) -> pd.DataFrame:
    return summarize(table, {"hemorrhagic": 0.5, "ischemic": 0.4}, n=100)


def pick(summary: pd.DataFrame, finding: str, dataset: str, *, presumed: bool) -> pd.Series:
    rows = summary[
        (summary["finding"] == finding) & (summary["dataset"] == dataset) & (summary["presumed"] == presumed)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def test_figures_are_those_of_the_selected_rows(table: pd.DataFrame, summary: pd.DataFrame) -> None:
    row = pick(summary, "hemorrhagic", "all", presumed=True)
    labels, scores, _ = known(table, "hemorrhagic")
    assert (row["images"], row["patients"], row["positives"]) == (400, 80, labels.sum())
    assert row["auc"] == auc(labels, scores) and row["auc_low"] < row["auc"] < row["auc_high"]
    assert row["recall"] == confusion(labels, scores, 0.5).recall
    assert row["recall_low"] < row["recall"] < row["recall_high"]
    assert pick(summary, "hemorrhagic", "all", presumed=False)["images"] == 250


def test_one_class_alone_has_no_auc_but_keeps_what_it_can_tell(summary: pd.DataFrame) -> None:
    row = pick(summary, "hemorrhagic", "infarcts", presumed=True)
    assert 0 < row["specificity"] <= 1 and np.isfinite(row["specificity_low"])
    for name in ("auc", "recall", "precision", "f1", "accuracy", "accuracy_low"):
        assert math.isnan(row[name]), f"{name} would flatter or shame by the choice of source alone"
    selected = summary[(summary["dataset"] == "infarcts") & (summary["finding"] == "hemorrhagic")]
    assert selected["presumed"].tolist() == [True], "presumed labels left out, nothing is known of this source"


def test_records_are_plain_json(summary: pd.DataFrame) -> None:
    records = to_records(summary)
    assert json.loads(json.dumps(records, allow_nan=False)) == records
    assert len(records) == len(summary) and any(record["auc"] is None for record in records)


def test_paper_stands_beside_ours(summary: pd.DataFrame) -> None:
    beside = paper_table(summary).set_index(["finding", "measure"])
    assert beside.loc[("ischemic", "auc"), "paper"] == 0.96 and beside.loc[("hemorrhagic", "recall"), "paper"] == 0.89
    ours = pick(summary, "hemorrhagic", "all", presumed=True)
    assert beside.loc[("hemorrhagic", "f1"), "ours"] == ours["f1"]
    assert math.isnan(beside.loc[("ischemic", "auc"), "read"]), "without presumed labels there are no negatives"
    alone = paper_table(summary[summary["finding"] == "ischemic"])
    assert alone[alone["finding"] == "hemorrhagic"]["ours"].isna().all()
    assert paper_table(summary.iloc[:0])["ours"].isna().all()


def test_subtypes_count_what_is_flagged(table: pd.DataFrame) -> None:
    found = subtype_sensitivities(table, 0.5).set_index("subtype")
    assert found.index.tolist() == ["epidural", "subdural"]
    epidural = table[table["epidural"] == 1]
    assert found.loc["epidural", "flagged"] == (epidural["hemorrhagic_probability"] >= 0.5).sum()
    assert found.loc["epidural", "images"] == len(epidural)


def test_dice_is_summarized_where_lesions_were_drawn(table: pd.DataFrame) -> None:
    found = dice_table(table)
    assert found["dataset"].tolist() == ["infarcts"] and found["images"].tolist() == [150]
    assert found["missed"].iloc[0] == pytest.approx(10 / 150)
    assert dice_table(table[table["dataset"] == "trauma"]).empty


def test_a_summary_needs_an_operating_point(table: pd.DataFrame) -> None:
    with pytest.raises(PerformanceError):
        summarize(table, {})
