"""Bound what one input may cost: files, bytes, pixels, voxels."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound one call of ``open_inputs``; every limit is enforced on what is measured, not on what is
    declared, except that what declares more than it may is not read at all.

    Args:
        files: Files in all inputs together, archive entries included.
        total_bytes: Bytes in all inputs together, after unpacking.
        file_bytes: Bytes of one file, after unpacking.
        zip_ratio: Unpacked bytes per packed byte of one archive entry, looked at beyond ``zip_ratio_from``.
        zip_ratio_from: Unpacked bytes of one entry below which its ratio does not matter.
        picture_pixels: Pixels of one picture, checked before it is decoded.
        voxels: Voxels of one series (one time point).
        volume_bytes: Bytes of one volume of a NIfTI file as it is stored, after unpacking.
        min_picture_side: Pixels a side a picture needs to be read by a network.
        min_scan_side: Rows and columns a CT or MR slice needs to be read by a network.
    """

    files: int = 20_000
    total_bytes: int = 4 * GIB
    file_bytes: int = 2 * GIB
    zip_ratio: float = 200.0
    zip_ratio_from: int = 64 * MIB
    picture_pixels: int = 64_000_000
    voxels: int = 2**29
    volume_bytes: int = 2 * GIB
    min_picture_side: int = 64
    min_scan_side: int = 32
