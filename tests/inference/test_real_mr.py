"""Real diffusion series are read as diffusion, with the lesion where experts drew it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from strokeapp.inference.series import read_series
from strokeapp.reading import open_inputs
from strokeapp.types import Finding, Geometry, Sequence


def outcomes(folder: Path, workspace: Path) -> dict[Sequence, object]:
    return {one.sequence: read_series(one) for one in open_inputs([folder], workspace=workspace).series}


def drawn(path: Path, geometry: Geometry, shape: tuple[int, ...]) -> np.ndarray:
    """Put every voxel of a mask where the file's own affine says it lies in the patient, in the scan's grid."""
    image = nib.load(path)
    lps = nib.affines.apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj) > 0)) * [-1, -1, 1]
    slices = np.abs(geometry.positions_mm[:, None] - lps @ geometry.normal).argmin(0)
    offset = lps - geometry.slice_origins[slices]
    steps = (geometry.row_step, geometry.column_step)
    rows, columns = (np.rint(offset @ step / (step @ step)).astype(int) for step in steps)
    mask = np.zeros(shape, bool)
    mask[slices, rows, columns] = True
    return mask


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def test_the_lesion_of_an_isles_patient_lies_where_the_experts_drew_it(shared, tmp_path):
    folder = shared / "cases" / "mr_isles22_nifti"
    found = outcomes(folder, tmp_path)
    outcome = found[Sequence.DWI]
    assert outcome.reading.model == "mr_dwi" and outcome.reading.findings[Finding.ISCHEMIC].flagged
    assert found[Sequence.ADC].abstained.code == "no_network"
    marked = outcome.reading.lesion_maps[Finding.ISCHEMIC] >= 0.3 * 255
    (path,) = folder.glob("*_msk.nii.gz")
    truth = drawn(path, outcome.scan.geometry, marked.shape)
    assert dice(marked, truth) > 0.55, "a patient learnt from"
    assert dice(marked[:, :, ::-1], truth) < 0.05, "on the other side"


def test_a_large_infarct_with_the_skull_on_is_flagged_on_one_side(shared, tmp_path):
    found = outcomes(shared / "cases" / "mr_dwi_skull_on_nifti", tmp_path)
    outcome = found[Sequence.DWI]
    assert outcome.reading.model == "mr_dwi" and outcome.reading.findings[Finding.ISCHEMIC].flagged
    assert found[Sequence.B0].abstained.code == "no_network"
    marked = outcome.reading.lesion_maps[Finding.ISCHEMIC] >= 0.3 * 255
    middle = marked.shape[2] // 2
    sides = sorted([marked[:, :, :middle].sum(), marked[:, :, middle:].sum()])
    assert sides[1] > 9 * sides[0], "a lesion of one hemisphere"


@pytest.mark.parametrize("sequence", [Sequence.ASL, Sequence.T1, Sequence.ADC])
def test_other_sequences_of_a_real_examination_get_no_reading(shared, tmp_path, sequence):
    found = outcomes(shared / "cases" / "mr_enhanced_multiframe_dicom", tmp_path)
    assert found[sequence].reading is None and found[sequence].abstained is not None
