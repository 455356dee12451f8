"""Name the tissues of the phantom and give them the values of CT, FLAIR and diffusion."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto


class Tissue(StrEnum):
    """What a voxel can be made of."""

    AIR = auto()
    SKIN = auto()
    FAT = auto()
    MUSCLE = auto()
    CORTICAL_BONE = auto()
    DIPLOE = auto()
    SPINAL_FLUID = auto()
    GRAY = auto()
    WHITE = auto()
    DEEP_GRAY = auto()
    CEREBELLUM = auto()
    BRAINSTEM = auto()
    DURA = auto()
    VEIN = auto()
    ARTERY = auto()
    CALCIUM = auto()
    GLOBE = auto()
    LENS = auto()
    SUPPORT = auto()
    BLOOD = auto()
    SUBDURAL_BLOOD = auto()
    EDEMA = auto()
    CAP = auto()
    INFARCT = auto()


Palette = Mapping[Tissue, float]

CT_HU: Palette = {
    Tissue.AIR: -1000.0,
    Tissue.SKIN: 35.0,
    Tissue.FAT: -95.0,
    Tissue.MUSCLE: 54.0,
    Tissue.CORTICAL_BONE: 1350.0,
    Tissue.DIPLOE: 650.0,
    Tissue.SPINAL_FLUID: 7.0,
    Tissue.GRAY: 39.5,
    Tissue.WHITE: 31.0,
    Tissue.DEEP_GRAY: 40.0,
    Tissue.CEREBELLUM: 38.0,
    Tissue.BRAINSTEM: 34.0,
    Tissue.DURA: 56.0,
    Tissue.VEIN: 58.0,
    Tissue.ARTERY: 44.0,
    Tissue.CALCIUM: 230.0,
    Tissue.GLOBE: 12.0,
    Tissue.LENS: 75.0,
    Tissue.SUPPORT: 160.0,
    Tissue.BLOOD: 66.0,
    Tissue.SUBDURAL_BLOOD: 62.0,
    Tissue.EDEMA: 20.0,
    Tissue.CAP: 26.0,
    Tissue.INFARCT: 22.0,
}
"""Hounsfield units of plain CT at 120 kV (gray 37-40, white 27-31: Norman 1977; clotted blood 60-80)."""

FLAIR: Palette = {
    Tissue.AIR: 4.0,
    Tissue.SKIN: 260.0,
    Tissue.FAT: 620.0,
    Tissue.MUSCLE: 230.0,
    Tissue.CORTICAL_BONE: 25.0,
    Tissue.DIPLOE: 260.0,
    Tissue.SPINAL_FLUID: 55.0,
    Tissue.GRAY: 430.0,
    Tissue.WHITE: 335.0,
    Tissue.DEEP_GRAY: 405.0,
    Tissue.CEREBELLUM: 395.0,
    Tissue.BRAINSTEM: 345.0,
    Tissue.DURA: 130.0,
    Tissue.VEIN: 60.0,
    Tissue.ARTERY: 40.0,
    Tissue.CALCIUM: 70.0,
    Tissue.GLOBE: 60.0,
    Tissue.LENS: 140.0,
    Tissue.SUPPORT: 4.0,
    Tissue.BLOOD: 520.0,
    Tissue.SUBDURAL_BLOOD: 560.0,
    Tissue.EDEMA: 600.0,
    Tissue.CAP: 590.0,
    Tissue.INFARCT: 690.0,
}
"""Arbitrary units, T2-weighted with the fluid nulled."""

DIFFUSION: Palette = {
    Tissue.AIR: 3.0,
    Tissue.SKIN: 45.0,
    Tissue.FAT: 25.0,
    Tissue.MUSCLE: 70.0,
    Tissue.CORTICAL_BONE: 8.0,
    Tissue.DIPLOE: 18.0,
    Tissue.SPINAL_FLUID: 38.0,
    Tissue.GRAY: 285.0,
    Tissue.WHITE: 255.0,
    Tissue.DEEP_GRAY: 255.0,
    Tissue.CEREBELLUM: 275.0,
    Tissue.BRAINSTEM: 285.0,
    Tissue.DURA: 60.0,
    Tissue.VEIN: 40.0,
    Tissue.ARTERY: 20.0,
    Tissue.CALCIUM: 20.0,
    Tissue.GLOBE: 30.0,
    Tissue.LENS: 60.0,
    Tissue.SUPPORT: 3.0,
    Tissue.BLOOD: 190.0,
    Tissue.SUBDURAL_BLOOD: 330.0,
    Tissue.EDEMA: 250.0,
    Tissue.CAP: 270.0,
    Tissue.INFARCT: 590.0,
}
"""Arbitrary units, b = 1000 s/mm2, fat suppressed."""
