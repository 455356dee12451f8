"""Recognize what was acquired from tags and names: rules as data, first match wins."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strokeapp.types import Modality, Sequence

SMALLEST_B = 50
"""A name such as b7 is a number of something else, not a diffusion weighting in s/mm²."""
SPLIT = re.compile(r"[^a-z0-9]+")


def vocabulary(words: str) -> frozenset[str]:
    """Return words written in one line as a set."""
    return frozenset(words.split())


@dataclass(frozen=True, slots=True)
class Rule:
    """Map words to a sequence.

    Args:
        sequence: What the words mean.
        words: Any of these whole words.
        parts: Any of these anywhere in the joined text.
        modality: Only for this modality.
    """

    sequence: Sequence
    words: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()
    modality: Modality | None = None

    def matches(self, words: frozenset[str], text: str) -> bool:
        """Tell whether any word or part is there."""
        return bool(self.words & words) or any(part in text for part in self.parts)


def _rule(sequence: Sequence, words: str, *parts: str, modality: Modality | None = Modality.MR) -> Rule:
    return Rule(sequence, vocabulary(words), parts, modality)


# Order matters: an ADC map made from a DWI names both; an ASL series names perfusion; "t2 flair" is FLAIR.
RULES: tuple[Rule, ...] = (
    _rule(Sequence.UNKNOWN, "fa colfa tensor eadc exponential", "fractional aniso"),
    _rule(Sequence.ADC, "adc dapp", "apparent diffusion"),
    _rule(Sequence.ASL, "asl pcasl pasl mpld", "arterial spin", "perfusion_weighted", "perfusion weighted"),
    _rule(Sequence.PERFUSION, "pwi dsc dce perf perfusion cbf cbv mtt ttp tmax rcbf rcbv"),
    _rule(Sequence.TIME_SERIES, "bold fmri rest task", "epi-fmri"),
    _rule(Sequence.DWI, "dwi diffusion trace tracew dti ep2d b1000 isodwi dif", "diffusion"),
    _rule(Sequence.T1, "", "t1 flair", "t1_flair", "t1-flair", "t1flair"),
    _rule(Sequence.FLAIR, "flair tirm", "dark-fluid", "dark fluid", "darkfluid", "flair"),
    _rule(Sequence.SWI, "swi swan t2star hemo minip swimag", "t2star", "t2*", "suscept", "t2 gre", "gre t2"),
    _rule(Sequence.T1, "t1 t1w mprage mp2rage tfl bravo fspgr spgr tfe", "t1w", "mprage"),
    _rule(Sequence.T2, "t2 t2w", "t2w"),
    _rule(Sequence.PERFUSION, "perfusion ctp pct cbf cbv mtt tmax ttp", modality=Modality.CT),
    _rule(Sequence.CTA, "cta ctav angio angiography cow carotid", "angio", modality=Modality.CT),
)
CT_WORDS = vocabulary("ct ncct cct nect hu cranct headct brainct ctbrain cthead cta ctp computed")
MR_WORDS = vocabulary(
    "mr mri t1 t2 t1w t2w dwi adc flair b0 asl swi bold dti pwi mprage trace cbf b1000 pasl pcasl dsc fmri"
)
MASK_WORDS = vocabulary("msk mask lesion lesions seg segmentation label labels roi dseg")
LOCALIZER_WORDS = vocabulary("localizer localiser loc scout topogram survey surview 3plane scanogram plane_loc")


def words_of(*texts: str) -> frozenset[str]:
    """Return the lower-case words (letters and digits) of texts."""
    found: set[str] = set()
    for text in texts:
        found.update(word for word in SPLIT.split(text.lower()) if word)
    return frozenset(found)


def recognize(modality: Modality, *texts: str, b_value: float | None = None) -> Sequence:
    """Return the sequence that tags or file names tell.

    Args:
        modality: CT or MR; anything else is ``UNKNOWN``.
        texts: Image type, sequence name, series description, protocol, file name; the most telling first.
        b_value: Diffusion weighting in s/mm²; 50 and more makes an unnamed MR series a DWI.
    """
    for text in texts:
        words, low = words_of(text), text.lower()
        for rule in RULES:
            if rule.modality is modality and rule.matches(words, low):
                return _without_b0(rule.sequence, b_value)
    if modality is Modality.MR and b_value is not None and b_value >= SMALLEST_B:
        return Sequence.DWI
    return Sequence.NCCT if modality is Modality.CT else Sequence.UNKNOWN


def _without_b0(sequence: Sequence, b_value: float | None) -> Sequence:
    """Call the b = 0 images of a diffusion series what they are, so that no network reads them as DWI."""
    return Sequence.B0 if sequence is Sequence.DWI and b_value is not None and b_value < SMALLEST_B else sequence


def b_value_of_name(*texts: str) -> float | None:
    """Return the b-value a name tells (``b0``, ``b1000``, ``ep_b1000t``), or None."""
    for text in texts:
        match = re.search(r"(?:^|[^a-z])b[=_ ]?(\d{1,4})(?!\d)", text.lower())
        if match and (float(match.group(1)) == 0 or float(match.group(1)) >= SMALLEST_B):
            return float(match.group(1))
    return None


def is_mask_name(name: str) -> bool:
    """Tell whether a file name says that the file is a mask."""
    return bool(MASK_WORDS & words_of(name))


def is_localizer_name(*texts: str) -> bool:
    """Tell whether a description says that the series is a scout view."""
    return bool(LOCALIZER_WORDS & words_of(*texts))
