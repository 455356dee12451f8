"""Read a folder of one series into an array: this program, and what a user would pick instead."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = "floor: bytes + decoding"


def strokeapp_reader(folder: Path) -> NDArray:
    """Read with this program: find the series, order, check and rescale it."""
    from strokeapp.reading import load, open_inputs

    with tempfile.TemporaryDirectory() as workspace:
        return load(open_inputs([folder], workspace=Path(workspace)).series[0]).voxels


def floor(folder: Path) -> NDArray:
    """Read the bytes of every file and decode its pixels with our decoder in this process: what no reader can spare.

    The header of one file tells what the files of a series share. Values stay as they are stored, slices in order of
    names.
    """
    from strokeapp.reading.dicom_quick import HeaderReader

    paths = sorted(folder.iterdir())
    facts = HeaderReader().read(paths[0], "")
    volume = np.empty((len(paths) * len(facts.frames), facts.rows, facts.columns), np.int16)
    each = volume.reshape(len(paths), -1)
    for number, path in enumerate(paths):
        if facts.encapsulated is not None:
            volume[number] = facts.encapsulated.decode(path, 0)
        else:
            each[number] = np.frombuffer(path.read_bytes()[-each[number].nbytes :], "<i2")
    return volume


def pydicom_numpy(folder: Path) -> NDArray:
    """Read every file with pydicom, sort by position, stack."""
    import pydicom

    datasets = [pydicom.dcmread(path) for path in folder.iterdir()]
    if len(datasets) == 1:
        return datasets[0].pixel_array
    datasets.sort(key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    slope, intercept = float(datasets[0].RescaleSlope), float(datasets[0].RescaleIntercept)
    return (np.stack([dataset.pixel_array for dataset in datasets]) * slope + intercept).astype(np.int16)


def simpleitk(folder: Path) -> NDArray:
    """Read with ImageSeriesReader (a multi-frame file with ReadImage)."""
    import SimpleITK

    files = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    if len(files) == 1:
        return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(files[0]))
    return SimpleITK.GetArrayFromImage(itk_series(files))


def itk_series(files: Sequence[str]) -> Any:
    """Return the SimpleITK image of a series, its files in ITK's order."""
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(files)
    return reader.Execute()


def dicom2nifti_reader(folder: Path) -> NDArray:
    """Convert to NIfTI, uncompressed, and read that."""
    import dicom2nifti

    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        dicom2nifti.convert_directory(str(folder), out, compression=False, reorient=False)
        return _nifti(Path(out))


def dcm2niix_reader(folder: Path) -> NDArray:
    """Convert to NIfTI, uncompressed, in another program, and read that."""
    with tempfile.TemporaryDirectory() as out:
        convert_with_dcm2niix(folder, Path(out))
        return _nifti(Path(out))


def convert_with_dcm2niix(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Write ``one*.nii`` with dcm2niix, uncompressed; return what it printed."""
    import dcm2niix

    command = [dcm2niix.bin, "-z", "n", "-b", "n", "-f", "one", "-o", str(out), str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def _nifti(folder: Path) -> NDArray:
    import nibabel

    files = sorted(folder.glob("*.nii"))
    if not files:
        raise ValueError("nothing was converted")
    return np.array(nibabel.load(files[0]).dataobj).T


@dataclass(frozen=True)
class Reader:
    """Name a reader, the package it needs, and the function that reads a folder."""

    name: str
    package: str
    read: Callable[[Path], NDArray]

    @property
    def installed(self) -> bool:
        """Tell whether the package can be imported."""
        return importlib.util.find_spec(self.package) is not None


READERS = {
    reader.name: reader
    for reader in (
        Reader("strokeapp", "strokeapp", strokeapp_reader),
        Reader(FLOOR, "strokeapp", floor),
        Reader("pydicom + numpy", "pydicom", pydicom_numpy),
        Reader("SimpleITK", "SimpleITK", simpleitk),
        Reader("dicom2nifti", "dicom2nifti", dicom2nifti_reader),
        Reader("dcm2niix", "dcm2niix", dcm2niix_reader),
    )
}
