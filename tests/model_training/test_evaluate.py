"""Evaluation over any manifest: documented columns, empty where nothing answers, Dice of a known overlap."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from factories_models import SETTINGS, card_values, head_hu, install_network
from factories_training import gray_head, lesion_at, write_manifest

from factories import make_ct_series, make_picture
from model_training import evaluate as evaluation
from model_training.__main__ import main
from model_training.evaluate import evaluate
from strokeapp.errors import WeightsMissingError
from strokeapp.inference.slices import SliceOutputs

BASE = {"dataset": "d", "modality": "CT", "sequence": "NCCT", "ischemic": "0", "hemorrhagic": "0"}


@pytest.fixture
def networks(tmp_path):
    folder = tmp_path / "networks"
    install_network(folder)
    return folder


@pytest.fixture
def manifest(tmp_path):
    folder = tmp_path / "data"
    make_picture(folder / "picture.png", np.rint(gray_head(0) * 255).astype(np.uint8))
    make_picture(folder / "infarct.png", np.rint(gray_head(1) * 255).astype(np.uint8))
    make_picture(folder / "mask.png", lesion_at(1).astype(np.uint8) * 255)
    make_ct_series(folder, hu=head_hu(seed=2)[None], names=["slice.dcm"])
    make_picture(folder / "flair.png", np.rint(gray_head(3) * 255).astype(np.uint8))
    rows = [
        BASE | {"path": "picture.png", "patient": "1"},
        BASE | {"path": "infarct.png", "patient": "2", "mask": "mask.png", "ischemic": "1", "presumed": "hemorrhagic"},
        BASE | {"path": "slice.dcm", "patient": "3", "hemorrhagic": "1", "ischemic": ""},
        BASE | {"path": "missing.png", "patient": "4"},
        BASE | {"path": "flair.png", "patient": "5", "modality": "MR", "sequence": "FLAIR"},
    ]
    return write_manifest(folder / "manifest.csv", rows)


def test_predictions_have_the_documented_columns_and_are_empty_where_nothing_answers(
    manifest, networks, tmp_path, capsys
):
    evaluate(manifest, tmp_path / "out", folder=networks)
    table = pd.read_csv(tmp_path / "out" / "predictions.csv", dtype={"patient": str})
    asked = {
        "path", "patient", "dataset", "fold", "ischemic", "hemorrhagic", "presumed", "hemorrhagic_probability",
        "ischemic_probability", "lesion_dice",
    }  # fmt: skip
    assert asked <= set(table.columns) and list(table["patient"]) == ["1", "2", "3", "4", "5"]
    for finding in ("hemorrhagic", "ischemic"):
        probability = table[f"{finding}_probability"]
        assert probability[:3].between(0, 1).all() and probability[3:].isna().all()
    assert table["lesion_dice"].notna().tolist() == [False, True, False, False, False]
    assert np.isnan(table.loc[2, "ischemic"]), "an unknown label stays unknown"
    assert "missing.png" in capsys.readouterr().err


def test_metrics_are_strict_json_with_counts(manifest, networks, tmp_path):
    evaluate(manifest, tmp_path / "out", folder=networks)
    text = (tmp_path / "out" / "metrics.json").read_text()
    metrics = json.loads(text, parse_constant=pytest.fail)
    assert (metrics["images"], metrics["answered"], metrics["not_opened"]) == (5, 3, 1)
    assert list(metrics["networks"]) == ["toy_ct"]
    (found,) = metrics["networks"].values()
    assert (found["images"], found["version"]) == (3, "0.0.1")
    assert found["thresholds"] == {"hemorrhagic": 0.3, "ischemic": 0.3}
    assert found["lesion_dice"]["d"]["n"] == 1 and found["figures"]


def test_every_network_is_judged_on_its_own_rows_at_its_own_threshold(networks, tmp_path, monkeypatch):
    points = {**SETTINGS, "operating_points": {"high_sensitivity": 0.5, "balanced": 0.8, "high_specificity": 0.9}}
    mr = card_values(name="toy_flair", modality="MR", sequences=["FLAIR"], findings={"ischemic": points})
    install_network(networks, values=mr)

    def between(network, inputs, modality):
        # A probability of 0.5 in either network: above the threshold of CT, below that of MR.
        logits = np.full((len(inputs), 2), 1.0, np.float32)
        return SliceOutputs(logits, np.zeros((len(inputs), 2, 32, 32), np.float16))

    monkeypatch.setattr(evaluation, "run_slices", between)
    rows, folder = [], tmp_path / "both"
    for number, (modality, sequence) in enumerate([("CT", "NCCT")] * 2 + [("MR", "FLAIR")] * 3):
        make_picture(folder / f"{number}.png", np.rint(gray_head(number) * 255).astype(np.uint8))
        more = {"modality": modality, "sequence": sequence, "ischemic": str(number % 2), "hemorrhagic": ""}
        rows.append(BASE | {"path": f"{number}.png", "patient": str(number)} | more)
    result = evaluate(write_manifest(folder / "manifest.csv", rows), tmp_path / "out", folder=networks)
    assert result["ischemic_probability"].tolist() == pytest.approx([0.5] * 5)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    found = {name: part["figures"][0] for name, part in metrics["networks"].items()}
    assert {name: (row["dataset"], row["images"], row["threshold"], row["recall"], row["specificity"])
            for name, row in found.items()} == {
        "toy_ct": ("all", 2, 0.3, 1.0, 0.0), "toy_flair": ("all", 3, 0.8, 0.0, 1.0),
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "expected"), [("whole", None), ("nothing", 0.0)])
def test_dice_of_a_known_lesion_map(manifest, networks, tmp_path, monkeypatch, kind, expected):
    def known_map(network, inputs, modality):
        value = 1.0 if kind == "whole" else 0.0
        return SliceOutputs(
            np.zeros((len(inputs), 2), np.float32), np.full((len(inputs), 2, 32, 32), value, np.float16)
        )

    monkeypatch.setattr(evaluation, "run_slices", known_map)
    found = evaluate(manifest, tmp_path / "out", folder=networks).loc[1, "lesion_dice"]
    if expected is None:
        mask = lesion_at(1).sum()
        box = evaluation.slice_input(gray_head(1), evaluation.Modality.CT, size=64).box
        rows, columns = (
            (max(0, int(a)) for a in (box.top, box.left)),
            (min(128, int(a)) for a in (box.bottom, box.right)),
        )
        (top, left), (bottom, right) = rows, columns
        expected = 2 * mask / (mask + (bottom - top) * (right - left))
        assert found == pytest.approx(expected, rel=0.08)
    else:
        assert found == expected


def test_the_app_and_the_evaluation_agree_on_a_dicom_slice(manifest, networks, tmp_path):
    from strokeapp.inference.classify import read_scan
    from strokeapp.reading import load, open_inputs

    result = evaluate(manifest, tmp_path / "out", folder=networks)
    series = open_inputs([manifest.parent / "slice.dcm"], workspace=tmp_path).series[0]
    reading = read_scan(load(series), folder=networks)
    for finding, value in reading.findings.items():
        assert result.loc[2, f"{finding.value}_probability"] == pytest.approx(value.probability, abs=1e-4)


def test_a_named_network_reads_only_its_kind_and_must_exist(manifest, networks, tmp_path):
    result = evaluate(manifest, tmp_path / "out", model="toy_ct", folder=networks)
    assert result["ischemic_probability"].notna().sum() == 3
    with pytest.raises(WeightsMissingError, match="Installed: toy_ct"):
        evaluate(manifest, tmp_path / "out", model="other", folder=networks)


def test_a_manifest_that_no_network_reads_gives_no_figures(networks, tmp_path):
    rows = [BASE | {"path": "a.png", "patient": "1", "modality": "MR", "sequence": "DWI"}]
    evaluate(write_manifest(tmp_path / "manifest.csv", rows), tmp_path / "out", folder=networks)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["answered"] == 0 and metrics["networks"] == {}


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    status = main(["evaluate", "--manifest", str(tmp_path / "no.csv"), "--out", str(tmp_path / "out")])
    assert status == 1 and capsys.readouterr().err.startswith("error: There is no manifest at no.csv")
