"""Make a few drawn heads with labels and lesions, as a manifest on disk and as a training set in memory."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from factories_models import ellipse, head_hu
from numpy.typing import NDArray

from factories import make_picture
from model_training.image_store import ImageStore
from model_training.manifest import LABELS
from model_training.recipe import Recipe, recipe_from
from strokeapp.imaging.head_crop import crop
from strokeapp.imaging.network_input import slice_input
from strokeapp.imaging.normalize import BRAIN_GRAY
from strokeapp.types import Modality

COLUMNS = (
    "path", "mask", "dataset", "patient", "slice", "modality", "sequence", "plane", *LABELS, "presumed",
)  # fmt: skip


def recipe_values(**changes: Any) -> dict[str, Any]:
    """Return a small recipe of two sources as plain values: bleeds in ``bleeds``, masked infarcts in ``infarcts``."""
    values = {
        "name": "toy_ct",
        "version": "0.0.1",
        "title": "Toy network",
        "modality": "CT",
        "sequences": ["NCCT"],
        "datasets": ["bleeds", "infarcts"],
        "findings": ["hemorrhagic", "ischemic"],
        "init": "scratch",
        "size": 64,
        "folds": 2,
        "batch": 4,
        "epochs": 2,
        "images_per_epoch": 8,
        "merge_duplicates": False,
        "mask_kinds": {"infarcts": "ischemic"},
        "augmentation": {"infarct_transplant": 0.5, "bleed_transplant": 0.0},
        "strata": [{"dataset": "bleeds", "share": 0.5}, {"dataset": "infarcts", "share": 0.5}],
    }
    return values | changes


def toy_recipe(**changes: Any) -> Recipe:
    """Return the small recipe with some settings changed."""
    return recipe_from(recipe_values(**changes))


def gray_head(seed: int, *, lesion: NDArray[np.bool_] | None = None, change_hu: float = 0.0) -> NDArray[np.float32]:
    """Return a drawn head in the brain window as gray in [0, 1], with a lesion added."""
    hu = head_hu(seed=seed).astype(np.float32)
    if lesion is not None:
        hu[lesion] += change_hu
    return np.clip(hu / 80, 0, 1).astype(np.float32)


def lesion_at(seed: int) -> NDArray[np.bool_]:
    """Return a lesion's mask in the brain of a drawn head, to the right of the ventricles."""
    return ellipse((128, 128), (58 + seed % 13, 86), (9, 7))


def toy_table(*, bleeds: int = 8, infarcts: int = 8) -> pd.DataFrame:
    """Return labelled rows as ``read_manifest`` does, two images to a patient."""
    rows = []
    for number in range(bleeds + infarcts):
        infarct = number >= bleeds
        labels = dict.fromkeys(LABELS, np.nan)
        labels |= {"ischemic": float(infarct), "hemorrhagic": 0.0 if infarct else float(number % 4 < 2)}
        dataset = "infarcts" if infarct else "bleeds"
        patient = f"{dataset}-{number // 2}"
        rows.append(
            {"path": f"{number}.png", "mask": f"{number}-mask.png" if infarct else "", "dataset": dataset}
            | {"patient": patient, "group": patient, "slice": str(number % 2), "modality": "CT", "sequence": "NCCT"}
            | {"plane": "axial", "presumed": ""}
            | labels
        )
    return pd.DataFrame(rows)


def toy_pictures(table: pd.DataFrame) -> list[NDArray[np.float32]]:
    """Return the picture of every row: bleeds bright, infarcts dark, both at ``lesion_at``."""
    changes = np.where(table["ischemic"] == 1, -12.0, np.where(table["hemorrhagic"] == 1, 30.0, 0.0))
    return [gray_head(seed, lesion=lesion_at(seed), change_hu=change) for seed, change in enumerate(changes)]


