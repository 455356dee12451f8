"""Generate the files that every reader is measured on: head-like noise, no patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CT_IMAGE, ENHANCED_MR = UID("1.2.840.10008.5.1.4.1.1.2"), UID("1.2.840.10008.5.1.4.1.1.4.1")
AXIAL = [1, 0, 0, 0, 1, 0]
SLICE_MM = 1.5


@dataclass(frozen=True)
class Case:
    """Name one set of files.

    Args:
        name: Short identifier.
        text: For the table.
        shape: (slices, rows, columns).
        write: Writes the files into an existing folder.
    """

    name: str
    text: str
    shape: tuple[int, int, int]
    write: Callable[[Path, NDArray[np.int16]], None]

    def volume(self) -> NDArray[np.int16]:
        """Return the voxels, values of 12-bit CT; each slice differs."""
        slices, rows, columns = self.shape
        chance, one = np.random.default_rng(0), np.full((rows, columns), -1000, np.int16)
        volume = np.broadcast_to(one, self.shape).copy()
        inside = (slice(None), slice(rows // 6, rows - rows // 6), slice(columns // 6, columns - columns // 6))
        volume[inside] = chance.integers(0, 80, volume[inside].shape, np.int16)
        volume[:, rows // 6 - 1, :] = 900
        volume += np.arange(slices, dtype=np.int16)[:, None, None] % 50
        return volume


def write_ct(folder: Path, volume: NDArray[np.int16], *, slice_mm: float = SLICE_MM) -> None:
    """Write one uncompressed file per slice, ``slice_mm`` apart."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for number, image in enumerate(volume):
        dataset = _dataset(CT_IMAGE, image)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, frame
        dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [-120, -120, number * slice_mm], AXIAL
        dataset.PixelSpacing, dataset.SliceThickness, dataset.InstanceNumber = [0.5, 0.5], slice_mm, number + 1
        dataset.PixelData = (image + 1024).astype("<u2").tobytes()
        dataset.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def write_jpeg_lossless(folder: Path, volume: NDArray[np.int16]) -> None:
    """Write one file per slice in JPEG Lossless, first-order prediction (1.2.840.10008.1.2.4.70)."""
    import gdcm

    write_ct(folder, volume)
    for path in folder.iterdir():
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        change.Change()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.Write()


def write_enhanced_mr(folder: Path, volume: NDArray[np.int16]) -> None:
    """Write all slices as frames of one file."""
    dataset = _dataset(ENHANCED_MR, volume[0])
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.FrameOfReferenceUID, dataset.Modality = generate_uid(), "MR"
    dataset.ImageType, dataset.InstanceNumber = ["ORIGINAL", "PRIMARY", "T1", "NONE"], 1
    dataset.NumberOfFrames, dataset.PixelData = len(volume), (volume + 1024).astype("<u2").tobytes()
    orientation, measures, transform, shared = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = AXIAL
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [0.5, 0.5], SLICE_MM, SLICE_MM
    transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = 1, 0, "US"
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    shared.PixelValueTransformationSequence = [transform]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(number) for number in range(len(volume))]
    dataset.save_as(folder / "enhanced.dcm", enforce_file_format=True)


def _frame(number: int) -> Dataset:
    position, content, group = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [-120, -120, number * SLICE_MM]
    content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", number + 1, [1, number + 1]
    group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
    return group


def _dataset(sop_class: UID, image: NDArray) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "benchmark", "Generated", ""
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20200101", "120000", ""
    dataset.Manufacturer, dataset.SeriesNumber, dataset.SeriesDescription = "generated", 1, "head"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = *image.shape, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    return dataset


CASES = (
    Case("ct40", "40 × 512 × 512, uncompressed", (40, 512, 512), write_ct),
    Case("jpeg240", "240 × 512 × 512, JPEG Lossless", (240, 512, 512), write_jpeg_lossless),
    Case("mr96", "96 frames of 256 × 256, enhanced MR", (96, 256, 256), write_enhanced_mr),
    Case("many3000", "3,000 files of 64 × 64", (3000, 64, 64), write_ct),
)
WARM_UP = Case("warm", "", (4, 64, 64), write_ct), Case("warm-jpeg", "", (4, 64, 64), write_jpeg_lossless)
