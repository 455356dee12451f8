"""Write synthetic studies as the files a scanner would send: DICOM for CT and diffusion, NIfTI for FLAIR.

The same study gives the same bytes: identifiers come from the seed, dates and archive times are fixed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from model_training.phantom.studies import PhantomStudy, StudyName, generate
from strokeapp.types import Geometry, Modality, Sequence

MANUFACTURER = "StrokeApp phantom"
DATE = "20260101"
TIME = "120000"
HU_INTERCEPT = -1024
_ZIP_TIME = (2026, 1, 1, 12, 0, 0)
_PATIENT = {
    StudyName.NORMAL_CT: "SYNTHETIC^NORMAL",
    StudyName.BLEED_CT: "SYNTHETIC^BLEED",
    StudyName.INFARCT_CT: "SYNTHETIC^INFARCT",
    StudyName.SUBDURAL_CT: "SYNTHETIC^SUBDURAL",
    StudyName.INFARCT_FLAIR: "SYNTHETIC^FLAIR",
    StudyName.INFARCT_DWI: "SYNTHETIC^DIFFUSION",
}


def write_study(study: PhantomStudy, folder: Path, *, compress: bool = True) -> list[Path]:
    """Write a study into a folder, made if missing.

    Args:
        study: What to write.
        folder: Where.
        compress: DICOM pixels as JPEG-LS lossless; otherwise uncompressed.

    Returns:
        The files, one per slice for DICOM, feet to head.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in study_files(study, compress=compress):
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


def study_files(study: PhantomStudy, *, compress: bool = True) -> Iterable[tuple[str, bytes]]:
    """Yield (file name, content) of a study: slices as DICOM, or one NIfTI file for FLAIR."""
    if study.sequence is Sequence.FLAIR:
        yield f"sub-synthetic_seed-{study.seed}_FLAIR.nii.gz", nifti_bytes(study)
        return
    for index in range(len(study.voxels)):
        yield f"IM{index + 1:04d}.dcm", dicom_bytes(study, index, compress=compress)


def write_demonstrations(folder: Path, *, names: Iterable[StudyName] = tuple(StudyName)) -> Path:
    """Write one zip per study and ``demonstrations.json``, which lists and describes them.

    Args:
        folder: Where, made if missing.
        names: Which studies.

    Returns:
        The path of the list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name in names:
        study = generate(name)
        content = zip_bytes(study)
        file = f"synthetic_{name.value}.zip"
        (folder / file).write_bytes(content)
        entries.append(
            {
                "file": file,
                "title": study.plan.title,
                "description": study.plan.description,
                "modality": study.modality.value,
                "synthetic": True,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    listing = folder / "demonstrations.json"
    listing.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    return listing


def zip_bytes(study: PhantomStudy) -> bytes:
    """Pack a study into a zip whose bytes depend on the study alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in study_files(study):
            entry = zipfile.ZipInfo(f"{study.name.value}/{name}", date_time=_ZIP_TIME)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".gz") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=9)
    return buffer.getvalue()


def nifti_bytes(study: PhantomStudy) -> bytes:
    """Return the study as a gzipped NIfTI-1 file, axes right to left, front to back, feet to head."""
    geometry = study.geometry
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = geometry.column_step, geometry.row_step
    affine[:3, 2] = geometry.slice_origins[1] - geometry.slice_origins[0]
    affine[:3, 3] = geometry.slice_origins[0]
    affine[:2] *= -1.0  # DICOM's LPS to NIfTI's RAS
    image = nib.Nifti1Image(np.ascontiguousarray(study.voxels.transpose(2, 1, 0)), affine)
    image.header["descrip"] = f"{MANUFACTURER} synthetic".encode()
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    return gzip.compress(image.to_bytes(), compresslevel=9, mtime=0)


