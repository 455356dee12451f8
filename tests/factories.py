"""Write small scans for tests: DICOM series, enhanced DICOM, NIfTI, pictures; spheres whose volume is known."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from strokeapp.types import Geometry

CT_IMAGE = UID("1.2.840.10008.5.1.4.1.1.2")
MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4")
ENHANCED_CT = UID("1.2.840.10008.5.1.4.1.1.2.1")
ENHANCED_MR = UID("1.2.840.10008.5.1.4.1.1.4.1")
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
Edit = Callable[[Dataset, int], None]


def tilted_orientation(degrees: float) -> tuple[float, ...]:
    """Return direction cosines of an axial slice tilted about the left-right axis."""
    angle = np.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(np.sin(angle)))


def slice_geometry(
    slices: int,
    *,
    spacing: tuple[float, float, float] = (5.0, 1.0, 1.0),
    tilt: float = 0.0,
    z_positions: Iterable[float] | None = None,
    origin: tuple[float, float, float] = (-32.0, -32.0, 0.0),
    orientation: tuple[float, ...] | None = None,
) -> Geometry:
    """Return slices as a scanner places them: the table moves along z, the gantry may be tilted (LPS mm).

    Args:
        slices: Number of slices.
        spacing: (along the table, rows, columns) in mm.
        tilt: Gantry tilt in degrees.
        z_positions: Table positions of the slices instead of regular ones.
        origin: Center of the first voxel of the first slice.
        orientation: Direction cosines instead of the (tilted) axial ones; slices then follow their normal.
    """
    directions = np.array(orientation or tilted_orientation(tilt))
    normal = np.cross(directions[:3], directions[3:]) if orientation else np.array([0.0, 0.0, 1.0])
    steps = np.arange(slices) * spacing[0] if z_positions is None else np.array(list(z_positions))
    origins = np.array(origin) + steps[:, None] * normal
    return Geometry(origins, directions[3:] * spacing[1], directions[:3] * spacing[2])


def voxel_positions(geometry: Geometry, rows: int, columns: int) -> NDArray[np.float64]:
    """Return (slices, rows, columns, 3) centers of voxels, LPS mm."""
    down = np.arange(rows)[:, None, None] * geometry.row_step
    right = np.arange(columns)[None, :, None] * geometry.column_step
    return geometry.slice_origins[:, None, None, :] + (down + right)[None]


def sphere(
    geometry: Geometry, rows: int, columns: int, *, center: tuple[float, float, float], radius: float
) -> NDArray[np.int16]:
    """Return a sphere of 60 HU in air (-1000 HU), sampled where the geometry puts its voxels."""
    distance = np.linalg.norm(voxel_positions(geometry, rows, columns) - np.array(center), axis=-1)
    return np.where(distance <= radius, 60, -1000).astype(np.int16)


def noise(slices: int, rows: int, columns: int, *, seed: int = 0) -> NDArray[np.int16]:
    """Return a head-like CT in HU: noisy brain inside bone inside air, no symmetry in any direction."""
    generator = np.random.default_rng(seed)
    volume = np.full((slices, rows, columns), -1000, np.int16)
    top, bottom, left, right = rows // 6, rows - rows // 8, columns // 7, columns - columns // 9
    volume[:, top:bottom, left:right] = 900
    volume[:, top + 2 : bottom - 2, left + 2 : right - 2] = generator.integers(
        20, 60, (slices, bottom - top - 4, right - left - 4)
    )
    volume += np.arange(slices, dtype=np.int16)[:, None, None]
    return volume


def make_ct_series(
    folder: Path,
    *,
    n: int = 8,
    rows: int = 64,
    columns: int = 64,
    spacing: tuple[float, float, float] = (5.0, 1.0, 1.0),
    tilt: float = 0.0,
    geometry: Geometry | None = None,
    hu: NDArray | None = None,
    names: Iterable[str] | None = None,
    patient: str = "P1",
    series_uid: str = "",
    tags: Mapping[str, object] | None = None,
    edit: Edit | None = None,
) -> list[Path]:
    """Write a CT series, one file per slice, and return the files in order of position.

    Args:
        folder: Made if missing.
        n: Slices, if neither ``geometry`` nor ``hu`` says it.
        rows: Of a slice.
        columns: Of a slice.
        spacing: (z, y, x) in mm.
        tilt: Gantry tilt in degrees.
        geometry: Instead of spacing and tilt, LPS mm.
        hu: (slices, rows, columns) Hounsfield units; head-like noise unless given.
        names: File names; zero-padded numbers unless given.
        patient: Identifier.
        series_uid: Fresh unless given.
        tags: Further attributes by keyword, the same in every file.
        edit: Called with each data set and its index before it is written.
    """
    if hu is None:
        hu = noise(len(geometry.slice_origins) if geometry else n, rows, columns)
    geometry = geometry or slice_geometry(len(hu), spacing=spacing, tilt=tilt)
    stored = (hu + 1024).astype(np.int16)
    common = {
        "Modality": "CT",
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    }
    return make_dicom_series(
        folder, stored, geometry, sop_class=CT_IMAGE, names=names, patient=patient, series_uid=series_uid,
        tags={**common, **(tags or {})}, edit=edit,
    )  # fmt: skip


def make_mr_series(
    folder: Path,
    *,
    n: int = 6,
    geometry: Geometry | None = None,
    voxels: NDArray | None = None,
    patient: str = "P1",
    series_uid: str = "",
    prefix: str = "",
    tags: Mapping[str, object] | None = None,
    edit: Edit | None = None,
) -> list[Path]:
    """Write an MR series of stored values (slices, rows, columns); see ``make_ct_series``."""
    voxels = noise(n, 64, 64) + 1000 if voxels is None else voxels
    geometry = geometry or slice_geometry(len(voxels))
    common = {"Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"], "EchoTime": 80.0}
    names = [f"{prefix}{number:04d}.dcm" for number in range(len(voxels))]
    return make_dicom_series(
        folder, voxels, geometry, sop_class=MR_IMAGE, names=names,
        patient=patient, series_uid=series_uid, tags={**common, **(tags or {})}, edit=edit,
    )  # fmt: skip


def make_dicom_series(
    folder: Path,
    stored: NDArray,
    geometry: Geometry,
    *,
    sop_class: UID,
    names: Iterable[str] | None = None,
    patient: str = "P1",
    series_uid: str = "",
    tags: Mapping[str, object] | None = None,
    edit: Edit | None = None,
) -> list[Path]:
    """Write stored values (slices, rows, columns) as classic DICOM, one file per slice."""
    folder.mkdir(parents=True, exist_ok=True)
    series_uid = series_uid or generate_uid()
    study_uid = generate_uid(entropy_srcs=[patient])
    files = []
    for index, name in zip(range(len(stored)), names or (f"{k:04d}.dcm" for k in range(len(stored))), strict=False):
        dataset = _dataset(sop_class, patient, study_uid, series_uid)
        _place(dataset, geometry, index)
        set_pixels(dataset, stored[index])
        dataset.InstanceNumber = index + 1
        for keyword, value in (tags or {}).items():
            setattr(dataset, keyword, value)
        if edit:
            edit(dataset, index)
        files.append(folder / name)
        dataset.save_as(files[-1], enforce_file_format=True)
    return files


def set_pixels(dataset: Dataset, image: NDArray) -> None:
    """Put an uncompressed gray or RGB image into a data set, with the attributes that describe it."""
    color = image.ndim == 3 and image.shape[-1] == 3
    bits = 8 * image.dtype.itemsize
    dataset.Rows, dataset.Columns = image.shape[:2]
    dataset.SamplesPerPixel = 3 if color else 1
    dataset.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(image.dtype.kind == "i")
    dataset.PixelData = np.ascontiguousarray(image).tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"


def make_enhanced_mr(
    path: Path,
    voxels: NDArray,
    geometry: Geometry,
    *,
    b_values: Iterable[float] | None = None,
    slopes: Iterable[float] | None = None,
    order: Iterable[int] | None = None,
    tags: Mapping[str, object] | None = None,
) -> Path:
    """Write stored values (frames, rows, columns) as one enhanced multi-frame MR file.

    Args:
        path: To write.
        voxels: One image per frame; positions of the geometry repeat if there are more frames than positions.
        geometry: Of the slices, LPS mm.
        b_values: One per frame.
        slopes: Rescale slope, one per frame.
        order: Order in which frames are written.
        tags: Further attributes by keyword.
    """
    dataset = _dataset(ENHANCED_MR, "P1", generate_uid(), generate_uid())
    dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    count, slices = len(voxels), len(geometry.slice_origins)
    order = list(order if order is not None else range(count))
    b_values = list(b_values) if b_values is not None else [None] * count
    slopes = list(slopes) if slopes is not None else [1.0] * count
    set_pixels(dataset, voxels[0])
    dataset.NumberOfFrames = count
    dataset.PixelData = np.ascontiguousarray(voxels[order]).tobytes()
    shared = Dataset()
    shared.PixelMeasuresSequence = [_spacing_item(geometry)]
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(
        [_frame_item(geometry, k % slices, k // slices, b_values[k], slopes[k]) for k in order]
    )
    for keyword, value in (tags or {}).items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def make_enhanced_ct(
    path: Path,
    stored: NDArray,
    geometry: Geometry,
    *,
    slopes: Iterable[float],
    intercepts: Iterable[float],
    order: Iterable[int] | None = None,
) -> Path:
    """Write stored values (frames, rows, columns) as one enhanced multi-frame CT file, each frame with its rescale.

    Args:
        path: To write.
        stored: One image per slice.
        geometry: Of the slices, LPS mm.
        slopes: Rescale slope, one per slice.
        intercepts: Rescale intercept, one per slice.
        order: Order in which frames are written.
    """
    order = list(order if order is not None else range(len(stored)))
    make_enhanced_mr(path, stored, geometry, slopes=slopes, order=order)
    dataset = dcmread(path)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    intercepts = list(intercepts)
    for group, number in zip(dataset.PerFrameFunctionalGroupsSequence, order, strict=True):
        transform = group.PixelValueTransformationSequence[0]
        transform.RescaleIntercept, transform.RescaleType = intercepts[number], "HU"
    dataset.save_as(path, enforce_file_format=True)
    return path


def make_nifti(
    path: Path,
    voxels: NDArray,
    affine: NDArray[np.float64],
    *,
    header: Mapping[str, object] | None = None,
    slope: float | None = None,
    intercept: float = 0.0,
) -> Path:
    """Write a NIfTI-1 file with an affine to RAS mm.

    Args:
        path: Ends in .nii or .nii.gz.
        voxels: (i, j, k) or (i, j, k, time), stored as they are.
        affine: (4, 4) voxel to RAS mm.
        header: Header fields to overwrite after everything else.
        slope: Scale written into the header.
        intercept: Offset written into the header.
    """
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_data_dtype(voxels.dtype)
    if header is None and slope is None:
        nibabel.save(image, path)
        return path
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    nibabel.save(image, plain)
    raw = bytearray(plain.read_bytes())
    fields = np.frombuffer(raw, dtype=nibabel.Nifti1Header.template_dtype, count=1)
    if slope is not None:
        fields["scl_slope"], fields["scl_inter"] = slope, intercept
    for name, value in (header or {}).items():
        fields[name] = value
    plain.write_bytes(raw)
    return plain


def make_zip(path: Path, entries: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip archive of named bytes."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def make_picture(path: Path, image: NDArray[np.uint8], **options: object) -> Path:
    """Write a picture; the suffix says the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path


