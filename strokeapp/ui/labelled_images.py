"""Find labelled images and their drawn lesions in a folder with a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from strokeapp.errors import ManifestError
from strokeapp.ui.model_card_data import image_path

MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class LabelledImages:
    """Point to a folder of images.

    Args:
        folder: That the paths of a table of predictions are relative to.
        masks: Path of an image to that of its mask, as the manifest names them.
    """

    folder: Path
    masks: Mapping[str, str] = field(default_factory=dict)

    def image(self, name: str) -> Path | None:
        """Return the file of an image, or None where it is not inside the folder."""
        return image_path(self.folder, name)

    def mask(self, name: str) -> Path | None:
        """Return the file of an image's mask, or None where none was drawn or it is not inside the folder."""
        given = self.masks.get(name, "")
        return image_path(self.folder, given) if given else None


def labelled_images(folder: Path) -> LabelledImages:
    """Open a folder; with a ``manifest.csv`` in it the masks are known too.

    Args:
        folder: Of the images, or the manifest itself.

    Raises:
        ManifestError: There is no such folder, or its manifest is no table with a column ``path``.
    """
    folder = folder.parent if folder.name == MANIFEST else folder
    if not folder.is_dir():
        raise ManifestError("There is no such folder on this server. Give the one that holds manifest.csv.")
    path = folder / MANIFEST
    if not path.is_file():
        return LabelledImages(folder)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise ManifestError(
            f"{MANIFEST} in this folder is not a CSV table. Write it again.", detail=str(error)
        ) from error
    if "path" not in table:
        raise ManifestError(f"{MANIFEST} in this folder lacks the column path; see the documentation of manifests.")
    masks = table["mask"] if "mask" in table else pd.Series("", index=table.index)
    return LabelledImages(folder, dict(zip(table["path"], masks, strict=True)))
