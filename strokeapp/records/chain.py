"""Chain rows by hashes, so that a change, a removal or an insertion in the middle is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """Hold one row of a chain as stored.

    Args:
        content: What the hash covers.
        previous_hash: Of the row before, or of the study's definition.
        hash: As stored.
    """

    content: Mapping[str, Any]
    previous_hash: str
    hash: str


def hash_of(content: Mapping[str, Any], previous_hash: str = "") -> str:
    """Return SHA-256, hexadecimal, over the previous hash and the content as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(f"{previous_hash}\n{text}".encode()).hexdigest()


def first_broken(links: Iterable[Link], start: str) -> int | None:
    """Return the index of the first row that does not follow from the one before it, or None.

    Args:
        links: In the order of writing.
        start: Hash the chain begins with.
    """
    previous = start
    for index, link in enumerate(links):
        if link.previous_hash != previous or link.hash != hash_of(link.content, previous):
            return index
        previous = link.hash
    return None
