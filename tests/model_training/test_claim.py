"""The CLAIM checklist: every item answered, or said not to be."""

from __future__ import annotations

import pytest

from model_training.claim import ITEMS, Status, claim_items


def test_all_items_of_the_checklist_are_answered_or_said_not_to_be(done) -> None:
    rows = done.raw["claim"]
    assert [row["number"] for row in rows] == list(range(1, 45)) and len(set(ITEMS)) == 44
    assert all(row["where"].endswith(".") and row["section"] for row in rows)
    assert {row["status"] for row in rows} == {status.value for status in Status}
    assert rows[0]["section"] == "Title and abstract" and rows[-1]["section"] == "Other information"


def test_the_checklist_admits_what_the_card_lacks(done) -> None:
    bare = {name: value for name, value in done.raw.items() if name not in ("gallery", "subgroups", "experiments")}
    bare["external"] = None
    status = {row["number"]: row["status"] for row in claim_items(bare)}
    assert status[30] == status[33] == status[39] == Status.NOT_ANSWERED


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ({"images": 24, "patients": 1, "with": {"a": 24}, "without": {"a": 0}}, Status.PARTLY, "one group"),
        ({"images": 24, "patients": 1, "with": {"a": 12}, "without": {"a": 12}}, Status.PARTLY, "too few to tell"),
        ({"images": 90, "patients": 90, "with": {"a": 90}, "without": {"a": 0}}, Status.PARTLY, "without a finding"),
        ({"images": 90, "patients": 90, "with": {"a": 9}, "without": {"a": 81}}, Status.ANSWERED, "90 patients"),
    ],
)  # fmt: skip
def test_external_data_answer_their_item_only_with_several_patients_of_both_kinds(done, found, status, words) -> None:
    item = claim_items({**done.raw, "external": found})[32]
    assert item["status"] == status and words in item["where"] and "left out" in item["where"]
    assert done.raw["external"] == {
        "images": 20, "patients": 1, "with": {"hemorrhagic": 0, "ischemic": 20},
        "without": {"hemorrhagic": 0, "ischemic": 0},
    }  # fmt: skip


def test_measured_explanations_answer_their_item_for_the_version_they_were_measured_on(done) -> None:
    def item(**changes) -> dict:
        return claim_items({**done.raw, **changes})[30]

    found = {"version": done.version, "default": "grad_cam", "hits": {"ischemic": "Points into the lesion in 9 of 10."}}
    assert done.raw["explanations"] is None and item()["status"] == Status.PARTLY
    answered = item(explanations=found)
    assert answered["status"] == Status.ANSWERED and "9 of 10" in answered["where"]
    older = item(explanations={**found, "version": "0.0.0"})
    assert older["status"] == Status.PARTLY and "version 0.0.0" in older["where"]
