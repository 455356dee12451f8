"""What a network goes on from: told in its card, its methods section and its terms."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from factories_cards import TRAINING, install
from factories_training import toy_recipe

from model_training.__main__ import main
from model_training.card import SHARE_ALIKE, _license
from model_training.runs import earlier_training
from model_training.sources import TERMS
from strokeapp.errors import RecipeError
from strokeapp.models.layers import LayerCount
from strokeapp.models.methods_text import _start, methods_record
from strokeapp.models.registry import find, installed
from strokeapp.performance.crossed import CHOSEN_ELSEWHERE


def test_weights_carry_the_strictest_terms(tmp_path) -> None:
    free, closed = {"terms": "CC BY-SA 4.0"}, {"terms": "none stated"}
    anew = toy_recipe(init="imagenet")
    assert _license([free], anew) == SHARE_ALIKE
    assert _license([free, closed], anew) == _license([free], toy_recipe(init="pretrained:x")) == TERMS
    for datasets, terms in ((("soop_flair", "isles22_flair"), SHARE_ALIKE), (("soop_flair", "phe_sich"), TERMS)):
        only = [{"dataset": datasets[0], "share": 1.0}]
        before = toy_recipe(init="imagenet", datasets=datasets, strata=only, external=())
        (tmp_path / "recipe.json").write_text(json.dumps(asdict(before)), encoding="utf-8")
        assert _license([free], toy_recipe(init=f"pretrained:{tmp_path}/final/checkpoint.pt")) == terms


def test_what_a_network_goes_on_from_is_told_in_its_card_and_methods(tmp_path) -> None:
    before = toy_recipe(name="first", init="imagenet", size=64, epochs=3)
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(before)), encoding="utf-8")
    (tmp_path / "fold0").mkdir()
    (tmp_path / "fold0" / "facts.json").write_text('{"training_seconds": 7}', encoding="utf-8")
    after = toy_recipe(init=f"pretrained:{tmp_path}/{{part}}/checkpoint.pt")
    told = earlier_training(after)
    assert (told["name"], told["size"], told["epochs"], told["same_part"]) == ("first", 64, 3, True)
    assert told["seconds"] == {"fold0": 7} and earlier_training(before) is None
    sentence = _start({"init": after.init, "earlier": told})
    assert "the same part of the run first 0.0.1 (64 × 64 pixels, 3 epochs" in sentence and "ImageNet" in sentence


def test_a_circle_of_runs_is_refused(tmp_path) -> None:
    runs = [tmp_path / name for name in ("a", "b")]
    for run, start in zip(runs, reversed(runs), strict=True):
        run.mkdir()
        values = asdict(toy_recipe(name=run.name, init=f"pretrained:{start}/final/checkpoint.pt"))
        (run / "recipe.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RecipeError, match="goes on from itself"):
        earlier_training(toy_recipe(init=f"pretrained:{runs[0]}/final/checkpoint.pt"))


def test_the_whole_chain_of_runs_is_told_in_card_and_methods(tmp_path) -> None:
    second = {"epochs": 2, "rate": 0.5, "augmentation": {"extra_axial": 0.3}}
    chain = {"first": {"init": "imagenet", "epochs": 6, "refinement": second}, "middle": {"epochs": 1}}
    start = None
    for number, (name, changes) in enumerate(chain.items(), start=1):
        values = {"name": name, **changes} | ({} if start is None else {"init": start})
        part = tmp_path / name / "fold0"
        part.mkdir(parents=True)
        recipe = json.dumps(asdict(toy_recipe(**values)))
        (tmp_path / name / "recipe.json").write_text(recipe, encoding="utf-8")
        (part / "facts.json").write_text(json.dumps({"training_seconds": 3600 * number}), encoding="utf-8")
        start = f"pretrained:{tmp_path / name}/{{part}}/checkpoint.pt"
    told = earlier_training(toy_recipe(init=start, epochs=4))
    assert (told["name"], told["earlier"]["name"], told["earlier"]["earlier"]) == ("middle", "first", None)
    changes = {"init": start, "earlier": told, "epochs": 4, "seconds": {"final": 1800}, "start_share": 0.5}
    card = install(tmp_path / "weights", training=TRAINING | changes)
    record = methods_record(card, LayerCount(1, 0, 1))
    assert record.epochs.endswith("13 together with those of the 2 runs it goes on from (see Network)")
    assert "3.5 hours for all parts, 3.0 of them in the runs" in record.details["time"]
    assert "(share 0.5)" in record.details["aids"]
    runs, second = ("run middle 0.0.1 (64", "run first 0.0.1 (64"), "6 epochs and 2 in a second cycle (extra axial 0.3)"
    expected = (*runs, "1 epoch of 8", second)
    assert [words for words in (*expected, "from ImageNet weights") if words not in record.details["start"]] == []


def test_a_start_from_a_shipped_network_is_told_from_its_card(tmp_path) -> None:
    second = {"epochs": 2, "rate": 0.4, "augmentation": {"contrast": 0.2}}
    changes = {"first_size": 32, "refinement": second, "epochs": 5, "init": "imagenet", "seconds": {"final": 3600}}
    card = install(tmp_path / "weights", training=TRAINING | changes)
    told = earlier_training(toy_recipe(init=f"pretrained:{card.folder}/weights.safetensors"))
    assert (told["name"], told["version"], told["same_part"]) == (card.name, card.version, False)
    assert (told["refinement_epochs"], told["datasets"]) == (2, list(TRAINING["per_dataset"]))
    sentence = _start({"init": "pretrained:x", "earlier": told})
    expected = [
        "the final network of the run",
        f"{card.name} {card.version} (",
        "5 epochs at 32 × 32 and 2 in a second",
    ]
    assert [words for words in (*expected, "contrast 0.2", "from ImageNet") if words not in sentence] == []


def test_methods_tell_a_first_size_and_what_the_second_cycle_changes(tmp_path) -> None:
    second = {"epochs": 2, "rate": 0.4, "augmentation": {"contrast": 0.2}}
    changes = {"epochs": 5, "first_size": 192, "refinement": second, "images_per_epoch": 2880}
    card = install(tmp_path / "weights", training=TRAINING | changes)
    expected = (
        "5 at 192 × 192 pixels, then 2 more in a second cycle at 0.4 times the rate, at full size (contrast 0.2); "
        "2,880 images drawn in each"
    )
    assert methods_record(card, LayerCount(1, 0, 1)).epochs == expected


@pytest.mark.parametrize("name", [card.name for card in installed()])
def test_the_command_prints_the_methods_of_a_shipped_network(name, capsys) -> None:
    assert main(["methods", name]) == 0
    text, card = " ".join(capsys.readouterr().out.split()), find(name)
    training = card.raw["training"]
    expected = [
        f"# Methods: {card.title} {card.version}",
        f"{training['images']:,} images of {training['patients']:,} patients",
        f"{card.size} × {card.size} pixels",
        f"{training['images_per_epoch']:,} images drawn in each",
        CHOSEN_ELSEWHERE,
    ]
    before = training.get("earlier")
    while before:
        named = f"{before['name']} {before['version']}" if "version" in before else before["name"]
        expected.append(f"of the run {named} ({before['size']} × {before['size']} pixels")
        before = before.get("earlier")
    assert [words for words in expected if words not in text] == []
    assert "an earlier training" not in text


def test_a_network_that_is_not_there_has_no_methods(capsys) -> None:
    assert main(["methods", "no_such_network"]) == 1
    assert "No network called no_such_network" in capsys.readouterr().err
