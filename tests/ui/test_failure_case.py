"""One mistake opened: the right file, the network's own map, the outline around the drawn lesion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factories_models import head_hu, install_network
from PIL import Image

from strokeapp.errors import CorruptFileError, ManifestError, UnsuitableSeriesError
from strokeapp.imaging.windows import CT_PRESETS, apply_window
from strokeapp.models.registry import Card
from strokeapp.types import Finding, Modality, Sequence
from strokeapp.ui.failure_case import DRAWN, DRAWN_OTHER, open_failure, outline
from strokeapp.ui.labelled_images import LabelledImages, labelled_images
from strokeapp.ui.viewer.model import check_overlay

MANIFEST = "path,mask,dataset\nset/a.png,set/a_mask.png,set\nset/b.png,,set\nset/c.png,../outside.png,set\n"


@pytest.fixture
def images(tmp_path: Path) -> LabelledImages:
    """Write three pictures of a head, one with a drawn lesion, and open their folder."""
    folder = tmp_path / "data"
    (folder / "set").mkdir(parents=True)
    gray = np.rint(255 * apply_window(head_hu(), CT_PRESETS[0])).astype(np.uint8)
    for name in "abc":
        Image.fromarray(gray).save(folder / "set" / f"{name}.png")
    Image.fromarray(drawn()).convert("1").save(folder / "set" / "a_mask.png")
    Image.fromarray(drawn()).save(tmp_path / "outside.png")
    (folder / "manifest.csv").write_text(MANIFEST, encoding="utf-8")
    return labelled_images(folder)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return install_network(tmp_path_factory.mktemp("networks"))


def drawn() -> np.ndarray:
    """Return a mask of the lesion."""
    mask = np.zeros((128, 128), np.uint8)
    mask[50:60, 70:84] = 255
    return mask


def test_image_is_shown_with_its_map_and_the_outline_of_its_lesion(images: LabelledImages, card: Card) -> None:
    case = open_failure(images, "set/a.png", card, Finding.HEMORRHAGIC)
    with Image.open(images.folder / "set" / "a.png") as picture:
        assert np.array_equal(case.scan.voxels[0], np.asarray(picture))
    assert case.scan.modality is Modality.CT and case.scan.sequence is Sequence.NCCT
    lesion_map, border = case.overlays
    assert lesion_map.kind == "map" and border.kind == "explanation" and border.label == DRAWN and not case.notes
    assert np.array_equal(border.values[0] > 0, outline(drawn() > 0))
    assert all(overlay.shown for overlay in case.overlays)
    for overlay in case.overlays:
        check_overlay(overlay, case.scan)


def test_mask_of_something_else_is_called_so(images: LabelledImages, card: Card) -> None:
    case = open_failure(images, "set/a.png", card, Finding.HEMORRHAGIC, lesion=False)
    assert case.overlays[1].label == DRAWN_OTHER


@pytest.mark.parametrize("name", ["set/b.png", "set/c.png"])
def test_without_a_mask_inside_the_folder_there_is_a_word(images: LabelledImages, card: Card, name: str) -> None:
    case = open_failure(images, name, card, Finding.HEMORRHAGIC)
    assert [overlay.kind for overlay in case.overlays] == ["map"] and "No lesion was drawn" in case.notes[0]


def test_without_weights_the_picture_is_shown_and_the_map_is_missed(images: LabelledImages, tmp_path: Path) -> None:
    bare = install_network(tmp_path / "bare")
    (bare.folder / "weights.safetensors").unlink()
    case = open_failure(images, "set/a.png", bare, Finding.HEMORRHAGIC)
    assert [overlay.label for overlay in case.overlays] == [DRAWN] and "No lesion map" in case.notes[0]


@pytest.mark.parametrize("name", ["set/none.png", "../outside.png", "/etc/hostname", "set"])
def test_what_is_not_in_the_folder_is_not_opened(images: LabelledImages, card: Card, name: str) -> None:
    with pytest.raises(UnsuitableSeriesError, match="not in the folder"):
        open_failure(images, name, card, Finding.HEMORRHAGIC)


def test_damaged_mask_and_mask_of_another_size_are_told(images: LabelledImages, card: Card) -> None:
    mask = images.folder / "set" / "a_mask.png"
    Image.fromarray(drawn()[:64]).save(mask)
    with pytest.raises(CorruptFileError, match="another size"):
        open_failure(images, "set/a.png", card, Finding.HEMORRHAGIC)
    mask.write_bytes(b"no picture")
    with pytest.raises(CorruptFileError, match="damaged"):
        open_failure(images, "set/a.png", card, Finding.HEMORRHAGIC)


def test_outline_surrounds_a_region_and_covers_nothing_of_it() -> None:
    mask = drawn() > 0
    border = outline(mask)
    assert not (border & mask).any() and border.sum() == 12 * 16 - 10 * 14
    assert outline(mask, pixels=2).sum() == 14 * 18 - 10 * 14 and not outline(np.zeros((4, 4), bool)).any()


def test_manifest_itself_names_its_folder_and_a_folder_without_one_has_no_masks(images: LabelledImages) -> None:
    assert labelled_images(images.folder / "manifest.csv") == images
    bare = labelled_images(images.folder / "set")
    assert bare.image("a.png") is not None and bare.mask("a.png") is None


@pytest.mark.parametrize(("text", "message"), [("", "not a CSV"), ("name,mask\na,b\n", "lacks the column path")])
def test_manifests_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        labelled_images(tmp_path)


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such folder"):
        labelled_images(tmp_path / "nowhere")
