"""The known traps are refused with their reason; honest sets pass."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from model_training.known_copies import FINGERPRINT, check_known_copies, outlined, write_fingerprint
from model_training.manifest import read_manifest
from strokeapp.errors import ManifestError


def rows(paths: list[str], *, dataset: str = "mine", ischemic: float = 0.0, modality: str = "CT") -> pd.DataFrame:
    return pd.DataFrame({"path": paths, "dataset": dataset, "modality": modality, "ischemic": ischemic})


@pytest.mark.parametrize("folder", ["Normal", "set/Stroke"])
def test_the_copy_of_ct_ich_is_known_by_its_names(folder):
    with pytest.raises(ManifestError, match="CT-ICH") as caught:
        check_known_copies(rows([f"{folder}/58 ({n}).jpg" for n in range(5)] + [f"{folder}/89.jpg"]))
    assert caught.value.code == "mislabelled_copy" and "mine" in caught.value.user_message


@pytest.mark.parametrize("name", ["Tr-me_0010.jpg", "Te-gl_0299.jpg", "x/Te-piTr_0001.jpg", "Tr-no_1.png"])
def test_the_tumor_set_is_known_by_its_names(name):
    with pytest.raises(ManifestError, match="tumor"):
        check_known_copies(rows(["a.png", name], modality="MR"))


@pytest.mark.parametrize(
    "paths",
    [
        ["Stroke/12.jpg", "Normal/13.jpg"],
        ["scans/58 (12).jpg", "scans/58 (13).jpg"],
        ["Tr-abc_1.jpg", "trauma-me_1.jpg"],
        ["ct_ich/049_22.webp"],
    ],
)
def test_honest_names_pass(paths):
    check_known_copies(rows(paths))


def gray_picture(seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(60, 140, (200, 200, 1))
    return np.repeat(values, 3, axis=2).astype(np.uint8)


def drawn(how) -> np.ndarray:
    picture = Image.fromarray(gray_picture())
    how(ImageDraw.Draw(picture))
    return np.asarray(picture)


OUTLINE = drawn(lambda d: d.ellipse((60, 60, 110, 95), outline=(255, 30, 30), width=1))


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (OUTLINE, True),
        (drawn(lambda d: d.ellipse((60, 60, 110, 95), fill=(30, 220, 60))), True),
        (gray_picture(), False),
        (drawn(lambda d: d.ellipse((60, 60, 110, 95), outline=(250, 250, 250), width=2)), False),
        (drawn(lambda d: d.line((20, 20, 150, 90), fill=(255, 255, 0), width=2)), False),
        (drawn(lambda d: d.text((10, 10), "R", fill=(255, 255, 0))), False),
        (np.full((50, 50, 3), (200, 20, 20), np.uint8), False),
    ],
    ids=["outline", "overlay", "gray", "white outline", "line", "letter", "color map"],
)
def test_closed_colored_curves_are_seen(picture, expected):
    assert outlined(picture) is expected


def saved(folder, pictures: list[np.ndarray]) -> list[str]:
    names = [f"{number}.jpg" for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(folder / name, quality=80)
    return names


def test_burned_in_outlines_are_refused_and_jpeg_noise_is_not(tmp_path):
    clean = saved(tmp_path, [gray_picture(seed) for seed in range(6)])
    check_known_copies(rows(clean, modality="MR"), folder=tmp_path)
    thick = drawn(lambda d: d.ellipse((60, 60, 110, 95), outline=(255, 30, 30), width=2))
    Image.fromarray(thick).save(tmp_path / "3.jpg", quality=80)
    with pytest.raises(ManifestError, match="outline") as caught:
        check_known_copies(rows(clean, modality="MR"), folder=tmp_path)
    assert caught.value.code == "burned_in"


def test_missing_and_damaged_pictures_are_named(tmp_path):
    with pytest.raises(ManifestError, match=r"gone\.png"):
        check_known_copies(rows(["gone.png"]), folder=tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ManifestError, match=r"bad\.png"):
        check_known_copies(rows(["bad.png"]), folder=tmp_path)


def test_the_fingerprint_is_small_and_holds_no_images(tmp_path):
    assert FINGERPRINT.stat().st_size <= 30_000
    with np.load(FINGERPRINT) as values:
        assert values.files == ["hashes"] and values["hashes"].shape == (2480,)
    images = np.random.default_rng(0).integers(0, 255, (5, 64, 64)).astype(np.uint8)
    write_fingerprint(images, tmp_path / "own.npz")
    with np.load(tmp_path / "own.npz") as values:
        assert values["hashes"].dtype == np.uint64 and len(values["hashes"]) == 5


def copies(shared, folder, *, mirrored: bool) -> list[str]:
    """Write slices of CT-ICH as the web does: larger, JPEG, and mirrored or not."""
    paths = sorted((shared / "data" / "ct_ich").glob("*.webp"))[20::120]
    pictures = []
    for path in paths:
        picture = Image.open(path).convert("L").resize((500, 500))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=60)
        values = np.asarray(Image.open(buffer).convert("RGB"))
        pictures.append(values[:, ::-1] if mirrored else values)
    return saved(folder, pictures)


@pytest.mark.parametrize("mirrored", [False, True])
def test_ct_ich_under_another_name_is_refused(shared, tmp_path, mirrored):
    names = copies(shared, tmp_path, mirrored=mirrored)
    with pytest.raises(ManifestError, match="CT-ICH") as caught:
        check_known_copies(rows(names, dataset="stroke_web"), folder=tmp_path)
    assert caught.value.code == "mislabelled_copy"


def test_ct_ich_is_refused_as_ischemic_under_its_own_name_too(shared, tmp_path):
    names = copies(shared, tmp_path, mirrored=False)
    check_known_copies(rows(names, dataset="ct_ich"), folder=tmp_path)
    with pytest.raises(ManifestError, match="ischemic"):
        check_known_copies(rows(names, dataset="ct_ich", ischemic=1.0), folder=tmp_path)


def test_the_honest_sources_pass(shared):
    table = read_manifest(shared / "data" / "manifest.csv")
    check_known_copies(table, folder=shared / "data", looked_at=24)
