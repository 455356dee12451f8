"""Name what a printed page holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strokeapp.ui.exhibits import Exhibit


@dataclass(frozen=True)
class Report:
    """Hold what is printed.

    Args:
        title: Of the document.
        facts: Labels and values under the title: network, version, weights, selection, numbers.
        summary: A paragraph below them.
        warnings: That must not be overlooked.
        exhibits: In order.
        made: When.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    summary: str
    warnings: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    made: datetime
