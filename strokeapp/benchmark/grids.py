"""Read a folder of one CT series with other readers: the voxels, and where each reader says that they lie."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from strokeapp.benchmark.readers import convert_with_dcm2niix, itk_series

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
AIR = -1000


class NothingRead(Exception):
    """Say that a reader ended without an image."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Hold voxels and the affine that places them.

    Args:
        voxels: Three axes, in the order of the affine's columns.
        affine: (4, 4), from indices of voxels to LPS mm.
        made: Which of several images of one reader this is; empty where there is only one.
    """

    voxels: NDArray
    affine: NDArray[np.float64]
    made: str = ""

    def volume_ml(self, threshold: float) -> float:
        """Return the volume of what is brighter than a threshold, in ml: voxels times the affine's determinant."""
        return float((self.voxels > threshold).sum() * abs(np.linalg.det(self.affine[:3, :3])) / 1000)

    def center(self, threshold: float) -> NDArray[np.float64]:
        """Return the center of what is brighter than a threshold, LPS mm."""
        return self.affine[:3, :3] @ np.argwhere(self.voxels > threshold).mean(axis=0) + self.affine[:3, 3]


def highdicom_grids(folder: Path) -> list[Grid]:
    """Read with ``get_volume_from_series``, whose coordinates are LPS."""
    import highdicom

    volume = highdicom.get_volume_from_series(_datasets(folder))
    return [Grid(volume.array, volume.affine)]


def simpleitk_grids(folder: Path) -> list[Grid]:
    """Read with ``ImageSeriesReader``, whose coordinates are LPS."""
    import SimpleITK

    image = itk_series(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return [Grid(SimpleITK.GetArrayFromImage(image).T, affine)]


def dicom2nifti_grids(folder: Path) -> list[Grid]:
    """Convert with dicom2nifti as it is installed."""
    import dicom2nifti

    with tempfile.TemporaryDirectory() as out:
        dicom2nifti.dicom_series_to_nifti(str(folder), str(Path(out) / "one.nii"), reorient_nifti=False)
        return _niftis(Path(out))


def dicom2nifti_resampled_grids(folder: Path) -> list[Grid]:
    """Convert with dicom2nifti, its checks off, resampling linearly onto air, as its refusals propose."""
    from dicom2nifti import settings

    settings.disable_validate_orthogonal()
    settings.disable_validate_slice_increment()
    settings.enable_resampling()
    settings.set_resample_spline_interpolation_order(1)
    settings.set_resample_padding(AIR)
    try:
        return dicom2nifti_grids(folder)
    finally:
        settings.enable_validate_orthogonal()
        settings.enable_validate_slice_increment()
        settings.disable_resampling()


def dcm2niix_grids(folder: Path) -> list[Grid]:
    """Convert with dcm2niix; it writes a second image where it corrects tilt or spacing. Prints what it prints."""
    with tempfile.TemporaryDirectory() as out:
        done = convert_with_dcm2niix(folder, Path(out))
        print(done.stdout, done.stderr)
        return _niftis(Path(out))


def stacked_grids(folder: Path) -> list[Grid]:
    """Sort by z and stack: the short script that takes slices for axial and the first step for every step."""
    datasets = sorted(_datasets(folder), key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    first, second = datasets[:2]
    row_mm, column_mm = (float(value) for value in first.PixelSpacing)
    step = float(second.ImagePositionPatient[2]) - float(first.ImagePositionPatient[2])
    affine = np.diag([column_mm, row_mm, step, 1.0])
    affine[:3, 3] = [float(value) for value in first.ImagePositionPatient]
    return [Grid(_hounsfield(datasets), affine)]


def sheared_grids(folder: Path) -> list[Grid]:
    """Stack on the affine of the first to the last slice, sheared where they tilt; nibabel resamples that."""
    import nibabel
    from nibabel.processing import resample_to_output

    sheared = sheared_grid(folder)
    image = nibabel.Nifti1Image(sheared.voxels, LPS_FROM_RAS @ sheared.affine)
    return [_of_nifti(resample_to_output(image, order=1, cval=AIR))]


def sheared_grid(folder: Path) -> Grid:
    """Return the slices on one affine, not resampled: directions of the first, the mean step from first to last."""
    datasets = _datasets(folder)
    across = np.array(datasets[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(*across)
    datasets.sort(key=lambda dataset: float(normal @ np.array(dataset.ImagePositionPatient, float)))
    origins = np.array([dataset.ImagePositionPatient for dataset in datasets], float)
    row_mm, column_mm = (float(value) for value in datasets[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across[0] * column_mm, across[1] * row_mm
    affine[:3, 2], affine[:3, 3] = (origins[-1] - origins[0]) / (len(origins) - 1), origins[0]
    return Grid(_hounsfield(datasets), affine)


def _datasets(folder: Path) -> list[Dataset]:
    return [dcmread(path) for path in folder.iterdir()]


def _hounsfield(datasets: list[Dataset]) -> NDArray[np.float64]:
    """Return (columns, rows, slices) in HU."""
    slope, intercept = float(datasets[0].RescaleSlope), float(datasets[0].RescaleIntercept)
    return np.stack([dataset.pixel_array for dataset in datasets]).T * slope + intercept


def _niftis(folder: Path) -> list[Grid]:
    import nibabel

    paths = sorted(folder.glob("*.nii"))
    if not paths:
        raise NothingRead("nothing was converted")
    return [_of_nifti(nibabel.load(path), path.stem.removeprefix("one").strip("_1")) for path in paths]


def _of_nifti(image, made: str = "") -> Grid:
    return Grid(image.get_fdata(), LPS_FROM_RAS @ image.affine, made)


GRID_READERS: dict[str, tuple[str, Callable[[Path], list[Grid]]]] = {
    "highdicom": ("highdicom", highdicom_grids),
    "SimpleITK": ("SimpleITK", simpleitk_grids),
    "dicom2nifti": ("dicom2nifti", dicom2nifti_grids),
    "dicom2nifti, checks off, resampling": ("dicom2nifti", dicom2nifti_resampled_grids),
    "dcm2niix": ("dcm2niix", dcm2niix_grids),
    "sort by z and stack": ("pydicom", stacked_grids),
    "sheared affine, nibabel resampling": ("nibabel", sheared_grids),
}
"""By name: the package that is needed, and the function that reads a folder."""
