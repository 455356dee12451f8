"""Know the files that lie beside images in every export: what kind each is, and why it is left out."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import PurePosixPath

from strokeapp.reading.inventory import LeftOut


class Companion(Enum):
    """Kinds of files that are left out: (in words, why), in the order in which they are told."""

    TEXT = ("text and tables", "They hold words or numbers, no image.")
    DOCUMENT = ("documents", "PDF and web pages are not opened; images inside them are not read.")
    VIEWER = ("viewer programs", "Programs on a disk are never run and hold no image.")
    INDEX = ("disk indexes", "The images are found by their own content, without the index.")
    SYSTEM = ("system files", "The computer that made the disk left them there.")
    GRADIENTS = ("gradient tables", "Diffusion directions are not needed; weightings are read from the table beside.")


NAMES = {
    "dicomdir": Companion.INDEX, "dirfile": Companion.INDEX, "lockfile": Companion.INDEX, "version": Companion.INDEX,
    ".ds_store": Companion.SYSTEM, "thumbs.db": Companion.SYSTEM, "desktop.ini": Companion.SYSTEM,
    "autorun.inf": Companion.VIEWER,
}  # fmt: skip
SUFFIXES = {
    **dict.fromkeys((".txt", ".md", ".json", ".tsv", ".csv", ".xml", ".log"), Companion.TEXT),
    **dict.fromkeys((".html", ".htm", ".pdf"), Companion.DOCUMENT),
    **dict.fromkeys((".bval", ".bvec"), Companion.GRADIENTS),
}
PROGRAM_SUFFIXES = (
    ".exe", ".dll", ".jar", ".inf", ".ini", ".cfg", ".ico", ".bat", ".cmd", ".sh", ".msi", ".so", ".dylib", ".js",
    ".css",
)  # fmt: skip
"""Of a viewer that an export brings along; looked at only once the content is known to be no image."""


def by_name(name: str) -> Companion | None:
    """Return the kind of a file whose name alone says that it is no image, or None.

    Args:
        name: Without folders.
    """
    return Companion.SYSTEM if name.startswith("._") else NAMES.get(name.lower())


def by_suffix(name: str) -> Companion | None:
    """Return the kind of a file whose content is no image, or None where nobody would expect it beside images.

    Args:
        name: Without folders.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in PROGRAM_SUFFIXES:
        return Companion.VIEWER
    return Companion.TEXT if name.upper().startswith("README") else SUFFIXES.get(suffix)


def grouped(found: Iterable[tuple[str, Companion]]) -> tuple[LeftOut, ...]:
    """Return (label, kind) pairs by kind, kinds in their own order."""
    files: dict[Companion, list[str]] = {kind: [] for kind in Companion}
    for label, kind in found:
        files[kind].append(label)
    return tuple(LeftOut(*kind.value, tuple(labels)) for kind, labels in files.items() if labels)
