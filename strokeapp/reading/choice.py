"""Choose the series that is best to read first: a table of scored rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strokeapp.reading.dicom_facts import FileFacts
from strokeapp.reading.inventory import Inventory, Series
from strokeapp.reading.sequence import vocabulary, words_of
from strokeapp.types import Modality, Plane, Sequence, Severity


@dataclass(frozen=True, slots=True)
class ScoredRule:
    """Add points to a series for which a statement holds.

    Args:
        points: Added; negative to advise against.
        why: The statement.
        holds: Whether it is true of a series.
    """

    points: float
    why: str
    holds: Callable[[Series], bool]


BONE_WORDS = vocabulary("bone knochen os ossos hueso kemik lung sharp inner ear temporal petrous sinus")
BRAIN_WORDS = vocabulary("brain head cerebrum cranial cranium neuro h20s h30s h31s h40s j30s j40s standard soft")
ELSEWHERE_WORDS = vocabulary("spine neck chest thorax abdomen pelvis cspine hals face orbit angio cow aorta")


LEARNT_MM = (3.0, 7.0)
"""Distances of CT slices that are read one by one and are not called thick."""


def bone_kernel(series: Series | FileFacts) -> bool:
    """Tell whether a CT was reconstructed for bone: by words, or Siemens kernels of 50 and sharper."""
    words = words_of(series.kernel, series.description)
    kernel = series.kernel.upper().split(" ")[0]
    digits = "".join(letter for letter in kernel[1:] if letter.isdigit())[:2]
    sharp = kernel[:1] in ("H", "J", "B", "U") and digits.isdigit() and len(digits) == 2 and int(digits) >= 50
    return bool(BONE_WORDS & words) or sharp or kernel in ("BONE", "BONEPLUS", "EDGE", "FC30", "FC80", "FC81", "YD")


def of_learnt_thickness(series: Series) -> bool:
    """Tell whether CT slices lie as far apart as those the network learnt from; thinner ones have to be averaged."""
    low, high = LEARNT_MM
    return series.modality is Modality.CT and series.spacing_mm is not None and low <= series.spacing_mm[0] <= high


RULES: tuple[ScoredRule, ...] = (
    ScoredRule(100, "plain CT", lambda s: s.modality is Modality.CT and s.sequence is Sequence.NCCT),
    ScoredRule(80, "diffusion", lambda s: s.sequence is Sequence.DWI),
    ScoredRule(60, "FLAIR", lambda s: s.sequence is Sequence.FLAIR),
    ScoredRule(40, "pictures", lambda s: s.modality is Modality.PICTURE),
    ScoredRule(20, "another MR or CT", lambda s: s.modality in (Modality.CT, Modality.MR)),
    ScoredRule(10, "axial", lambda s: s.plane is Plane.AXIAL),
    ScoredRule(8, "b-value near 1000", lambda s: s.b_value is not None and 700 <= s.b_value <= 1500),
    ScoredRule(6, "brain words", lambda s: bool(BRAIN_WORDS & words_of(s.kernel, s.description))),
    ScoredRule(3, "CT slices 3 to 7 mm apart, as the network learnt from", of_learnt_thickness),
    ScoredRule(-15, "bone kernel", bone_kernel),
    ScoredRule(-15, "words of another part of the body", lambda s: bool(ELSEWHERE_WORDS & words_of(s.description))),
    ScoredRule(-30, "tags of another part of the body", lambda s: any(f.code == "body_part" for f in s.flags)),
    ScoredRule(-20, "contrast agent", lambda s: any(f.code == "contrast" for f in s.flags)),
    # Trace images of a diffusion series are derived and yet the ones to read.
    ScoredRule(-8, "computed from other images", lambda s: s.derived and s.modality is Modality.CT),
    ScoredRule(-10, "a severe flag", lambda s: any(f.severity is Severity.SEVERE for f in s.flags)),
    ScoredRule(-5, "missing slices", lambda s: any(f.code == "missing_slices" for f in s.flags)),
)
SLICE_POINTS = 5.0
"""Points for many slices, reached smoothly: 5 slices give half of them."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Say where a series stands among the others of its input, and why.

    Args:
        series: As found.
        points: Sum of the points of ``reasons``; -inf for a series that must not be read.
        reasons: (points, statement), the weightiest first; for a refused series its reason alone.
    """

    series: Series
    points: float
    reasons: tuple[tuple[float, str], ...]


def reasons(series: Series) -> tuple[tuple[float, str], ...]:
    """Return the points of a series and what each is given for, the weightiest first."""
    found = [(rule.points, rule.why) for rule in RULES if rule.holds(series)]
    slices = f"{series.slices} slices" if series.slices != 1 else "1 slice"
    found.append((round(SLICE_POINTS * series.slices / (series.slices + 5), 1), slices))
    return tuple(sorted(found, key=lambda reason: -abs(reason[0])))


def score(series: Series) -> float:
    """Return the points of a series."""
    points = sum(rule.points for rule in RULES if rule.holds(series))
    return points + SLICE_POINTS * series.slices / (series.slices + 5)


def ranking(inventory: Inventory) -> tuple[Ranked, ...]:
    """Return every series with its points and reasons: the best to read first, the refused ones last."""
    ranked = [
        Ranked(series, score(series), reasons(series))
        if series.viewable and series.refusal is None
        else Ranked(series, float("-inf"), ((float("-inf"), series.refusal.message if series.refusal else "no image"),))
        for series in inventory.series
    ]
    return tuple(sorted(ranked, key=lambda one: -one.points))


def preselect(inventory: Inventory) -> Series | None:
    """Return the series that is best to read first, never a refused one; None if there is none."""
    candidates = [series for series in inventory.series if series.viewable and series.refusal is None]
    return max(candidates, key=score, default=None)
