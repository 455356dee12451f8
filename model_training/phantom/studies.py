"""Name the demonstration studies and make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model_training.phantom.anatomy import Head
from model_training.phantom.ct import CtProtocol, render_ct
from model_training.phantom.lesions import Bleed, Infarct, Lesion, Subdural
from model_training.phantom.mr import DWI_PROTOCOL, FLAIR_PROTOCOL, MrProtocol, render_mr
from strokeapp.types import Finding, Geometry, Modality, Sequence


class StudyName(StrEnum):
    """Which study to make."""

    NORMAL_CT = "normal_ct"
    BLEED_CT = "bleed_ct"
    INFARCT_CT = "infarct_ct"
    SUBDURAL_CT = "subdural_ct"
    INFARCT_FLAIR = "infarct_flair"
    INFARCT_DWI = "infarct_dwi"


@dataclass(frozen=True)
class StudyPlan:
    """Say what a study holds.

    Args:
        title: For a list of demonstrations.
        description: One sentence.
        lesion: What is wrong.
        finding: What a network should read; None for the healthy head.
        protocol: Of the scanner.
        age_factor: Atrophy and ventricle size relative to sixty years.
        seed: Used where none is given.
    """

    title: str
    description: str
    lesion: Lesion
    finding: Finding | None
    protocol: CtProtocol | MrProtocol
    age_factor: float
    seed: int


@dataclass(frozen=True)
class PhantomStudy:
    """Hold one synthetic study.

    Args:
        name: Which study.
        seed: It was made from; the same seed gives the same voxels.
        modality, sequence: As a scanner would label them.
        voxels: (slices, rows, columns) int16, HU for CT, arbitrary units for MR; feet to head.
        mask: Same shape, true where more than half of the voxel is blood or infarct (edema is not counted).
        geometry: LPS, mm.
        thickness_mm: Of a slice.
        tilt_degrees: Gantry tilt; 0 for MR.
        head: The anatomy it shows.
    """

    name: StudyName
    seed: int
    modality: Modality
    sequence: Sequence
    voxels: NDArray[np.int16]
    mask: NDArray[np.bool_]
    geometry: Geometry
    thickness_mm: float
    tilt_degrees: float
    head: Head

    @property
    def plan(self) -> StudyPlan:
        """Return what the study was meant to hold."""
        return PLANS[self.name]

    @property
    def lesion_ml(self) -> float:
        """Return the volume of the mask in ml."""
        _, row, column = self.geometry.spacing_mm
        return float(self.mask.sum()) * row * column * float(np.median(self.geometry.slice_gaps_mm)) / 1000.0


PLANS: dict[StudyName, StudyPlan] = {
    StudyName.NORMAL_CT: StudyPlan(
        title="CT without a lesion",
        description="Synthetic plain head CT of an older adult with no bleed and no infarct.",
        lesion=Lesion(),
        finding=None,
        protocol=CtProtocol(),
        age_factor=1.0,
        seed=11,
    ),
    StudyName.BLEED_CT: StudyPlan(
        title="CT with a bleed in the left basal ganglia",
        description="Synthetic plain head CT with a hematoma in the left basal ganglia, a rim of edema and some "
        "blood in the left lateral ventricle.",
        lesion=Bleed(),
        finding=Finding.HEMORRHAGIC,
        protocol=CtProtocol(),
        age_factor=1.1,
        seed=2,
    ),
    StudyName.INFARCT_CT: StudyPlan(
        title="CT with a right middle cerebral artery infarct",
        description="Synthetic plain head CT with a subacute infarct in the territory of the right middle cerebral "
        "artery: dark wedge, no gray-white border, effaced sulci.",
        lesion=Infarct(side=-1),
        finding=Finding.ISCHEMIC,
        protocol=CtProtocol(),
        age_factor=1.15,
        seed=3,
    ),
    StudyName.SUBDURAL_CT: StudyPlan(
        title="CT with a left subdural hematoma",
        description="Synthetic plain head CT, gantry tilted by 10 degrees, with an acute subdural hematoma over the "
        "left hemisphere and a shift of the midline.",
        lesion=Subdural(side=1),
        finding=Finding.HEMORRHAGIC,
        protocol=CtProtocol(tilt_degrees=10.0),
        age_factor=1.0,
        seed=4,
    ),
    StudyName.INFARCT_FLAIR: StudyPlan(
        title="FLAIR with a left middle cerebral artery infarct",
        description="Synthetic FLAIR of the head (NIfTI) with a bright infarct in the territory of the left middle "
        "cerebral artery.",
        lesion=Infarct(side=1, opening_degrees=36.0, z_range=(-10.0, 40.0), swelling_mm=2.0),
        finding=Finding.ISCHEMIC,
        protocol=FLAIR_PROTOCOL,
        age_factor=1.1,
        seed=5,
    ),
    StudyName.INFARCT_DWI: StudyPlan(
        title="Diffusion MR with a left middle cerebral artery infarct",
        description="Synthetic diffusion-weighted MR of the head (DICOM, b = 1000) with an acute infarct in the "
        "territory of the left middle cerebral artery.",
        lesion=Infarct(side=1, opening_degrees=30.0, z_range=(-8.0, 34.0), swelling_mm=1.5),
        finding=Finding.ISCHEMIC,
        protocol=DWI_PROTOCOL,
        age_factor=1.0,
        seed=6,
    ),
}
"""Every study with its default seed."""


def generate(
    name: StudyName | str, *, seed: int | None = None, adjust: Callable[[StudyPlan], StudyPlan] | None = None
) -> PhantomStudy:
    """Make a study.

    Args:
        name: Which.
        seed: Of everything random; the plan's own where None.
        adjust: Changes the plan first, e.g. to fewer slices or another lesion for training.

    Returns:
        The study with its voxels, lesion mask and geometry (LPS, mm).

    Raises:
        ValueError: Unknown name or negative seed.
    """
    name = StudyName(name)
    plan = PLANS[name] if adjust is None else adjust(PLANS[name])
    seed = plan.seed if seed is None else seed
    rng = np.random.default_rng([seed, list(StudyName).index(name)])
    head = Head.draw(rng, age_factor=plan.age_factor)
    protocol = plan.protocol
    if isinstance(protocol, CtProtocol):
        voxels, mask, geometry = render_ct(head, plan.lesion, protocol, rng)
        modality, sequence, thickness, tilt = Modality.CT, Sequence.NCCT, protocol.gap_mm, protocol.tilt_degrees
    else:
        voxels, mask, geometry = render_mr(head, plan.lesion, protocol, rng)
        modality, sequence, thickness, tilt = Modality.MR, protocol.sequence, protocol.thickness_mm, 0.0
    return PhantomStudy(name, seed, modality, sequence, voxels, mask, geometry, thickness, tilt, head)
