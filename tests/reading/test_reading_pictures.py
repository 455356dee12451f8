"""Pictures: grouping, gray and color, rotation, limits."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from factories import make_picture
from strokeapp.errors import CorruptFileError, UnsuitableSeriesError
from strokeapp.reading import Limits, load, pictures, preselect, thumbnail
from strokeapp.reading.decoder_process import DecoderProcess
from strokeapp.reading.picture_decode import head
from strokeapp.types import Modality, Units


def gray(seed=0, rows=80, columns=100):
    return np.random.default_rng(seed).integers(0, 255, (rows, columns), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_pictures_of_one_folder_are_one_series_in_natural_order(tmp_path, opened, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    for number in (10, 2, 1):
        make_picture(tmp_path / "in" / f"slice {number}.{suffix}", gray(number), **options)
    series = opened().series[0]
    scan = load(series)
    np.testing.assert_array_equal(scan.voxels, [gray(1), gray(2), gray(10)])
    assert (scan.modality, scan.units, scan.geometry) == (Modality.PICTURE, Units.GRAY, None)
    assert series.refusal is None and series.source == "in"


def test_sizes_are_kept_apart_and_each_file_alone_on_request(tmp_path, opened):
    for number, rows in enumerate((80, 80, 90)):
        make_picture(tmp_path / "in" / f"{number}.png", gray(number, rows))
    assert sorted(series.slices for series in opened().series) == [1, 2]
    assert [series.slices for series in opened(each_file=True).series] == [1, 1, 1]
    files = sorted((tmp_path / "in").iterdir())
    assert [series.slices for series in opened(*files).series] == [1, 1, 1]


def test_gray_stored_as_rgb_is_gray_and_true_color_is_refused(tmp_path, opened):
    image = gray()
    make_picture(tmp_path / "rgb.png", np.stack([image] * 3, axis=-1))
    color = np.stack([image, image, image], axis=-1)
    color[20:40, 20:60, 0] = 255
    color[20:40, 20:60, 1:] = 0
    make_picture(tmp_path / "color.png", color)
    smooth = np.add.outer(np.arange(80), np.arange(100)).astype(np.uint8)
    make_picture(tmp_path / "gray.jpg", np.stack([smooth] * 3, axis=-1), quality=85)
    found = {series.source: series for series in opened(*tmp_path.glob("*.*")).series}
    np.testing.assert_array_equal(load(found["rgb.png"]).voxels[0], image)
    assert found["color.png"].refusal.code == "color" and load(found["color.png"]).voxels.shape == (1, 80, 100)
    assert found["gray.jpg"].refusal is None


def test_exif_orientation_is_honored(tmp_path, opened):
    image = Image.fromarray(np.add.outer(np.arange(80), np.zeros(100)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    voxels = load(opened(tmp_path / "turned.jpg").series[0]).voxels
    assert voxels.shape == (1, 100, 80)
    assert voxels[0, 50, 0] > voxels[0, 50, -1]


def test_sixteen_bit_pictures_use_their_range(tmp_path, opened):
    values = np.linspace(100, 60_000, 80 * 100).reshape(80, 100).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    voxels = load(opened(tmp_path / "deep.png").series[0]).voxels
    assert (voxels.min(), voxels.max()) == (0, 255)


def test_small_and_constant_pictures_are_refused(tmp_path, opened):
    make_picture(tmp_path / "dot.png", np.full((1, 1), 7, np.uint8))
    make_picture(tmp_path / "flat.png", np.full((80, 80), 7, np.uint8))
    found = {
        series.source: series.refusal.code for series in opened(tmp_path / "dot.png", tmp_path / "flat.png").series
    }
    assert found == {"dot.png": "too_small", "flat.png": "constant_image"}


def test_huge_pictures_are_refused_before_decoding(tmp_path, opened):
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "huge.png").write_bytes(png + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    assert [problem.code for problem in opened(tmp_path / "huge.png").problems] == ["too_large"]
    make_picture(tmp_path / "small.png", gray())
    assert opened(tmp_path / "small.png", limits=Limits(picture_pixels=7999)).problems[0].code == "too_large"


def test_pictures_that_are_too_many_together_are_listed_but_not_decoded(tmp_path, opened, monkeypatch):
    for number in range(10):
        make_picture(tmp_path / "in" / f"{number}.png", gray(number))
    make_picture(tmp_path / "in" / "other.png", gray(11, 64, 64))
    assert {series.refusal for series in opened(limits=Limits(voxels=10 * 80 * 100)).series} == {None}
    decoded = []
    monkeypatch.setattr(
        pictures, "decode", lambda path, label, most: decoded.append(label) or np.zeros((64, 64), np.uint8)
    )
    large, small = opened(limits=Limits(voxels=10 * 80 * 100 - 1)).series
    assert (large.slices, large.refusal.code, large.viewable) == (10, "too_large", False)
    assert small.viewable and decoded == ["in/other.png"]
    with pytest.raises(UnsuitableSeriesError):
        load(large)
    each = opened(limits=Limits(voxels=80 * 100), each_file=True).series
    assert len(each) == 11 and all(series.viewable for series in each)


def test_a_turned_picture_counts_with_those_it_lies_beside(tmp_path, opened):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "in").mkdir()
    Image.fromarray(gray(1, 100, 80)).save(tmp_path / "in" / "turned.png", exif=exif)
    make_picture(tmp_path / "in" / "upright.png", gray(2))
    (series,) = opened().series
    assert (series.slices, series.rows, series.columns) == (2, 80, 100) and load(series).voxels.shape == (2, 80, 100)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
def test_only_heads_are_looked_at_outside_the_helper(tmp_path, monkeypatch, suffix):
    path = make_picture(tmp_path / f"one.{suffix}", gray())

    def decoded(*_args, **_options):
        raise AssertionError("decoded here")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    assert (head(path).rows, head(path).columns, head(path).pages) == (80, 100, 1)
    assert pictures.decode(path, "one", 8000).shape == (80, 100)


def test_pictures_are_decoded_in_a_helper_that_may_die(tmp_path, opened, monkeypatch):
    make_picture(tmp_path / "in" / "one.png", gray())
    helper = DecoderProcess(timeout=0.0)  # killed before it can answer
    monkeypatch.setattr(pictures, "SHARED", helper)
    inventory = opened()
    assert not inventory.series and [problem.code for problem in inventory.problems] == ["corrupt_file"]
    helper._timeout = 120.0
    np.testing.assert_array_equal(load(opened().series[0]).voxels[0], gray())
    helper.close()


def test_a_picture_that_wants_too_much_memory_costs_one_file(tmp_path):
    make_picture(tmp_path / "wide.png", np.zeros((8000, 8000, 3), np.uint8))
    helper = DecoderProcess(memory=2**30)
    with pytest.raises(CorruptFileError, match="MemoryError"):
        helper.picture(tmp_path / "wide.png", 64_000_000)
    helper.close()


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg"])
def test_cut_off_pictures_cost_one_problem(tmp_path, opened, name):
    content = make_picture(tmp_path / "in" / name, gray()).read_bytes()
    (tmp_path / "in" / name).write_bytes(content[: len(content) // 2])
    make_picture(tmp_path / "in" / "good.png", gray())
    inventory = opened()
    assert [problem.source for problem in inventory.problems] == [f"in/{name}"]
    assert [series.slices for series in inventory.series] == [1]


def test_thumbnail_keeps_proportions(tmp_path, opened):
    make_picture(tmp_path / "wide.png", np.full((64, 128), 200, np.uint8) - gray(0, 64, 128) // 4)
    series = opened(tmp_path / "wide.png").series[0]
    picture = thumbnail(series, size=64)
    assert np.all(picture[:15] == 0) and np.all(picture[17:47] > 0)
    assert preselect(opened(tmp_path / "wide.png")).key == series.key


@pytest.mark.parametrize("pages", [1, 3])
def test_pages_that_are_left_out_are_told(tmp_path, opened, pages):
    first, *others = (Image.fromarray(gray(number)) for number in range(pages))
    (tmp_path / "in").mkdir()
    first.save(tmp_path / "in" / "stack.tif", save_all=True, append_images=others)
    (series,) = opened().series
    np.testing.assert_array_equal(load(series).voxels, [gray(0)])
    told = [flag.message for flag in series.flags if flag.code == "more_pages"]
    assert bool(told) == (pages > 1) and all("3 pages" in message for message in told)


def test_a_damaged_later_page_costs_that_page_only(tmp_path, opened):
    path = tmp_path / "pages.tif"
    first, second = (Image.fromarray(gray(number)) for number in range(2))
    first.save(path, save_all=True, append_images=[second])
    content = bytearray(path.read_bytes())
    at = content.rindex(struct.pack("<HH", 256, 4))
    content[at : at + 2] = struct.pack("<H", 255)
    path.write_bytes(content)
    with Image.open(path) as image, pytest.raises(TypeError):
        image.seek(1)
    (series,) = opened(path).series
    assert load(series).voxels.shape == (1, 80, 100)
