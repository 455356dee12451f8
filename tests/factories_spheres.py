"""Write a sphere whose volume and center are known as DICOM, in every unkind way that series come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from factories import make_ct_series, sphere, stacked_geometry

CENTER, RADIUS = np.array([0.0, 0.0, 60.0]), 40.0
"""LPS mm, mm."""
SIDE = 96
TRUTH_ML = 4 / 3 * np.pi * RADIUS**3 / 1000
HALF_CONTRAST = -470.0
"""HU halfway between the air around the sphere and the sphere."""
EVEN = np.arange(0, 121, 5.0)
TWO_SPACINGS = np.r_[np.arange(0, 60, 2.5), np.arange(60, 121, 5.0)]
JITTER = np.random.default_rng(3).uniform(-1, 1, (len(EVEN), 3)) * (2.0, 2.0, 0.8)


@dataclass(frozen=True)
class SphereCase:
    """Describe how the sphere is written and which flags must be there."""

    z: np.ndarray = field(default_factory=lambda: EVEN)
    options: dict = field(default_factory=dict)
    lost: int | None = None
    shuffled: bool = False
    flags: frozenset = frozenset()


SPHERES = {
    "regular": SphereCase(),
    "tilt +20°": SphereCase(options={"tilt": 20.0}, flags=frozenset({"gantry_tilt"})),
    "tilt -20°": SphereCase(options={"tilt": -20.0}, flags=frozenset({"gantry_tilt"})),
    "one slice missing": SphereCase(lost=12, flags=frozenset({"missing_slices"})),
    "two slice spacings": SphereCase(z=TWO_SPACINGS, flags=frozenset({"variable_spacing"})),
    "positions jitter": SphereCase(options={"jitter": JITTER}, flags=frozenset({"variable_spacing", "shifted_slices"})),
    "reversed": SphereCase(z=EVEN[::-1], options={"flip_rows": True}),
    "shuffled file names": SphereCase(shuffled=True),
}


def write_sphere(folder: Path, case: SphereCase) -> Path:
    """Write the series into a new folder, with the tags that readers of CT like to see, and return the folder."""
    geometry = stacked_geometry(case.z, side=SIDE, **case.options)
    hu = sphere(geometry, SIDE, SIDE, center=tuple(CENTER), radius=RADIUS)
    names = [f"{k:04d}.dcm" for k in range(len(hu))]
    if case.shuffled:
        names = np.random.default_rng(0).permutation(names).tolist()
    tags = {
        "FrameOfReferenceUID": "2.25.60", "PatientPosition": "HFS", "ProtocolName": "Head", "SeriesNumber": 2,
        "AcquisitionNumber": 1, "SliceThickness": 5.0, "GantryDetectorTilt": case.options.get("tilt", 0.0),
    }  # fmt: skip
    files = make_ct_series(folder, geometry=geometry, hu=hu, names=names, tags=tags)
    if case.lost is not None:
        files[case.lost].unlink()
    return folder
