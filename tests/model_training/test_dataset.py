"""Batches: the same epoch twice is the same; shares are kept; held-out rows never appear, not even as donors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from factories_training import recipe_values, toy_recipe, toy_store, toy_table

from model_training.dataset import BatchSource
from strokeapp.errors import ManifestError
from strokeapp.imaging.network_input import leveled
from strokeapp.imaging.normalize import standardize
from strokeapp.types import Finding, Modality

TABLE = toy_table()
STORE = toy_store(TABLE)
STILL = dict.fromkeys(
    ("rotation_degrees", "translation", "scale", "flip", "contrast", "shift", "noise", "blur", "low_resolution"), 0.0
)


def source(rows=None, **changes) -> BatchSource:
    rows = np.arange(len(TABLE)) if rows is None else np.asarray(rows)
    return BatchSource(toy_recipe(**changes), STORE, TABLE, rows)


def origin(picture: torch.Tensor) -> int | None:
    """Return the row that an unaugmented picture shows."""
    for row in range(len(TABLE)):
        gray = leveled(STORE.gray[row] / np.float32(255), STORE.level[row], Modality.CT)
        if np.allclose(standardize(gray), picture[0].numpy(), atol=1e-3):
            return row
    return None


def test_an_epoch_is_the_same_each_time_and_another_is_not():
    one, two, other = (list(source().epoch(number)) for number in (3, 3, 4))
    for (first, targets), (second, more) in zip(one, two, strict=True):
        assert torch.equal(first, second) and torch.equal(targets.masks, more.masks)
        assert torch.equal(targets.findings, more.findings)
    assert not torch.equal(one[0][0], other[0][0])


def test_batches_have_the_documented_shapes():
    batches = list(source().epoch(0))
    assert len(batches) == 2
    for pictures, targets in batches:
        assert pictures.shape == (4, 1, 64, 64) and pictures.dtype == torch.float32
        assert targets.findings.shape == (4, 2) and targets.subtypes.shape == (4, 5)
        assert targets.masks.shape == (4, 2, 64, 64) and targets.mask_known.dtype == torch.bool
        assert targets.masks.min() >= 0 and targets.masks.max() <= 1 + 1e-5


def test_batches_of_another_size_show_the_same_images_smaller():
    still = {"augmentation": STILL}
    small = BatchSource(toy_recipe(**still), STORE, TABLE, np.arange(len(TABLE)), size=32)
    for (pictures, targets), (reduced, fewer) in zip(source(**still).epoch(0), small.epoch(0), strict=True):
        assert torch.equal(targets.findings, fewer.findings)
        half = torch.nn.functional.interpolate(pictures, scale_factor=0.5, mode="bilinear")
        torch.testing.assert_close(reduced[..., 1:-1, 1:-1], half[..., 1:-1, 1:-1], atol=1e-4, rtol=0)
        mean = torch.nn.functional.avg_pool2d(targets.masks, 2)
        torch.testing.assert_close(fewer.masks, mean, atol=1e-4, rtol=0)


def test_strata_get_their_shares():
    strata = [{"dataset": "bleeds", "share": 3, "where": {"hemorrhagic": 1}}, {"dataset": "infarcts", "share": 1}]
    drawn = source(strata=strata, images_per_epoch=40, augmentation={})
    findings = torch.cat([targets.findings for _, targets in drawn.epoch(0)])
    assert findings[:, 0].sum() == 30 and findings[:, 1].sum() == 10


def test_every_member_is_drawn_before_any_comes_twice():
    drawn = source(strata=[{"dataset": "bleeds", "share": 1}], images_per_epoch=16, augmentation=STILL)
    rows = [origin(picture) for pictures, _ in drawn.epoch(0) for picture in pictures]
    assert sorted(rows) == sorted([*range(8)] * 2)


@pytest.mark.parametrize("number", range(3))
def test_held_out_rows_are_never_drawn(number):
    rows = [0, 1, 4, 5, 8, 9]
    drawn = source(rows, images_per_epoch=32, augmentation=STILL)
    seen = {origin(picture) for pictures, _ in drawn.epoch(number) for picture in pictures}
    assert seen <= set(rows) and None not in seen


def test_held_out_lesions_are_never_transplanted():
    rows = np.array([0, 1, 4, 5, 8, 9])
    _, donors = source(rows).transplants[Finding.ISCHEMIC]
    assert len(donors) == 2
    assert all(any(np.array_equal(donor.mask, STORE.masks[row, 1]) for row in (8, 9)) for donor in donors)


def test_a_transplant_changes_label_and_mask_together():
    drawn = source(images_per_epoch=32, augmentation={**STILL, "infarct_transplant": 1.0})
    changed = 0
    for pictures, targets in drawn.epoch(0):
        for picture, finding, mask, known in zip(
            pictures, targets.findings, targets.masks, targets.mask_known, strict=True
        ):
            if origin(picture) is None:
                changed += 1
                assert finding[1] == 1 and known[1] and mask[1].sum() > 10
            assert (mask[1].sum() > 0) == (finding[1] == 1)
    assert changed > 5


def test_labels_of_the_table_are_not_changed_by_drawing():
    drawn = source(augmentation={"infarct_transplant": 1.0})
    before = drawn.findings.copy(), STORE.masks.copy(), STORE.mask_known.copy()
    list(drawn.epoch(0))
    for now, then in zip((drawn.findings, STORE.masks, STORE.mask_known), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_stratum_without_images_is_named():
    values = recipe_values()["strata"] + [{"dataset": "infarcts", "share": 1, "where": {"hemorrhagic": 1}}]
    with pytest.raises(ManifestError, match="infarcts"):
        source(strata=values)


@pytest.mark.parametrize("beside", [False, True])
def test_blood_is_drawn_beside_infarcts_only_where_the_recipe_says_so(beside):
    strata = [{"dataset": "infarcts", "share": 1}]
    augmentation = {**STILL, "infarct_transplant": 0.0, "drawn_clot": 1.0, "beside_infarcts": beside}
    bled = 0
    for _, targets in source(strata=strata, images_per_epoch=32, augmentation=augmentation).epoch(0):
        for finding, mask in zip(targets.findings, targets.masks, strict=True):
            assert (mask[0].sum() > 0) == (finding[0] == 1)
            assert finding[1] == 1 and not (mask[0] * mask[1]).any()
            bled += int(finding[0])
    assert bled > 8 if beside else bled == 0
