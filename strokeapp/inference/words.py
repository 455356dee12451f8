"""Say a reading in words."""

from __future__ import annotations

from strokeapp.types import Finding, Reading

NAMES = {Finding.HEMORRHAGIC: "Hemorrhage", Finding.ISCHEMIC: "Ischemic stroke"}
DISCLAIMER = "Research use, not a medical device. Not flagged is not normal."


def decision(reading: Reading) -> str:
    """Return the reading's decision as a headline.

    Several findings may be flagged at once; none flagged is never called normal.
    """
    flagged = [NAMES[finding] for finding, result in reading.findings.items() if result.flagged]
    if not flagged:
        return "Nothing flagged"
    names = " and ".join(flagged)
    return f"{names[0]}{names[1:].lower()} flagged"


def top_slice(reading: Reading, finding: Finding) -> int:
    """Return the index of the slice with the highest probability of a finding; the first of equals."""
    values = [getattr(item, finding.value) for item in reading.slices]
    return max(range(len(values)), key=lambda index: -1.0 if values[index] is None else values[index])


def sentence(reading: Reading, finding: Finding) -> str:
    """Return one finding's probability beside its operating point, and where it is highest."""
    result = reading.findings[finding]
    relation = "reaches" if result.flagged else "stays below"
    text = f"Probability {result.probability:.2f} {relation} the operating point {result.threshold:.2f}"
    if len(reading.slices) > 1:
        text += f"; highest on slice {top_slice(reading, finding) + 1}"
    return f"{text}."


def slices_sentence(reading: Reading, finding: Finding, threshold: float) -> str:
    """Return how many slices by themselves reach the operating point of slices; empty for a single slice.

    Args:
        reading: Of a volume.
        finding: One of the reading's.
        threshold: Operating point of a slice's probability, from the network's card.
    """
    values = [getattr(item, finding.value) for item in reading.slices]
    read = [value for value in values if value is not None]
    if len(values) < 2 or not read:
        return ""
    reached = sum(value >= threshold for value in read)
    return f"By themselves, {reached or 'none'} of {len(read)} slices {_reach(reached)} {threshold:.2f}."


def _reach(count: int) -> str:
    return "reaches" if count < 2 else "reach"
