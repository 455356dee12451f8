"""Keep the words that a reader study uses in one place."""

from __future__ import annotations

from strokeapp.performance.readers import Confidence
from strokeapp.records.reader_study import Design
from strokeapp.types import Finding

CONFIDENCE_WORDS = {
    Confidence.DEFINITELY_ABSENT: "1 · Definitely absent",
    Confidence.PROBABLY_ABSENT: "2 · Probably absent",
    Confidence.UNCERTAIN: "3 · Uncertain",
    Confidence.PROBABLY_PRESENT: "4 · Probably present",
    Confidence.DEFINITELY_PRESENT: "5 · Definitely present",
}
QUESTIONS = {
    Finding.HEMORRHAGIC: "Is there an intracranial hemorrhage?",
    Finding.ISCHEMIC: "Is there an ischemic stroke?",
}
DESIGN_WORDS = {
    Design.ONCE: "One session, without AI",
    Design.SEQUENTIAL: "Two sessions: without AI, then with AI",
    Design.CROSSED: "Two sessions, crossed",
}
DESIGN_NOTES = {
    Design.ONCE: "Readers and network are compared.",
    Design.SEQUENTIAL: "Every case is read again after the washout, in a new order, with the network's reading "
    "beside it.",
    Design.CROSSED: "Each reader has the network's reading on half of the cases in the first session and on the other "
    "half in the second. The halves change places from reader to reader. Half of the cases are seen with AI before "
    "they are seen without: what is remembered of the network's reading can carry over.",
}
WITH, WITHOUT = "with AI", "without AI"


def way(aided: bool) -> str:
    """Say how a case was read."""
    return WITH if aided else WITHOUT
