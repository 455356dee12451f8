"""Add to stored predictions what the manifest knows of each image: its place in the volume, the lesion's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from model_training.image_store import open_picture
from model_training.manifest import read_manifest
from strokeapp.errors import ManifestError
from strokeapp.performance.subgroups import LESION_PIXELS

ALSO = ("slice", "age", "sex", "scanner")
"""Columns taken over as text where the manifest has them."""


def add_manifest_columns(predictions: Path, manifest: Path) -> None:
    """Write slice, age, sex, scanner and lesion_pixels into a table of stored predictions.

    Args:
        predictions: CSV to rewrite; its other cells stay as they are.
        manifest: Table of the images it was made from; mask paths are relative to its folder.

    Raises:
        ManifestError: The manifest is not usable, lacks an image of the predictions, or names a missing mask.
    """
    table = pd.read_csv(predictions, dtype=str, keep_default_na=False)
    known = read_manifest(manifest).set_index("path")
    missing = ~table["path"].isin(known.index)
    if missing.any():
        raise ManifestError(
            f"{manifest.name} lacks {int(missing.sum())} image(s) of the predictions. Give the manifest that the "
            "network was trained from.",
            detail=table.loc[missing, "path"].iloc[0],
        )
    rows = known.loc[table["path"]]
    for name in ALSO:
        if name in rows:
            table[name] = rows[name].fillna("").to_numpy()
    table[LESION_PIXELS] = [str(lesion_pixels(manifest.parent / mask)) if mask else "" for mask in rows["mask"]]
    table.to_csv(predictions, index=False)


def lesion_pixels(mask: Path) -> int:
    """Return how many pixels of a mask are drawn.

    Raises:
        ManifestError: The file is missing or is not a picture.
    """
    return int(np.count_nonzero(open_picture(mask) > 0.5))
