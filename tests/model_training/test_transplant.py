"""Transplants change the recipient under the lesion only, the right way, and never CSF or bone."""

from __future__ import annotations

import numpy as np
import pytest
from factories_models import ellipse
from factories_training import toy_store, toy_table
from scipy import ndimage

from model_training.transplant import TISSUE, cut_donor, cut_donors, lay_in
from strokeapp.imaging.normalize import BRAIN_GRAY, MR_MEDIAN
from strokeapp.types import Finding, Modality

SHAPE = (96, 96)
MASK = ellipse(SHAPE, (50, 60), (10, 8))


def plain(value: float = BRAIN_GRAY) -> np.ndarray:
    return np.where(ellipse(SHAPE, (48, 48), (44, 40)), value, 0.0).astype(np.float32)


def donor(change: float, finding: Finding):
    gray = plain()
    gray[MASK] += change
    return cut_donor(gray, MASK, finding)


@pytest.mark.parametrize(("finding", "change"), [(Finding.ISCHEMIC, -0.15), (Finding.HEMORRHAGIC, 0.3)])
def test_a_donor_measures_the_lesion_against_its_surroundings(finding, change):
    cut = donor(change, finding)
    core = ndimage.binary_erosion(MASK, iterations=5)
    assert cut.change[core].mean() == pytest.approx(change, rel=0.1)
    np.testing.assert_array_equal(cut.mask, MASK)


@pytest.mark.parametrize(("finding", "change"), [(Finding.ISCHEMIC, 0.2), (Finding.HEMORRHAGIC, -0.2)])
def test_a_lesion_of_the_wrong_sign_is_no_donor(finding, change):
    assert donor(change, finding) is None


def test_a_lesion_of_few_pixels_is_no_donor():
    gray, mask = plain(), ellipse(SHAPE, (50, 60), (2, 2))
    gray[mask] -= 0.2
    assert cut_donor(gray, mask, Finding.ISCHEMIC) is None


@pytest.mark.parametrize(("finding", "change"), [(Finding.ISCHEMIC, -0.15), (Finding.HEMORRHAGIC, 0.3)])
@pytest.mark.parametrize("seed", range(4))
def test_the_recipient_changes_near_the_mask_only_and_the_right_way(finding, change, seed):
    recipient = plain(0.5)
    before = recipient.copy()
    result, laid = lay_in(recipient, donor(change, finding), np.random.default_rng(seed))
    np.testing.assert_array_equal(recipient, before)
    difference = result - recipient
    near = ndimage.binary_dilation(laid, iterations=8)
    assert np.abs(difference[~near]).max() < 1e-3
    core = ndimage.binary_erosion(laid, iterations=4)
    assert 0.5 * abs(change) < abs(difference[core].mean()) < 1.25 * abs(change)
    assert np.sign(difference[laid]).sum() * np.sign(change) > 0.95 * laid.sum()


@pytest.mark.parametrize("seed", range(4))
def test_csf_and_bone_take_no_lesion(seed):
    recipient = plain(0.5)
    csf, bone = ellipse(SHAPE, (45, 52), (9, 5)), ellipse(SHAPE, (60, 70), (5, 5))
    recipient[csf], recipient[bone] = 0.08, 1.0
    placed = lay_in(recipient, donor(-0.15, Finding.ISCHEMIC), np.random.default_rng(seed))
    if placed is None:
        pytest.skip("this seed finds too little tissue")
    result, laid = placed
    smooth = ndimage.uniform_filter(recipient, 3)
    low, high = TISSUE[Modality.CT]
    assert ((smooth[laid] > low) & (smooth[laid] < high)).all()
    for region in (csf, bone):
        assert not (laid & ndimage.binary_erosion(region)).any()
        deep = ndimage.binary_erosion(region, iterations=3)  # the edge is feathered, or a seam would show
        assert deep.any()
        np.testing.assert_allclose(result[deep], recipient[deep], atol=1e-3)


def test_no_tissue_takes_nothing():
    for value in (0.0, 1.0):
        empty = np.full(SHAPE, value, np.float32)
        assert lay_in(empty, donor(-0.15, Finding.ISCHEMIC), np.random.default_rng(0)) is None


def test_donors_come_from_the_given_rows_only():
    table = toy_table()
    store = toy_store(table)
    rows = np.array([0, 1, 8, 9])
    donors = cut_donors(store, rows, Finding.ISCHEMIC)
    assert len(donors) == 2
    for one, row in zip(donors, (8, 9), strict=True):
        np.testing.assert_array_equal(one.mask, store.masks[row, 1])
    assert cut_donors(store, np.array([0, 1]), Finding.ISCHEMIC) == []
    assert cut_donors(store, np.arange(16), Finding.HEMORRHAGIC) == []


@pytest.mark.parametrize("change", [0.3, -0.3])
def test_on_mr_an_infarct_is_bright(change):
    gray = plain(MR_MEDIAN)
    gray[MASK] += change
    cut = cut_donor(gray, MASK, Finding.ISCHEMIC, Modality.MR)
    assert (cut is None) == (change < 0)
    if cut is None:
        return
    recipient = plain(MR_MEDIAN)
    recipient[ellipse(SHAPE, (45, 52), (9, 5))] = 0.05
    result, laid = lay_in(recipient, cut, np.random.default_rng(0), Modality.MR)
    core = ndimage.binary_erosion(laid, iterations=3)
    assert 0.5 * change < (result - recipient)[core].mean() < 1.25 * change
    assert not (laid & (ndimage.uniform_filter(recipient, 3) < 0.2)).any()


def test_an_infarct_that_flair_hardly_shows_is_no_donor():
    gray = plain(MR_MEDIAN)
    gray[MASK] += 0.03
    assert cut_donor(gray, MASK, Finding.ISCHEMIC, Modality.MR) is None
