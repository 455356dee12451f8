"""Decode frames of a DICOM file in this process."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from strokeapp.reading.dicom_deflated import deflated_from, whole_dataset

MOST_BYTES = 2**31
"""Of a deflated data set; the header, which is read before, has an own bound."""


class Decoder:
    """Decode frames, keeping the last file parsed so that its further frames cost little."""

    def __init__(self) -> None:
        self._key: tuple[Path, int, int] | None = None
        self._dataset = Dataset()

    def decode(self, path: Path, index: int) -> NDArray:
        """Return stored values of one frame, (rows, columns) or (rows, columns, samples), in this machine's byte order.

        Palettes are applied.

        Args:
            path: DICOM file with pixels.
            index: Frame in the file.

        Raises:
            Exception: Whatever pydicom and its decoders raise on damaged data; see ``PARSE_ERRORS``.
        """
        with warnings.catch_warnings():
            # Warnings quote values, and values may be names.
            warnings.simplefilter("ignore")
            dataset = self._open(path)
            image = pixel_array(dataset, index=index)
            if dataset.PhotometricInterpretation == "PALETTE COLOR":
                image = apply_color_lut(image, dataset)
        # Big-endian files give arrays of swapped bytes, which nothing behind here may reinterpret.
        return image.astype(image.dtype.newbyteorder("="), copy=False)

    def _open(self, path: Path) -> Dataset:
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        if self._key != key:
            self._key = None
            self._dataset = _dataset(path)
            if "TransferSyntaxUID" not in self._dataset.file_meta:
                self._dataset.file_meta.TransferSyntaxUID = _syntax(self._dataset)
            self._key = key
        return self._dataset


def _dataset(path: Path) -> Dataset:
    begin = deflated_from(path)
    return pydicom.dcmread(path, force=True) if begin is None else whole_dataset(path, begin, MOST_BYTES)


def _syntax(dataset: Dataset) -> str:
    """Return the transfer syntax of a data set without meta information, as pydicom parsed it."""
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian
