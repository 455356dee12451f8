"""Make the valid files that are mutated: every format and transfer syntax the readers know, a few kilobytes each."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from pydicom.data import get_testdata_file

from factories import make_ct_series, make_enhanced_mr, make_mr_series, noise, slice_geometry

SIDE = 40
PYDICOM_FILES = {
    "mr-implicit.dcm": "MR_small_implicit.dcm", "mr-big-endian.dcm": "MR_small_bigendian.dcm",
    "mr-rle.dcm": "MR_small_RLE.dcm", "mr-jpeg2000.dcm": "MR_small_jp2klossless.dcm",
    "mr-jpeg-ls.dcm": "MR_small_jpeg_ls_lossless.dcm", "color-jpeg.dcm": "SC_rgb_small_odd_jpeg.dcm",
    "color-jpeg-ls.dcm": "SC_rgb_jls_lossy_line.dcm", "color.dcm": "SC_rgb_small_odd.dcm",
    "frames-rle.dcm": "SC_rgb_rle_2frame.dcm", "ybr.dcm": "SC_ybr_full_422_uncompressed.dcm",
    "private-sequence.dcm": "nested_priv_SQ.dcm", "no-meta.dcm": "no_meta.dcm", "report.dcm": "test-SR.dcm",
}  # fmt: skip
"""Name of the seed, and the file that comes with pydicom."""
DEFLATED, DICOMDIR = "image_dfl.dcm", "dicomdirtests/DICOMDIR"


@dataclass(frozen=True)
class Seed:
    """Hold one valid file.

    Args:
        name: File name, whose suffix the reader sees.
        content: Its bytes.
        unwrap: Gives the bytes inside a compressed shell, so that mutations get through it; None without a shell.
        wrap: Puts mutated bytes into the shell again.
    """

    name: str
    content: bytes
    unwrap: Callable[[bytes], bytes] | None = None
    wrap: Callable[[bytes], bytes] | None = None


def seeds(folder: Path) -> list[Seed]:
    """Return all seeds, in a fixed order.

    Args:
        folder: Existing and empty; files are made in it.
    """
    return [*_dicom(folder), *_from_pydicom(), *_nifti(folder), *_pictures(), *_archives(folder)]


def _dicom(folder: Path) -> list[Seed]:
    classic = make_ct_series(folder / "ct", n=1, rows=SIDE, columns=SIDE, series_uid="1.2.3")[0]
    mr = make_mr_series(folder / "mr", voxels=noise(1, SIDE, SIDE) + 1000, series_uid="1.2.4")[0]
    place, b_values = slice_geometry(2), [0, 0, 1000, 1000]
    enhanced = make_enhanced_mr(folder / "enhanced.dcm", noise(4, SIDE, SIDE), place, b_values=b_values)
    files = {"ct-classic.dcm": classic, "mr-classic.dcm": mr, "mr-enhanced.dcm": enhanced}
    return [Seed(name, path.read_bytes()) for name, path in files.items()]


def _from_pydicom() -> list[Seed]:
    def content(name: str) -> bytes:
        return Path(get_testdata_file(name, download=False)).read_bytes()

    plain = [Seed(name, content(file)) for name, file in PYDICOM_FILES.items()]
    directory = content(DICOMDIR)
    return [
        *plain, Seed("deflated.dcm", content(DEFLATED), _inflate_dicom, _deflate_dicom),
        Seed("DICOMDIR", directory), Seed("directory.dcm", directory),
    ]  # fmt: skip


def _meta_end(content: bytes) -> int:
    """Return where the file meta information ends by its group length (PS3.10 7.1)."""
    return 144 + int.from_bytes(content[140:144], "little")


def _inflate_dicom(content: bytes) -> bytes:
    end = _meta_end(content)
    return content[:end] + zlib.decompress(content[end:], -zlib.MAX_WBITS)


def _deflate_dicom(content: bytes) -> bytes:
    end = min(_meta_end(content), len(content))
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return content[:end] + packer.compress(content[end:]) + packer.flush()


def _nifti(folder: Path) -> list[Seed]:
    volume, affine = noise(6, SIDE, SIDE), np.diag([3.0, 3.0, 5.0, 1.0])
    images = {
        "one.nii": nibabel.Nifti1Image(volume, affine),
        "float.nii": nibabel.Nifti1Image(volume.astype(np.float32), affine),
        "two.nii": nibabel.Nifti2Image(volume, affine),
        "time.nii": nibabel.Nifti1Image(np.stack([volume, volume + 1], -1), affine),
    }
    made = []
    for name, image in images.items():
        nibabel.save(image, folder / name)
        made.append(Seed(name, (folder / name).read_bytes()))
    packed = gzip.compress(made[0].content, mtime=0)
    return [*made, Seed("one.nii.gz", packed, gzip.decompress, lambda raw: gzip.compress(raw, 1, mtime=0))]


def _pictures() -> list[Seed]:
    image = (noise(1, 80, 80)[0] % 256).astype(np.uint8)
    color = np.stack([image, image // 2, 255 - image], -1)
    made = {
        "gray.png": ("PNG", image, {}), "color.png": ("PNG", color, {}),
        "deep.png": ("PNG", image.astype(np.uint16) * 200, {}), "gray.jpg": ("JPEG", image, {}),
        "color.webp": ("WEBP", color, {}), "plain.tif": ("TIFF", image, {}),
        "lzw.tif": ("TIFF", image, {"compression": "tiff_lzw"}),
        "deep.tif": ("TIFF", image.astype(np.float32), {"compression": "tiff_adobe_deflate"}),
    }  # fmt: skip
    result = []
    for name, (kind, pixels, options) in made.items():
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        result.append(Seed(name, buffer.getvalue()))
    return result


def _archives(folder: Path) -> list[Seed]:
    """Return a stored archive, whose entries mutations reach directly, and a deflated one."""
    made = []
    files = [*sorted((folder / "ct").iterdir()), folder / "one.nii"]
    for name, method in (("stored.zip", zipfile.ZIP_STORED), ("packed.zip", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for file in files:
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), method)
        made.append(Seed(name, buffer.getvalue()))
    return made
