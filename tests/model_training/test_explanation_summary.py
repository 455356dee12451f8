"""Figures summed up over images: intervals over patients, counts where images are not kept, verdicts, the default."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_training.explanation_report import IMAGES, beside, sum_up_again, write_report
from model_training.explanation_summary import SPREAD, default_method, row_figures, standard_error, verdict
from strokeapp.errors import RecipeError
from strokeapp.inference.explanation import grad_cam
from strokeapp.inference.explanation.measured import EXPLANATIONS, FAILED, PASSED, UNDECIDED, measured
from strokeapp.models.registry import WEIGHTS_FOLDER, installed

REPORTS = Path(__file__).resolve().parents[2] / "reports"
SHIPPED = {"explanations": "ct_slice", "explanations_mr_dwi": "mr_dwi", "explanations_mr_flair": "mr_flair"}
PROTOCOL = {
    "images_per_finding": {"cheap": 1000, "other": 12},
    "fidelity_images": 12,
    "sensitivity_images": {"cheap": 6, "moderate": 3, "costly": 2},
    "large_px": 100,
}


def images(patients: int = 20, each: int = 5) -> pd.DataFrame:
    """Return images of which all of a patient's are alike: half of the patients are hit."""
    patient = np.repeat(np.arange(patients), each)
    good = patient % 2 == 0
    table = pd.DataFrame({"patient": patient, "hit": good, "exact": good, "large": patient < patients / 2})
    looked_at = np.arange(len(table)) < 3 * each
    table = table.assign(iou=good * 0.5, energy_inside=0.2 + 0.1 * good, energy_outside_head=0.4 - 0.1 * good)
    for name in ("deletion", "insertion", "infidelity", "sensitivity"):
        table[name] = np.where(looked_at, 0.3 + 0.1 * good, np.nan)
    return table


def stage(value: float, count: int, name: str = "all", **more: float) -> dict:
    return {"stage": name, "finding": "ischemic", "rank_correlation": value, "images": count, **more}


def test_every_figure_has_its_interval_over_patients_and_its_number_of_images() -> None:
    row = row_figures(images())
    assert (row["hits"], row["images"], row["patients"], row["large_images"], row["large_hits"]) == (
        50,
        100,
        20,
        50,
        25,
    )
    assert (row["fidelity_images"], row["sensitivity_images"]) == (15, 15)
    figures = ("exact", "iou", "energy_inside", "energy_outside_head", "deletion", "insertion", "infidelity")
    for name in (*figures, "sensitivity"):
        mean = row["exact_rate" if name == "exact" else name]
        assert row[f"{name}_low"] < mean < row[f"{name}_high"]
    # Twenty patients, half of them hit: the standard error of the rate is 0.11, of a hundred images it would be 0.05.
    assert row["hit_high"] - row["hit_low"] == pytest.approx(4 * 0.112, rel=0.15)
    assert row["energy_outside_head_high"] - row["energy_outside_head_low"] == pytest.approx(0.4 * 0.112, rel=0.15)


@pytest.mark.parametrize(
    ("value", "count", "expected"),
    [(0.1, 8, PASSED), (-0.6, 8, FAILED), (0.45, 2, UNDECIDED), (0.56, 2, UNDECIDED), (-0.45, 16, PASSED)],
)
def test_a_method_passes_or_fails_by_more_than_its_standard_error(value: float, count: int, expected: str) -> None:
    assert verdict([stage(0.1, 8, "labels"), stage(value, count)]) == expected
    assert verdict([stage(0.9, 8, "outputs"), stage(value, count)]) == expected, "earlier stages do not decide"
    assert verdict([]) == UNDECIDED


def test_the_standard_error_is_that_of_the_images_where_it_is_not_smaller_than_assumed() -> None:
    assert standard_error(stage(0.4, 4)) == pytest.approx(SPREAD / 2)
    assert standard_error(stage(0.4, 4, spread=0.01)) == pytest.approx(SPREAD / 2)
    assert standard_error(stage(0.4, 4, spread=0.4)) == pytest.approx(0.2)
    assert verdict([stage(0.4, 4, spread=0.4)]) == UNDECIDED


def test_the_default_points_best_for_sure_by_its_interval_over_patients() -> None:
    def row(method: str, low: float, inside: float) -> dict:
        return {"method": method, "finding": "ischemic", "hits": 45, "images": 60, "hit_low": low} | {
            "energy_inside": inside
        }

    rows = [row("Many", 0.55, 0.9), row("Sure", 0.6, 0.2), row("Tighter", 0.6, 0.4), row("Failed", 0.9, 0.9)]
    passed = {row["method"]: {"passed": row["method"] != "Failed"} for row in rows}
    assert default_method({"rows": rows, "randomization": passed}) == "Tighter"
    rows[2]["hit_low"] = float("nan")
    assert default_method({"rows": rows, "randomization": passed}) == "Sure"
    assert default_method({"rows": rows, "randomization": {}}) == ""


def report() -> dict:
    known = {"method": "LayerGradCam", "title": "Grad-CAM", "finding": "ischemic", "common_hit_rate": 0.5}
    row = known | row_figures(images()) | {"seconds_per_slice": 0.1, "cut": 0.5}
    tested = {"LayerGradCam": {"passed": True, "stages": [stage(0.45, 2), stage(0.1, 2, "labels")]}}
    single = images().assign(method="LayerGradCam", finding="ischemic").to_dict("records")
    return {"network": "toy", "version": "1", "default": "LayerGradCam", "protocol": PROTOCOL, "rows": [row]} | {
        "layers": [], "randomization": tested, "not_offered": {}, "images": single, "curves": [],
    }  # fmt: skip


def test_a_report_is_summed_up_again_from_its_own_files(tmp_path: Path) -> None:
    made, out = report(), tmp_path / "figures"
    made["rows"][0] |= {"hit_low": 0.0, "deletion_low": 0.0}
    made["randomization"]["LayerGradCam"] |= {"verdict": PASSED}
    for entry in made["randomization"]["LayerGradCam"]["stages"]:
        entry["standard_error"] = 0.0
    write_report(made, out)
    again = json.loads(sum_up_again(out).read_text())
    (row,) = again["rows"]
    assert row["hit_low"] == pytest.approx(row_figures(images())["hit_low"], abs=1e-3) and row["deletion_low"] >= 0.3
    assert again["randomization"]["LayerGradCam"]["verdict"] == UNDECIDED and again["default"] == ""
    text = out.with_suffix(".md").read_text()
    assert "0.45 ± 0.11 | 2" in text and "Not decided: LayerGradCam." in text and "n/a)" not in text
    single = beside(out, IMAGES)
    lines = single.read_text().splitlines()
    single.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(RecipeError, match=r"of 100 images .* of single images of 99"):
        sum_up_again(out)
    single.unlink()
    with pytest.raises(RecipeError, match=r"figures_images.csv is missing"):
        sum_up_again(out)
    with pytest.raises(RecipeError, match="is missing"):
        sum_up_again(tmp_path / "other")


@pytest.mark.parametrize("name", SHIPPED)
def test_committed_reports_are_what_committed_code_writes_of_them(name: str, tmp_path: Path) -> None:
    for ending in (".json", ".csv", ".md", "_images.csv", "_curves.csv"):
        if (REPORTS / f"{name}{ending}").is_file():
            (tmp_path / f"{name}{ending}").write_bytes((REPORTS / f"{name}{ending}").read_bytes())
    sum_up_again(tmp_path / name)
    for ending in (".json", ".csv", ".md"):
        assert (tmp_path / f"{name}{ending}").read_text() == (REPORTS / f"{name}{ending}").read_text()


@pytest.mark.parametrize(("name", "network"), SHIPPED.items())
def test_shipped_figures_are_the_reports_and_of_the_card_s_version(name: str, network: str) -> None:
    shipped = WEIGHTS_FOLDER / network / EXPLANATIONS
    assert shipped.read_bytes() == (REPORTS / f"{name}.json").read_bytes()
    (card,) = (card for card in installed() if card.name == network)
    figures = measured(card.folder)
    assert figures.version == card.version and json.loads(shipped.read_text())["network"] == network
    assert figures.default in figures.passed


def test_every_report_is_of_a_shipped_network() -> None:
    assert {path.stem for path in REPORTS.glob("explanations*.json")} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_grad_cam_s_layer_has_the_highest_overlap_before_the_lesion_map_s_own_features(name: str) -> None:
    layers = json.loads((REPORTS / f"{name}.json").read_text())["layers"]
    for finding in {row["finding"] for row in layers}:
        rows = [row for row in layers if row["finding"] == finding and row["layer"] != grad_cam.LAYERS[-1]]
        assert len(rows) == len(grad_cam.LAYERS) - 1
        assert max(rows, key=lambda row: (row["iou"], row["hits"]))["layer"] == grad_cam.LAYER
