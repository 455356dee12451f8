"""Say what the synthetic studies were made with: the truth by construction, not by anyone's reading."""

from __future__ import annotations

from collections.abc import Mapping

from strokeapp.demonstration import Demonstration
from strokeapp.types import Finding

_FINDINGS: Mapping[str, frozenset[Finding]] = {
    "synthetic_normal_ct.zip": frozenset(),
    "synthetic_bleed_ct.zip": frozenset({Finding.HEMORRHAGIC}),
    "synthetic_infarct_ct.zip": frozenset({Finding.ISCHEMIC}),
    "synthetic_subdural_ct.zip": frozenset({Finding.HEMORRHAGIC}),
    "synthetic_infarct_flair.zip": frozenset({Finding.ISCHEMIC}),
    "synthetic_infarct_dwi.zip": frozenset({Finding.ISCHEMIC}),
}


def truth_of(study: Demonstration) -> dict[Finding, bool | None]:
    """Return whether each finding is in a demonstration study; None for a study that is not listed here."""
    findings = _FINDINGS.get(study.path.name)
    return {finding: None if findings is None else finding in findings for finding in Finding}