def toy_store(table: pd.DataFrame, *, size: int = 64) -> ImageStore:
    """Return the pictures cut to the head; masks are drawn for infarcts only."""
    count = len(table)
    items = [slice_input(picture, Modality.CT, size=size) for picture in toy_pictures(table)]
    masks = np.zeros((count, 2, size, size), bool)
    for number in np.flatnonzero(table["ischemic"] == 1):
        masks[number, 1] = crop(lesion_at(number).astype(np.float32), items[number].box, size) > 0.5
    known = np.stack([table["hemorrhagic"] == 0, table["ischemic"].notna()], axis=1)
    gray = np.stack([np.rint(item.gray * 255) for item in items]).astype(np.uint8)
    return ImageStore(gray, np.array([item.level for item in items], np.float32), masks, known)


def write_manifest(path: Path, rows: list[Mapping[str, Any]], *, columns: tuple[str, ...] = COLUMNS) -> Path:
    """Write rows as a manifest; what a row does not name stays empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_toy_manifest(folder: Path, table: pd.DataFrame) -> Path:
    """Write the pictures, masks and manifest of a toy table."""
    for number, (row, picture) in enumerate(zip(table.itertuples(), toy_pictures(table), strict=True)):
        make_picture(folder / row.path, np.rint(picture * 255).astype(np.uint8))
        if row.mask:
            make_picture(folder / row.mask, lesion_at(number).astype(np.uint8) * 255)
    plain = table.astype(object).where(table.notna(), "")
    for name in LABELS:
        plain[name] = [value if value == "" else int(value) for value in plain[name]]
    return write_manifest(folder / "manifest.csv", plain.to_dict("records"))


def study_recipe(**changes: Any):
    """Return a small recipe of a sequence network over the two sets of ``study_volumes``."""
    from model_training.study_level.recipe import study_recipe_from

    values = {"name": "toy", "kind": "gru", "design": "outputs", "datasets": ["mixed", "bleeding"], "judged": "mixed"}
    values |= {"hidden": 8, "steps": 40, "batch": 8, "shortest": 4, "seeds": [0]}
    return study_recipe_from(values | changes)


def study_volumes(*, patients: int = 16, noise: float = 1.0, seed: int = 0) -> list:
    """Return toy volumes of 10-13 slices in four folds: in ``mixed`` every other patient bleeds, in ``bleeding`` all.

    Three neighboring slices show the bleed: their first input is 2 higher; the second input is noise, and the last
    is 100 × the patient's number + the slice's.
    """
    from model_training.study_level.volumes import Volume

    rng, volumes, row = np.random.default_rng(seed), [], 0
    for number in range(patients):
        dataset = "mixed" if number < patients // 2 else "bleeding"
        count = 10 + number % 4
        labels = np.zeros(count, np.float32)
        if dataset == "bleeding" or number % 2:
            first = int(rng.integers(2, count - 4))
            labels[first : first + 3] = 1
            labels[first - 1] = np.nan
        features = rng.normal(0, noise, (count, 3)).astype(np.float32)
        features[:, 0] += 2 * (labels == 1)
        features[:, 2] = 100 * number + np.arange(count)
        volumes.append(Volume(np.arange(row, row + count), features, labels, dataset, f"p{number}", number % 4))
        row += count
    return volumes


CSF_GRAY = 0.1


def skull_disc(*, skull: bool = True, ventricle: bool = False, sulci: bool = False) -> NDArray[np.float32]:
    """Return a leveled disc of brain in a ring of bone, with a square ventricle and a row of thin sulci on demand."""
    row, column = np.indices((192, 192)) - 96
    radius = np.hypot(row, column)
    gray = np.where(radius < 80, BRAIN_GRAY, 0.0).astype(np.float32)
    if ventricle:
        gray[(np.abs(row) < 15) & (np.abs(column) < 12)] = CSF_GRAY
    if sulci:
        gray[(radius > 58) & (radius < 68) & (column % 12 < 3)] = CSF_GRAY
    if skull:
        gray[(radius >= 72) & (radius < 80)] = 1.0
    return gray