def _dataset(sop_class: UID, patient: str, study_uid: str, series_uid: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientID, dataset.PatientName = patient, f"Secret^{patient}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
    return dataset


def _decimals(values: Iterable[float]) -> list[str]:
    """Return numbers as decimal strings of at most 16 characters."""
    return [f"{value:.9f}"[:16] for value in values]


def _place(dataset: Dataset, geometry: Geometry, index: int) -> None:
    row_mm, column_mm = geometry.spacing_mm[1:]
    directions = np.concatenate([geometry.column_step / column_mm, geometry.row_step / row_mm])
    dataset.ImagePositionPatient = _decimals(geometry.slice_origins[index])
    dataset.ImageOrientationPatient = _decimals(directions)
    dataset.PixelSpacing = _decimals([row_mm, column_mm])


def _spacing_item(geometry: Geometry) -> Dataset:
    item = Dataset()
    item.PixelSpacing = _decimals(geometry.spacing_mm[1:])
    return item


def _frame_item(geometry: Geometry, index: int, time: int, b_value: float | None, slope: float) -> Dataset:
    placed = Dataset()
    _place(placed, geometry, index)
    position, orientation, content, transform, group = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = placed.ImagePositionPatient
    orientation.ImageOrientationPatient = placed.ImageOrientationPatient
    content.StackID, content.InStackPositionNumber, content.TemporalPositionIndex = "1", index + 1, time + 1
    transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = slope, 0, "US"
    group.PlanePositionSequence, group.PlaneOrientationSequence = [position], [orientation]
    group.FrameContentSequence, group.PixelValueTransformationSequence = [content], [transform]
    if b_value is not None:
        diffusion = Dataset()
        diffusion.DiffusionBValue = b_value
        group.MRDiffusionSequence = [diffusion]
    return group


def stacked_geometry(
    z_positions: Iterable[float],
    *,
    tilt: float = 0.0,
    flip_rows: bool = False,
    flip_columns: bool = False,
    side: int = 128,
    pixel: float = 1.0,
    jitter: NDArray[np.float64] | None = None,
) -> Geometry:
    """Return square axial slices centered on the table's axis, whichever way rows and columns run (LPS mm).

    Args:
        z_positions: Table position of each slice's center.
        tilt: Gantry tilt in degrees about the left-right axis.
        flip_rows: Rows run to the front.
        flip_columns: Columns run to the right.
        side: Rows and columns.
        pixel: Spacing of both in mm.
        jitter: (slices, 3) added to the slice origins.
    """
    directions = np.array(tilted_orientation(tilt))
    right = directions[:3] * (-pixel if flip_columns else pixel)
    down = directions[3:] * (-pixel if flip_rows else pixel)
    centers = np.array(list(z_positions))[:, None] * np.array([0.0, 0.0, 1.0])
    origins = centers - (right + down) * (side - 1) / 2
    return Geometry(origins if jitter is None else origins + jitter, down, right)


def csa_header(values: Mapping[str, Iterable[str]]) -> bytes:
    """Return a Siemens CSA2 header with named values."""
    raw = b"SV10\4\3\2\1" + np.array([len(values), 77], "<u4").tobytes()
    for name, items in values.items():
        items = list(items)
        raw += name.encode().ljust(64, b"\0") + np.array([len(items)], "<i4").tobytes() + b"FD\0\0"
        raw += np.array([0, len(items), 77], "<i4").tobytes()
        for item in items:
            text = item.encode() + b"\0"
            raw += np.array([len(text), len(text), 77, len(text)], "<i4").tobytes() + text.ljust(
                -(-len(text) // 4) * 4, b"\0"
            )
    return raw


def make_mosaic(
    path: Path,
    voxels: NDArray,
    geometry: Geometry,
    *,
    count_tag: bool = True,
    csa: Mapping[str, Iterable[str]] | None = None,
    edit: Edit | None = None,
) -> Path:
    """Write a volume (slices, rows, columns) as a Siemens mosaic.

    Args:
        path: To write.
        voxels: Stored values.
        geometry: Of the slices, evenly spaced, LPS mm.
        count_tag: Write the number of images into (0019,100A).
        csa: Values of the CSA image header; the slice normal unless given.
        edit: Called with the data set and 0 before it is written.
    """
    count, rows, columns = voxels.shape
    side = int(np.ceil(np.sqrt(count)))
    picture = np.zeros((side * rows, side * columns), voxels.dtype)
    for number, image in enumerate(voxels):
        top, left = number // side * rows, number % side * columns
        picture[top : top + rows, left : left + columns] = image
    step = geometry.slice_origins[1] - geometry.slice_origins[0]
    spacing = float(np.linalg.norm(step))
    dataset = _dataset(MR_IMAGE, "P1", generate_uid(), generate_uid())
    _place(dataset, geometry, 0)
    offset = (side * rows - rows) / 2 * geometry.row_step + (side * columns - columns) / 2 * geometry.column_step
    dataset.ImagePositionPatient = _decimals(geometry.slice_origins[0] - offset)
    dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.SpacingBetweenSlices = spacing
    set_pixels(dataset, picture)
    normal = [f"{part:.8f}" for part in step / spacing]
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", csa_header({"SliceNormalVector": normal} if csa is None else csa))
    if count_tag:
        dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", count)
    if edit:
        edit(dataset, 0)
    dataset.save_as(path, enforce_file_format=True)
    return path
