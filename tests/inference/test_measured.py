"""What was measured of explanations: read, offered and said as it stands in the file."""

from __future__ import annotations

import json

import pytest

from strokeapp.errors import ModelError
from strokeapp.inference.explanation.measured import EXPLANATIONS, measured, offered
from strokeapp.inference.explanation.registry import METHODS
from strokeapp.models.registry import WEIGHTS_FOLDER
from strokeapp.types import Finding


def row(method: str, hits: int, images: int = 100) -> dict:
    return {"method": method, "finding": "ischemic", "hits": hits, "images": images, "patients": 40} | {
        "hit_low": 0.5, "hit_high": None
    }  # fmt: skip


def stages(value: float) -> list[dict]:
    return [
        {"stage": stage, "finding": "ischemic", "rank_correlation": r}
        for stage, r in (("outputs", 0.99), ("all", value))
    ]


def write(folder, **changes) -> None:
    raw = {
        "version": "1.0.0",
        "default": "Occlusion",
        "protocol": {"max_rank_correlation": 0.5},
        "rows": [row("LesionMap", 80), row("LayerGradCam", 76), row("Occlusion", 69, 100)],
        "randomization": {
            "LayerGradCam": {"passed": True, "stages": stages(0.1)},
            "Occlusion": {"passed": True, "stages": stages(0.2)},
            "GuidedGradCam": {"passed": False, "stages": stages(0.9)},
        },
    }
    (folder / EXPLANATIONS).write_text(json.dumps(raw | changes))


def test_what_failed_is_not_offered_and_the_default_comes_first(tmp_path):
    write(tmp_path)
    found = measured(tmp_path)
    assert offered(found) == ("Occlusion", "LayerGradCam")
    assert found.agreement("GuidedGradCam", Finding.ISCHEMIC) == 0.9


def test_a_default_that_failed_is_not_offered(tmp_path):
    write(tmp_path, default="GuidedGradCam")
    assert offered(measured(tmp_path)) == ("LayerGradCam", "Occlusion")


def test_words_say_counts_and_name_what_is_far_below_the_map(tmp_path):
    write(tmp_path)
    found = measured(tmp_path)
    near = found.sentence("LayerGradCam", Finding.ISCHEMIC)
    assert near == "Points into the lesion in 76 of 100 known infarcts."
    assert "69 of 100 known infarcts: far below the lesion map's 80%" in found.sentence("Occlusion", Finding.ISCHEMIC)
    assert "Not measured" in found.sentence("LayerGradCam", Finding.HEMORRHAGIC)


def test_few_images_are_compared_with_the_lesion_map_on_the_same_images(tmp_path):
    def common(rate: float, images: int = 12) -> dict:
        return {"common_hit_rate": rate, "common_images": images}

    def say(best: dict, other: dict) -> str:
        write(tmp_path, rows=[row("LesionMap", 701, 970) | best, row("Occlusion", 6, 12) | other])
        return measured(tmp_path).sentence("Occlusion", Finding.ISCHEMIC)

    plain = "Points into the lesion in 6 of 12 known infarcts"
    assert say(common(0.5), common(0.5)) == f"{plain}.", "the other 958 images may be easier"
    far = say(common(0.75), common(0.5))
    assert far == f"{plain}: far below the lesion map, which does in 9 where it does in 6 of the same 12."
    assert say(common(7 / 12), common(0.5)) == f"{plain}.", "one image is chance"
    assert say({}, common(0.5)) == f"{plain}." and say(common(0.75, 8), common(0.5)) == f"{plain}."


def test_what_is_not_decided_is_neither_passed_nor_offered(tmp_path):
    tested = {
        "LayerGradCam": {"passed": True, "verdict": "passed", "stages": stages(0.1)},
        "NoiseTunnel": {"passed": False, "verdict": "not decided", "stages": stages(0.45)},
    }
    write(tmp_path, randomization=tested)
    found = measured(tmp_path)
    assert found.verdicts == {"LayerGradCam": "passed", "NoiseTunnel": "not decided"}
    assert offered(found) == ("LayerGradCam",)


def test_words_count_what_the_network_flags_where_that_is_known(tmp_path):
    counted = row("LayerGradCam", 76) | {"flagged_hits": 71, "flagged_images": 78}
    write(tmp_path, rows=[row("LesionMap", 80), counted])
    found = measured(tmp_path)
    words = "Points into the lesion in 76 of 100 known infarcts, 71 of the 78 that the network flags."
    assert found.sentence("LayerGradCam", Finding.ISCHEMIC) == words
    assert found.of("LesionMap", Finding.ISCHEMIC).flagged is None


def test_agreement_is_told_per_stage(tmp_path):
    labels = {"stage": "labels", "finding": "ischemic", "rank_correlation": -0.2}
    write(tmp_path, randomization={"LayerGradCam": {"passed": True, "stages": [*stages(0.1), labels]}})
    found = measured(tmp_path)
    assert found.agreement("LayerGradCam", Finding.ISCHEMIC) == 0.1
    assert found.agreement("LayerGradCam", Finding.ISCHEMIC, "labels") == -0.2


def test_absent_figures_are_none_and_leave_every_method_open(tmp_path):
    assert measured(tmp_path) is None
    assert offered(None) == tuple(METHODS)


@pytest.mark.parametrize("changes", [{"rows": [{"method": "LayerGradCam"}]}, {"rows": None}, {"randomization": [1]}])
def test_damaged_figures_are_told(tmp_path, changes):
    write(tmp_path, **changes)
    with pytest.raises(ModelError, match="Reinstall"):
        measured(tmp_path)


def test_shipped_figures_can_be_read_and_leave_something_to_offer():
    shipped = [path.parent for path in WEIGHTS_FOLDER.glob(f"*/{EXPLANATIONS}")]
    for folder in shipped:
        found = measured(folder)
        assert found.default in found.passed and offered(found)[0] == found.default
        assert all(0 <= item.hits <= item.images for item in found.pointing.values())
