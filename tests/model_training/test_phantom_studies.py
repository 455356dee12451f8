"""Check synthetic studies: what is in them, and that the files written are read back exactly."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from model_training.phantom import PLANS, PhantomStudy, StudyName, StudyPlan, generate, write_study
from model_training.phantom.lesions import Bleed, Infarct, Lesion
from model_training.phantom.write import MANUFACTURER, zip_bytes


def coarse(plan: StudyPlan) -> StudyPlan:
    """Take every fourth pixel and fewer slices: same head, a fraction of the time."""
    p = plan.protocol
    return replace(plan, protocol=replace(p, size=p.size // 4, pixel_mm=p.pixel_mm * 4, noise_hu=1.0))


def thin(plan: StudyPlan) -> StudyPlan:
    """Make three slices of the full matrix through the ventricles."""
    return replace(plan, protocol=replace(plan.protocol, slices=3, lowest_mm=6.0))


def healthy(plan: StudyPlan) -> StudyPlan:
    """Take the same head without its lesion."""
    return replace(coarse(plan), lesion=Lesion())


@pytest.fixture(scope="module")
def bleed() -> PhantomStudy:
    return generate(StudyName.BLEED_CT, adjust=coarse)


@pytest.fixture(scope="module")
def infarct() -> PhantomStudy:
    return generate(StudyName.INFARCT_CT, adjust=coarse)


@pytest.fixture(scope="module")
def tilted() -> PhantomStudy:
    return generate(StudyName.SUBDURAL_CT, adjust=thin)


@pytest.fixture(scope="module")
def diffusion() -> PhantomStudy:
    return generate(
        StudyName.INFARCT_DWI, adjust=lambda p: replace(p, protocol=replace(p.protocol, slices=4, lowest_mm=4.0))
    )


@pytest.fixture(scope="module")
def flair() -> PhantomStudy:
    return generate(
        StudyName.INFARCT_FLAIR, adjust=lambda p: replace(p, protocol=replace(p.protocol, slices=4, lowest_mm=4.0))
    )


def test_same_seed_same_voxels_other_seed_another_head():
    first, again, other = (generate("normal_ct", seed=s, adjust=coarse) for s in (7, 7, 8))
    assert np.array_equal(first.voxels, again.voxels)
    assert (first.voxels != other.voxels).mean() > 0.2
    assert not first.mask.any()


def test_unknown_study_and_negative_seed_are_refused():
    with pytest.raises(ValueError, match="not a valid StudyName"):
        generate("healthy")
    with pytest.raises(ValueError):
        generate("normal_ct", seed=-1)


def test_full_resolution_slices_have_the_values_of_a_head():
    study = generate(StudyName.NORMAL_CT, adjust=thin)
    hu = study.voxels.astype(np.float32)
    brain = binary_erosion(
        gaussian_filter(((hu > 0) & (hu < 80)).astype(np.float32), (0, 2, 2)) > 0.95, np.ones((1, 9, 9))
    )
    brain_hu = hu[brain]
    assert 33 <= np.median(brain_hu) <= 38
    smooth = gaussian_filter(hu, (0, 1.5, 1.5))
    assert np.percentile(smooth[brain], 1) < 14, "no fluid in the ventricles"
    residual = hu - gaussian_filter(hu, (0, 3, 3))
    assert 2.0 < residual[brain].std() < 4.5
    assert 900 < np.percentile(hu[hu > 300], 90) < 1500
    assert np.median(hu[:, :30, :30]) == pytest.approx(-1000, abs=3)
    bone_fraction = (hu > 300).mean()
    assert 0.05 < bone_fraction < 0.2


def test_bleed_is_bright_and_of_the_planned_volume(bleed: PhantomStudy):
    lesion = bleed.plan.lesion
    assert isinstance(lesion, Bleed)
    core = binary_erosion(bleed.mask, np.ones((1, 5, 5)))
    assert 58 < np.median(bleed.voxels[core]) < 74
    clot_only = generate(
        StudyName.BLEED_CT, adjust=lambda p: replace(coarse(p), lesion=replace(lesion, ventricular=False))
    )
    assert clot_only.lesion_ml == pytest.approx(lesion.volume_ml * clot_only.head.volume_factor, rel=0.2)
    assert clot_only.lesion_ml + 0.5 < bleed.lesion_ml < clot_only.lesion_ml + 6.0


def test_bleed_has_a_dark_rim_and_lies_where_it_was_put(bleed: PhantomStudy):
    lesion = bleed.plan.lesion
    assert isinstance(lesion, Bleed)
    clot = binary_dilation(bleed.mask, np.ones((1, 3, 3)))
    rim = binary_dilation(clot, np.ones((1, 3, 3))) & ~clot
    assert np.median(bleed.voxels[rim]) < 31
    k, r, c = np.argwhere(bleed.mask).mean(axis=0)
    g = bleed.geometry
    center = g.slice_origins[round(k)] + r * g.row_step + c * g.column_step
    assert np.linalg.norm(center[:2] - bleed.head.locate(lesion.center)[:2]) < 6.0
    assert center[0] > 10, "left in LPS is positive"


def test_infarct_is_8_to_14_hu_darker_than_the_same_tissue_when_healthy(infarct: PhantomStudy):
    before = generate(StudyName.INFARCT_CT, adjust=healthy).voxels.astype(np.float32)
    after = infarct.voxels.astype(np.float32)
    core = binary_erosion(infarct.mask, np.ones((1, 3, 3))) & (before > 20) & (before < 60) & (after < 80)
    assert 8 <= (before - after)[core].mean() <= 14
    k, r, c = np.argwhere(infarct.mask).mean(axis=0)
    assert (
        infarct.geometry.slice_origins[round(k)] + r * infarct.geometry.row_step + c * infarct.geometry.column_step
    )[0] < -20, "right in LPS is negative"
    assert 40 < infarct.lesion_ml < 250


def test_infarct_has_lost_its_gray_white_contrast(infarct: PhantomStudy):
    lesion = infarct.plan.lesion
    assert isinstance(lesion, Infarct)
    before = generate(StudyName.INFARCT_CT, adjust=healthy).voxels.astype(np.float32)
    core = binary_erosion(infarct.mask, np.ones((1, 5, 5))) & (infarct.voxels < 80)
    assert infarct.voxels[core].std() < 0.8 * before[core].std()


def test_subdural_lies_under_the_left_convexity(tilted: PhantomStudy):
    assert 52 < np.median(tilted.voxels[binary_erosion(tilted.mask, np.ones((1, 5, 5)))]) < 76
    _, _, columns = np.nonzero(tilted.mask)
    assert columns.min() > tilted.voxels.shape[2] // 2
    assert tilted.mask.any(axis=(1, 2)).all()


def test_mr_infarcts_are_bright_and_fluid_is_dark(diffusion: PhantomStudy, flair: PhantomStudy):
    for study in (diffusion, flair):
        head = study.voxels > 0.35 * np.percentile(study.voxels, 95)
        tissue = np.median(study.voxels[head & ~study.mask])
        assert np.median(study.voxels[study.mask]) > 1.4 * tissue
        assert study.voxels.min() >= 0


@pytest.mark.parametrize("compress", [True, False])
def test_dicom_reads_back_with_exact_values_and_geometry(tilted: PhantomStudy, tmp_path: Path, compress: bool):
    paths = write_study(tilted, tmp_path / "series", compress=compress)
    datasets = [pydicom.dcmread(path) for path in paths]
    g = tilted.geometry
    for k, dataset in enumerate(datasets):
        stored = dataset.pixel_array.astype(np.int32)
        assert np.array_equal(stored * int(dataset.RescaleSlope) + int(dataset.RescaleIntercept), tilted.voxels[k])
        np.testing.assert_allclose(np.array(dataset.ImagePositionPatient, float), g.slice_origins[k], atol=1e-6)
        orientation = np.array(dataset.ImageOrientationPatient, float)
        row, column = (float(v) for v in dataset.PixelSpacing)
        np.testing.assert_allclose(orientation[:3] * column, g.column_step, atol=1e-8)
        np.testing.assert_allclose(orientation[3:] * row, g.row_step, atol=1e-8)
    assert len({tuple(d.ImagePositionPatient) for d in datasets}) == len(datasets)
    assert len({d.SOPInstanceUID for d in datasets}) == len(datasets)
    assert len({d.SeriesInstanceUID for d in datasets}) == 1


def test_dicom_says_that_it_is_synthetic_and_names_nobody(
    tilted: PhantomStudy, diffusion: PhantomStudy, tmp_path: Path
):
    for study in (tilted, diffusion):
        for path in write_study(study, tmp_path / study.name):
            dataset = pydicom.dcmread(path)
            assert dataset.Manufacturer == MANUFACTURER
            assert "synthetic" in dataset.SeriesDescription
            assert str(dataset.PatientName).startswith("SYNTHETIC^")
            assert dataset.PatientID.startswith("SYNTHETIC-")
            assert dataset.BodyPartExamined == "HEAD"
            assert dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID
            names = {str(e.value) for e in dataset.iterall() if e.VR == "PN" and e.value}
            assert names == {str(dataset.PatientName)}
    assert float(dataset.DiffusionBValue) == 1000.0


def test_nifti_affine_places_voxels_where_the_geometry_does(flair: PhantomStudy, tmp_path: Path):
    (path,) = write_study(flair, tmp_path)
    assert path.name.startswith("sub-synthetic") and path.name.endswith("_FLAIR.nii.gz")
    image = nib.load(path)
    assert bytes(image.header["descrip"]).rstrip(b"\0") == b"StrokeApp phantom synthetic"
    assert np.array_equal(np.asanyarray(image.dataobj).transpose(2, 1, 0), flair.voxels)
    k, r, c = 2, 100, 30
    lps = flair.geometry.slice_origins[k] + r * flair.geometry.row_step + c * flair.geometry.column_step
    np.testing.assert_allclose((image.affine @ [c, r, k, 1])[:3], lps * [-1, -1, 1], atol=1e-4)


def test_archive_is_the_same_to_the_last_byte(diffusion: PhantomStudy):
    again = generate(
        StudyName.INFARCT_DWI, adjust=lambda p: replace(p, protocol=replace(p.protocol, slices=4, lowest_mm=4.0))
    )
    content = zip_bytes(diffusion)
    assert content == zip_bytes(again)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 4


def test_every_study_has_a_plan_that_says_synthetic():
    assert set(PLANS) == set(StudyName)
    assert all(plan.description.startswith("Synthetic") for plan in PLANS.values())
    assert json.dumps([plan.title for plan in PLANS.values()])
