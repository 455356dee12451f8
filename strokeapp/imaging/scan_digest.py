"""Name a scan by its content."""

from __future__ import annotations

import hashlib

import numpy as np

from strokeapp.types import Scan


def scan_digest(scan: Scan) -> str:
    """Return a name made of a scan's voxels, place, units and modality: another scan of the same name has another.

    All voxels are looked at, which takes a fraction of a second for a large volume: keep the answer beside the scan.

    Args:
        scan: As it was read.
    """
    digest = hashlib.blake2b(digest_size=16)
    origins = None if scan.geometry is None else scan.geometry.slice_origins.tobytes()
    facts = (scan.voxels.shape, scan.voxels.dtype.str, scan.spacing_mm, origins, scan.units, scan.modality)
    digest.update(repr(facts).encode())
    digest.update(np.ascontiguousarray(scan.voxels).view(np.uint8))
    return digest.hexdigest()