def dicom_bytes(study: PhantomStudy, index: int, *, compress: bool = True) -> bytes:
    """Return one slice as a DICOM file.

    Args:
        study: CT or diffusion MR.
        index: Of the slice; its instance number is one more.
        compress: JPEG-LS lossless rather than uncompressed.
    """
    dataset = FileDataset(None, {}, file_meta=_file_meta(study, index), preamble=b"\0" * 128)
    _add_identity(dataset, study, index)
    _add_geometry(dataset, study, index)
    pixels = _add_ct(dataset, study, index) if study.modality is Modality.CT else _add_mr(dataset, study, index)
    dataset.PixelData = pixels.astype("<u2").tobytes()
    if compress:
        dataset.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _uid(study: PhantomStudy, *parts: str) -> str:
    return str(generate_uid(entropy_srcs=[MANUFACTURER, study.name.value, str(study.seed), *parts]))


def _file_meta(study: PhantomStudy, index: int) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage if study.modality is Modality.CT else MRImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(study, "instance", str(index))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=[MANUFACTURER])
    meta.ImplementationVersionName = "STROKEAPP"
    return meta


def _add_identity(dataset: Dataset, study: PhantomStudy, index: int) -> None:
    """Add patient, study, series and instance; nothing in it belongs to a person."""
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, keyword, DATE)
    for keyword in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, keyword, TIME)
    dataset.AccessionNumber = ""
    dataset.Modality = study.modality.value
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = "Phantom"
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = "Head, synthetic"
    dataset.PatientName = _PATIENT[study.name]
    dataset.PatientID = f"SYNTHETIC-{list(StudyName).index(study.name) + 1}"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.BodyPartExamined = "HEAD"
    dataset.StudyInstanceUID = _uid(study, "study")
    dataset.SeriesInstanceUID = _uid(study, "series")
    dataset.FrameOfReferenceUID = _uid(study, "frame")
    dataset.PositionReferenceIndicator = ""
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 2, index + 1
    dataset.AcquisitionNumber = 1


def _add_geometry(dataset: Dataset, study: PhantomStudy, index: int) -> None:
    """Add where the slice lies and how its pixels are stored (DICOM PS3.3 C.7.6.2, C.7.6.3)."""
    geometry: Geometry = study.geometry
    _, row, column = geometry.spacing_mm
    directions = np.concatenate([geometry.column_step / column, geometry.row_step / row])
    dataset.PatientPosition = "HFS"
    dataset.ImagePositionPatient = _numbers(geometry.slice_origins[index])
    dataset.ImageOrientationPatient = _numbers(directions)
    dataset.PixelSpacing = _numbers([row, column])
    dataset.SliceThickness = format_number_as_ds(float(study.thickness_mm))
    dataset.SpacingBetweenSlices = format_number_as_ds(float(geometry.slice_gaps_mm[0]))
    dataset.SliceLocation = format_number_as_ds(float(geometry.slice_origins[index, 2]))
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = study.voxels.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0


def _add_ct(dataset: Dataset, study: PhantomStudy, index: int) -> np.ndarray:
    """Add what a CT image needs and return stored values."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesDescription = "Plain head CT, synthetic"
    dataset.KVP, dataset.ConvolutionKernel = "120", "brain"
    # Scanners write a tilt that lowers the back of the slice as a negative angle.
    dataset.GantryDetectorTilt = format_number_as_ds(-float(study.tilt_degrees))
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(HU_INTERCEPT), "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = ["40", "600"], ["80", "2800"]
    dataset.WindowCenterWidthExplanation = ["BRAIN", "BONE"]
    return study.voxels[index].astype(np.int32) - HU_INTERCEPT


def _add_mr(dataset: Dataset, study: PhantomStudy, index: int) -> np.ndarray:
    """Add what a diffusion image needs and return stored values."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    dataset.SeriesDescription = "DWI b1000 head, synthetic"
    dataset.ScanningSequence, dataset.SequenceVariant = "EP", "SK"
    dataset.ScanOptions, dataset.MRAcquisitionType = "FS", "2D"
    dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = "5000", "90", 1
    dataset.MagneticFieldStrength, dataset.SequenceName = "1.5", "ep_b1000"
    dataset.DiffusionBValue = 1000.0
    top = float(np.percentile(study.voxels, 99.8))
    dataset.WindowCenter, dataset.WindowWidth = format_number_as_ds(top / 2), format_number_as_ds(top)
    return study.voxels[index]


def _numbers(values: Iterable[float]) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]
