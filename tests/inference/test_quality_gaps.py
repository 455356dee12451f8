"""An MR head of which a large part is NaN or one value is never read; heads that merely end in black slices are."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from factories_artefacts import changed

from strokeapp.demonstration import demonstrations
from strokeapp.inference.suitability import check
from strokeapp.reading import load, open_inputs
from strokeapp.types import Scan


@pytest.fixture(scope="module", params=["synthetic_infarct_dwi", "synthetic_infarct_flair"])
def head(request, tmp_path_factory) -> Scan:
    path = next(study.path for study in demonstrations() if study.path.stem == request.param)
    inventory = open_inputs([path], workspace=tmp_path_factory.mktemp("mr"))
    return next(load(series) for series in inventory.series if series.viewable and not series.refusal)


PARTS = {
    "upper half of the slices": np.s_[12:],
    "lower half of the slices": np.s_[:12],
    "slices in the middle": np.s_[9:14],
    "right half of every slice": np.s_[:, :, 128:],
    "front half of every slice": np.s_[:, :128],
    "a block in the middle": np.s_[6:18, 100:160, 100:160],
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", ["lowest", "some value"])
def test_a_large_part_without_measurement_abstains(head, part, value):
    voxels = head.voxels.astype(np.float32)
    voxels[PARTS[part]] = voxels.min() if value == "lowest" else np.percentile(voxels, 90)
    result = check(replace(head, voxels=voxels))
    assert result is not None and result.code in ("part_missing", "not_a_head_mr")


def test_a_whole_head_with_black_slices_at_both_ends_is_read(head):
    assert check(head) is None
    voxels = np.where(np.abs(np.arange(len(head.voxels)) - 12)[:, None, None] > 11, 0, head.voxels)
    assert check(changed(head, voxels)) is None


def test_half_a_nifti_of_nan_is_not_read(head, tmp_path):
    g = head.geometry
    values = np.transpose(head.voxels, (2, 1, 0)).astype(np.float32)
    values[:, :, :11] = np.nan
    steps = np.column_stack([g.column_step, g.row_step, g.slice_origins[1] - g.slice_origins[0], g.slice_origins[0]])
    affine = np.vstack([np.diag([-1, -1, 1]) @ steps, [0, 0, 0, 1]])
    nibabel.Nifti1Image(values, affine).to_filename(tmp_path / "dwi.nii.gz")
    (series,) = open_inputs([tmp_path / "dwi.nii.gz"], workspace=tmp_path).series
    result = check(load(series))
    assert result.code == "part_missing" and "no image" in result.message
