"""List the synthetic studies that come with the program, and open them after checking their hash."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from strokeapp.errors import CorruptFileError
from strokeapp.types import Modality

LISTING = Path(__file__).with_name("demonstrations.json")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Describe one synthetic study.

    Args:
        title: For a list.
        description: One sentence.
        modality: CT or MR.
        path: Zip file with DICOM or NIfTI in it.
        sha256: Of the zip file, hexadecimal.
    """

    title: str
    description: str
    modality: Modality
    path: Path
    sha256: str

    def open(self) -> BinaryIO:
        """Return the content of the zip file.

        Raises:
            CorruptFileError: The file is missing or is not the one in the list.
        """
        message = f"The demonstration study {self.path.name!r} is damaged or missing. Install the program again."
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise CorruptFileError(message, detail=type(error).__name__) from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise CorruptFileError(message, detail=f"sha256 {found}, expected {self.sha256}")
        return io.BytesIO(content)


def demonstrations(listing: Path = LISTING) -> tuple[Demonstration, ...]:
    """Read the list of demonstration studies.

    Args:
        listing: JSON list of objects with file, title, description, modality, synthetic and sha256; files lie
            beside it.

    Raises:
        CorruptFileError: The list is missing, is not in the documented form, or names a study that is not synthetic.
    """
    try:
        entries = json.loads(listing.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise ValueError("not a list")
        return tuple(_entry(entry, listing.parent) for entry in entries)
    except (OSError, KeyError, TypeError, ValueError) as error:
        message = "The list of demonstration studies is damaged or missing. Install the program again."
        raise CorruptFileError(message, detail=f"{type(error).__name__}: {error}") from error


def _entry(entry: dict[str, str | bool], folder: Path) -> Demonstration:
    if entry["synthetic"] is not True:
        raise ValueError(f"{entry['file']} is not marked synthetic")
    name = Path(str(entry["file"])).name
    return Demonstration(
        title=str(entry["title"]),
        description=str(entry["description"]),
        modality=Modality(str(entry["modality"])),
        path=folder / name,
        sha256=str(entry["sha256"]),
    )
